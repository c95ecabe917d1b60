"""A batch over studies: the same table from every engine and after every end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch_site import manifest_of, plan_of
from mome_core.training.table import read_table
from node.batch.run import Shard, run_batch
from node.batch.study import ROWS
from node.batch.table import RESULTS, TIMINGS
from node.engines.local import LocalEngine
from node.errors import NodeError
from places import ROOT

pytestmark = pytest.mark.slow
STUDIES = 4


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return manifest_of(tmp_path_factory.mktemp("studies"), STUDIES)


@pytest.fixture(scope="module")
def serial(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that one process wrote, study after study."""
    out = tmp_path_factory.mktemp("serial")
    report = run_batch(plan_of(manifest, out), lambda done, planned: None)
    assert report.answered == STUDIES + 1 and not report.failures
    return out


def test_each_case_is_one_row_in_the_order_of_the_manifest(serial: Path) -> None:
    _, rows = read_table(serial / RESULTS)
    assert [row["case"] for row in rows] == ["s0", "s1", "s2", "s3", "empty"]
    assert [row["status"] for row in rows] == [*["scored"] * STUDIES, "not-analysed"]
    assert rows[-1]["code"] == "NO_MR_IMAGE" and rows[-1]["malignancy_probability"] == ""
    first = {name: float(rows[0][f"malignancy_{name}"]) for name in ("probability", "base", "operating_point")}
    shares = sum(float(rows[0][f"malignancy_from_{each}"]) for each in ("dce", "t2", "dwi"))
    assert first["base"] + shares == pytest.approx(first["probability"])
    assert (rows[0]["malignancy_call"] == "positive") is (first["probability"] > first["operating_point"])
    assert float(rows[0]["volume_ml"]) > 0 and rows[0]["measured_at"] == "strongest-enhancement"


def test_rows_of_single_breasts_are_not_answered_as_whole_studies(tmp_path: Path) -> None:
    manifest = tmp_path / "breasts.csv"
    manifest.write_text("case,patient,side,malignancy\ns0,p0,L,1\ns0,p0,R,0\n")
    with pytest.raises(NodeError, match="lists single breasts"):
        run_batch(plan_of(manifest, tmp_path / "out"), lambda done, planned: None)


def test_the_script_for_slurm_is_a_share_of_the_batch(manifest: Path, serial: Path, tmp_path: Path) -> None:
    script = ROOT / "deploy" / "batch" / "slurm.sbatch"
    array = {"SLURM_ARRAY_TASK_ID": "2", "SLURM_ARRAY_TASK_COUNT": "2", "SLURM_CPUS_PER_TASK": "1"}
    program = tmp_path / "bin" / "mome-node"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\ncd {ROOT} && exec {sys.executable} -m node.cli.main "$@"\n')
    program.chmod(0o755)
    environment = {**os.environ, **array, "PATH": f"{program.parent}:{os.environ['PATH']}"}
    words = ["bash", str(script), str(manifest), str(tmp_path / "out")]
    subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert (tmp_path / "out" / RESULTS).read_bytes() == (serial / RESULTS).read_bytes()


def test_a_second_call_analyses_nothing_and_writes_the_same_table(manifest: Path, serial: Path) -> None:
    before = (serial / RESULTS).read_bytes(), (serial / TIMINGS).read_bytes()
    report = run_batch(plan_of(manifest, serial), lambda done, planned: None)
    assert report.answered == 0
    assert ((serial / RESULTS).read_bytes(), (serial / TIMINGS).read_bytes()) == before


def test_processes_side_by_side_write_the_table_of_one(manifest: Path, serial: Path, tmp_path: Path) -> None:
    run_batch(plan_of(manifest, tmp_path, LocalEngine(2)), lambda done, planned: None)
    assert (tmp_path / RESULTS).read_bytes() == (serial / RESULTS).read_bytes()


def test_killed_in_the_middle_the_same_call_goes_on(manifest: Path, serial: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "node.cli.main", "cohort", "run", str(manifest), "--out", str(tmp_path)]
    command += ["--workers", "1", "--json"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as killed:
        while not list((tmp_path / ROWS).glob("*.json")):
            assert killed.poll() is None, "it ended before its first row"
            time.sleep(0.05)
        killed.send_signal(signal.SIGKILL)
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert 1 <= json.loads(ended.stdout)["answered_now"] < STUDIES + 1
    assert (tmp_path / RESULTS).read_bytes() == (serial / RESULTS).read_bytes()


def test_a_study_that_came_from_elsewhere_has_its_row_already(serial: Path, manifest: Path, tmp_path: Path) -> None:
    copied = manifest_of(tmp_path, STUDIES)  # the same phantoms, other paths and times
    report = run_batch(plan_of(copied, serial), lambda done, planned: None)
    assert report.answered == 0


def test_shards_begin_apart_and_each_ends_with_every_study(manifest: Path, serial: Path, tmp_path: Path) -> None:
    assert [Shard.parse(f"{n}/3").order(6) for n in (1, 2, 3)] == [
        [0, 1, 2, 3, 4, 5],
        [2, 3, 4, 5, 0, 1],
        [4, 5, 0, 1, 2, 3],
    ]
    for shard in ("1/2", "2/2"):
        run_batch(plan_of(manifest, tmp_path, shard=shard), lambda done, planned: None)
        assert (tmp_path / RESULTS).read_bytes() == (serial / RESULTS).read_bytes()


@pytest.mark.parametrize("text", ["0/2", "3/2", "half", "1/", "1/0"])
def test_a_shard_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(NodeError, match="I/N"):
        Shard.parse(text)


@pytest.fixture
def damaged(manifest: Path) -> Iterator[Path]:
    """The first study with an image whose pixels end too early."""
    image = sorted((manifest.parent / "s0").rglob("*.dcm"))[0]
    whole = image.read_bytes()
    image.write_bytes(whole[: len(whole) // 2])
    yield image
    image.write_bytes(whole)


def test_a_damaged_study_is_a_row_and_the_rest_is_as_before(
    manifest: Path, serial: Path, damaged: Path, tmp_path: Path
) -> None:
    run_batch(plan_of(manifest, tmp_path), lambda done, planned: None)
    (_, before), (_, after) = read_table(serial / RESULTS), read_table(tmp_path / RESULTS)
    assert after[1:] == before[1:] and after[0]["row"] != before[0]["row"]
