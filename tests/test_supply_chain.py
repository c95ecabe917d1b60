"""What an installation is held to: every file by its digest, a bill of materials that is true, licences of all."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from places import ROOT

DEPLOY = ROOT / "deploy"
spec = spec_from_file_location("bill_of_materials", DEPLOY / "bill_of_materials.py")
assert spec is not None and spec.loader is not None
making = sys.modules["bill_of_materials"] = module_from_spec(spec)
spec.loader.exec_module(making)


def needed_here(name: str, extras: frozenset[str], found: set[str]) -> set[str]:
    """The names of all that a package needs on this platform, itself included."""
    if name not in found:
        found.add(name)
        try:
            lines = requires(name) or []
        except PackageNotFoundError:
            lines = []
        for each in map(Requirement, lines):
            if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in (*extras, "")):
                needed_here(canonicalize_name(each.name), frozenset(each.extras), found)
    return found


def test_every_package_of_the_lists_has_the_version_that_is_tested_and_digests() -> None:
    pinned = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "constraints.txt").read_text(), re.M)
    tested = {canonicalize_name(name): version for name, version in pinned}
    for lock in making.LOCKS:
        text = (DEPLOY / lock).read_text()
        entries = [each for each in re.split(r"(?m)^(?=\S)", text) if each and not each.startswith("#")]
        assert entries and all("--hash=sha256:" in each for each in entries)
        for package in making.locked_packages(text):
            assert tested.get(package.name, package.version) == package.version, package.name


def test_all_that_the_program_needs_here_is_in_the_lists() -> None:
    needed = needed_here("mome-node", frozenset({"postgres", "train", "fhir"}), set()) - {"mome-node"}
    assert needed - {each.name for each in making.everything()} == set()


def test_the_bill_of_materials_is_that_of_the_lists_and_valid() -> None:
    written = making.BILL.read_text()
    assert written == making.bill(making.own_version(), making.everything()), "python deploy/bill_of_materials.py"
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(written) is None


def test_the_page_of_licences_is_that_of_the_lists() -> None:
    assert making.LICENCES.read_text() == making.page(making.everything()), "python deploy/bill_of_materials.py"


@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
def test_the_documented_installation_takes_files_with_digests_only_and_runs(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    pip = [str(tmp_path / "venv" / "bin" / "pip"), "--quiet", "--disable-pip-version-check"]

    def run(*command: str) -> str:
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    run(*pip, "install", "--constraint", str(ROOT / "constraints.txt"), "torch")  # for processors: not in the lists
    run(*pip, "install", "--require-hashes", "--requirement", str(DEPLOY / "requirements.txt"))
    run(*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT))
    run(*pip, "install", "--no-deps", *map(str, tmp_path.glob("mome_node-*.whl")))
    run(*pip, "check")
    assert "Radiology AI node" in run(str(tmp_path / "venv" / "bin" / "mome-node"), "--help")
