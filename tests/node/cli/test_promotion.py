"""`mome-node model ...` as a person at a terminal and a script see it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mome_core.model.checkpoint import Description
from mome_core.results import ModelIdentity
from mome_core.training.bundle import LICENCES, write_bundle
from mome_core.training.gate import AcceptanceCheck
from mome_core.training.loop import train
from node.cli.main import main
from node.cli.promotion import require_passed
from node.errors import NodeError
from node.exit_codes import Exit
from node.promotion import PromotionReport
from training_examples import QUICK, task


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    file = tmp_path / "node.toml"
    file.write_text(f'[storage]\nroot = "{tmp_path / "root"}"\n')
    return file


def run(capsys: pytest.CaptureFixture[str], config: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout, stderr of `mome-node model ...`."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["model", *arguments, "--config", str(config)])
    shown = capsys.readouterr()
    return int(ended.value.code or 0), shown.out, shown.err


def test_a_shadow_is_begun_listed_and_ended(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digest = json.loads(run(capsys, config, "shadow", "demo", "--json")[1])["shadow"]
    listed = json.loads(run(capsys, config, "list", "--json")[1])
    assert [each["act"] for each in listed["decisions"]] == ["shadow begun"]
    assert digest in {each["digest"] for each in listed["models"]}
    assert "active" in run(capsys, config, "list")[1]
    assert run(capsys, config, "shadow", "--stop")[1] == "the shadow is off\n"
    code, _, why = run(capsys, config, "shadow", "--stop")
    assert code == Exit.USAGE and "no shadow is on" in why


def test_a_bundle_and_stop_at_once_are_a_usage_error(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (("shadow",), ("shadow", "demo", "--stop")):
        assert run(capsys, config, *arguments)[0] == Exit.USAGE


def test_a_rollback_before_any_promotion_says_why_not(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, why = run(capsys, config, "rollback")
    assert code == Exit.NOT_READY and "nothing was promoted" in why


def test_cases_are_locked_by_their_number(tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cohort.csv").write_text("case,patient,malignancy\ns0,p0,0\ns1,p1,1\n")
    assert run(capsys, config, "lock", str(tmp_path / "cohort.csv"))[1].startswith("2 cases of ")


def test_cases_that_readers_judged_are_named_and_not_locked(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "s0,p0,0,\ns1,p1,1,\ns2,p2,1,malignancy=verdict:agree-with-positive\n"
    (tmp_path / "cohort.csv").write_text(f"case,patient,malignancy,label_source\n{rows}")
    code, told, left_out = run(capsys, config, "lock", str(tmp_path / "cohort.csv"))
    assert code == 0 and told.startswith("2 cases of ") and left_out.endswith("(label_source): s2\n")


def test_the_report_of_a_node_without_answers_says_so(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no answers in this period" in run(capsys, config, "report")[1]


def test_the_licences_of_the_data_are_shown_before_anything_is_examined(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, learning = tmp_path / "ours", task(tmp_path, replace(QUICK, epochs=1))
    described = Description("ours", "1", "for tests", {LICENCES: ["CC BY-NC 4.0 (doi:10.7937/tcia.e3sv-re93)"]})
    write_bundle(bundle, learning, train(learning, tmp_path / "run"), described)
    code, _, told = run(capsys, config, "promote", str(bundle))
    assert code != 0  # nobody vouches for it
    assert "trained on data under CC BY-NC 4.0 (doi:10.7937/tcia.e3sv-re93)" in told
    assert "NOT FOR COMMERCIAL USE" in told


def test_a_failed_check_is_named_with_its_figures() -> None:
    identity = ModelIdentity("ours", "1", "a" * 64, "for tests")
    checks = (AcceptanceCheck("not worse", False, "AUROC 0.6"), AcceptanceCheck("deterministic", True, "equal"))
    with pytest.raises(NodeError, match=r"ours 1 is not promoted\. not worse: AUROC 0\.6\. Train it further"):
        require_passed(PromotionReport(identity, identity, "b" * 64, 1, checks, promoted=False))
    require_passed(PromotionReport(identity, identity, "b" * 64, 1, checks[1:], promoted=True))
