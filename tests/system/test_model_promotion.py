"""A site's candidate takes over in a running node, answers beside it, and is rolled back; a worse one is refused."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydicom import dcmread

import phantom
from mome_core.model.checkpoint import Description, load_checkpoint, save_checkpoint
from mome_core.training.exposure import ExposureRecord
from mome_core.training.start import from_scratch
from node.models import find_bundle
from node.storage.records import StudyDetail
from running_node import RunningNode, dcmsend, dcmtk_available, running

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not dcmtk_available(), reason="DCMTK is not installed: nothing was sent"),
]
CASES = 20


def command(*arguments: str, config: Path) -> tuple[int, str, str]:
    ran = subprocess.run(
        [sys.executable, "-m", "node.cli.main", *arguments, "--config", str(config)],
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout, ran.stderr


def told(*arguments: str, config: Path) -> dict:  # type: ignore[type-arg]  # JSON
    code, out, err = command(*arguments, "--json", config=config)
    assert code == 0, err
    return json.loads(out)


def write_cohort(folder: Path) -> Path:
    lines = ["case,patient,malignancy,split"]
    for n in range(CASES):
        phantom.study(folder / f"s{n}", lesion="malignant" if n % 2 else "benign", seed=60 + n)
        lines.append(f"s{n},p{n},{n % 2},test")
    manifest = folder / "cohort.csv"
    manifest.write_text("\n".join(lines))
    return manifest


def analysed(node: RunningNode, folder: Path, seed: int) -> StudyDetail:
    """Send one more patient, and wait for the answer."""
    paths = phantom.study(folder, seed=seed)
    assert dcmsend(folder, node.port)
    study, deadline = str(dcmread(paths[0], stop_before_pixels=True).StudyInstanceUID), time.monotonic() + 960
    while not (detail := node.ledger.reading.study(study)).summary:
        assert time.monotonic() < deadline, node.log.read_text()[-3000:]
        time.sleep(0.5)
    return detail


def weights_of(detail: StudyDetail) -> str:
    assert detail.summary is not None
    return detail.summary.scores[0].model.sha256


def test_a_candidate_is_proved_promoted_shadowed_and_rolled_back(tmp_path: Path) -> None:
    demo = load_checkpoint(find_bundle("demo"))
    poor = save_checkpoint(
        tmp_path / "poor",
        from_scratch(demo.architecture, seed=3),
        demo.recipe,
        Description("poor", "1", "Knows nothing.", {"exposure": ExposureRecord().to_json()}),
    )
    sections = {
        "model": {"path": str(tmp_path / "poor"), "allow_unsigned": True},
        "promotion": {"fewest": 4, "margin": 0.2},
    }
    cohort, cache = write_cohort(tmp_path / "cohort"), ("--cache", str(tmp_path / "cache"))
    with running(tmp_path / "node", **sections) as node:
        assert weights_of(analysed(node, tmp_path / "first", 81)) == poor.sha256

        code, _, why = command("model", "promote", "demo", *cache, config=node.config)
        assert code == 5 and "mome-node model lock COHORT.csv" in why
        assert told("model", "lock", str(cohort), "--split", "test", config=node.config)["cases"] == CASES

        tried = told("model", "promote", "demo", "--dry-run", *cache, config=node.config)
        assert tried["passed"] and tried["attempt"] == 1
        assert told("model", "promote", "demo", *cache, config=node.config)["attempt"] == 2
        assert weights_of(analysed(node, tmp_path / "second", 82)) == demo.identity.sha256

        code, _, why = command("model", "promote", str(tmp_path / "poor"), *cache, config=node.config)
        assert code == 1 and "poor 1 is not promoted. not worse: AUROC" in why
        code, _, why = command("model", "promote", "demo", *cache, config=node.config)
        assert code == 5 and "is the active model" in why

        told("model", "shadow", str(tmp_path / "poor"), config=node.config)
        third = analysed(node, tmp_path / "third", 83)
        assert weights_of(third) == demo.identity.sha256
        wait_for_the_shadow(node)

        assert told("model", "rollback", config=node.config)["sha256"] == poor.sha256
        assert weights_of(analysed(node, tmp_path / "fourth", 84)) == poor.sha256
        code, _, why = command("model", "rollback", config=node.config)
        assert code == 5 and "no model to go back to" in why

        acts = [each["act"] for each in told("model", "list", config=node.config)["decisions"]]
        examined = ["examination", "examined"]
        assert acts == ["cases locked", *examined, *examined, "promoted", *examined, "shadow begun", "rolled back"]
        assert node.ledger.audit.verify().entries > 0

        (tmp_path / "cohort" / "cohort.csv").write_text(cohort.read_text().replace("p1,1", "p1,0"))
        code, _, why = command("model", "promote", "demo", *cache, config=node.config)
        assert code == 5 and "were changed after they were locked" in why


def wait_for_the_shadow(node: RunningNode) -> None:
    """Until the shadow has answered, and the report shows it."""
    deadline = time.monotonic() + 480
    while not (reports := told("model", "report", config=node.config)["reports"]):
        assert time.monotonic() < deadline, "the shadow never answered"
        time.sleep(1)
    assert reports[0]["studies"] == 1 and reports[0]["endpoint"] == "malignancy"
