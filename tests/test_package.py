"""The package that users install: complete, described, and working where there is no source folder."""

from __future__ import annotations

import email
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from places import ROOT

PACKAGES = ("mome_node", "node", "mome_core", "dicom_io", "sr_templates")
NOT_OURS = ("PATH", "PYTHONPATH")


def run(*command: str | Path, **options: str | Path | dict[str, str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


def tracked(*folders: str) -> list[str]:
    return run("git", "-C", ROOT, "ls-files", *folders).split()


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the source package of a clean checkout, and the wheel that was built from that source package."""
    here = tmp_path_factory.mktemp("package")
    for name in tracked():
        if (ROOT / name).is_file():
            (here / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, here / "source" / name)
    run(sys.executable, "-m", "build", "--outdir", here / "dist", here / "source")
    return here / "dist"


@pytest.mark.slow
def test_wheel_and_source_hold_every_file_of_our_packages(packages: Path) -> None:
    (wheel,), (source,) = packages.glob("*.whl"), packages.glob("*.tar.gz")
    expected = set(tracked(*PACKAGES))
    assert expected - set(zipfile.ZipFile(wheel).namelist()) == set()
    with tarfile.open(source) as archive:
        inside = {name.split("/", 1)[-1] for name in archive.getnames()}
    assert {*expected, "README.md", "LICENSE", "constraints.txt"} - inside == set()


@pytest.mark.slow
def test_the_package_says_what_it_is(packages: Path) -> None:
    (wheel,) = packages.glob("*.whl")
    archive = zipfile.ZipFile(wheel)
    (metadata,) = (name for name in archive.namelist() if name.endswith("METADATA"))
    told = email.message_from_bytes(archive.read(metadata))
    assert "Research use only" in str(told["Summary"])
    assert "Intended Audience :: Healthcare Industry" in told.get_all("Classifier", [])
    assert any("Paper" in each for each in told.get_all("Project-URL", []))


@pytest.mark.slow
@pytest.mark.system
def test_an_empty_environment_runs_the_demo_from_the_wheel(packages: Path, tmp_path: Path) -> None:
    """Libraries come from this environment, so that a gigabyte is not installed twice; ours come from the wheel."""
    (wheel,) = packages.glob("*.whl")
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", wheel)
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    (site / "libraries.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    environment = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
    environment["PATH"] = f"{python.parent}:/usr/bin:/bin"
    whence = run(python, "-c", "import mome_node; print(mome_node.__file__)", cwd=tmp_path, env=environment)
    assert str(site) in whence
    told = run(python.parent / "mome-node", "demo", "--out", tmp_path / "out", cwd=tmp_path, env=environment)
    assert "research use only" in told.lower()
    assert any((tmp_path / "out").rglob("*.dcm"))
