"""`mome-node evaluate` on cohorts of DICOM folders: several models, several sets, one page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from evaluation_sites import write_sites
from node.cli.evaluate import evaluate

app = typer.Typer()
app.command()(evaluate)


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sites(tmp_path_factory.mktemp("sites"))


def run(sites: Path, *words: str) -> tuple[int, str, str]:
    names = [str(sites / word) if re.match(r"(north|south)\.csv|ours$|other$", word) else word for word in words]
    result = CliRunner().invoke(
        app, [*names, "--repeats", "100", "--cache", str(sites / "cache")], catch_exceptions=False
    )
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.slow
def test_two_models_on_two_sets_are_one_page_one_table_of_numbers_and_one_of_cases(sites: Path, tmp_path: Path) -> None:
    page, figures, cases = tmp_path / "page.html", tmp_path / "figures.csv", tmp_path / "cases.csv"
    sets = (f"internal={sites}/north.csv:test", f"{sites}/south.csv:test")
    files = ("--report", str(page), "--figures", str(figures), "--cases", str(cases))
    code, out, err = run(sites, *sets, "--model", "ours", "--against", "other", *files, "--json")
    assert code == 0, err
    told = json.loads(out)
    assert [each["set"] for each in told["sets"]] == ["internal", "south test"]
    assert [[m["model"] for m in each["models"]] for each in told["sets"]] == [["ours", "other"]] * 2
    internal = told["sets"][0]
    assert (internal["flow"]["listed"], internal["flow"]["measured"]) == (9, 8)
    assert internal["excluded"] == [{"case": "north/lost", "reason": "the folder holds no DICOM or NIfTI file"}]
    assert internal["flow"]["uncalled"] == {"ours": 8, "other": 8}, "a bundle without calibration calls nothing"
    assert internal["models"][0]["against"]["auroc"]["p_value"] > 0
    assert len(internal["models"][0]["coalitions"]) == 7 and internal["models"][1]["coalitions"] == []
    assert internal["models"][0]["bi_rads_4"]["downgrade"]["kept"]["of"] == 2
    assert len(cases.read_text().splitlines()) == 17
    red = [line for line in page.read_text().split("<") if line.startswith('p class="warning"')]
    assert len(red) == 1 and "internal: NOT A TEST of ours" in red[0]
    assert internal["models"][0]["exposure"]["patients_trained_on"] == 2
    assert page.read_text().count("<section") >= 6 and "the folder holds no DICOM or NIfTI file" in page.read_text()
    assert "ours: cases of internal answered: 8 of 8" in err
    again, repeated, _ = run(sites, *sets, "--model", "ours", "--against", "other", "--json")
    assert (again, json.loads(repeated)) == (0, told)


@pytest.mark.slow
def test_people_read_the_conclusion_and_a_table(sites: Path) -> None:
    code, out, err = run(sites, "north.csv", "--split", "test", "--model", "ours", "--model", "other")
    assert code == 0, err
    first, second, third = out.splitlines()[:3]
    assert first.startswith("NOT A TEST of ours: 2 of 8 cases are not new to it. 2 of 8 patients taught it")
    assert second == "None of the 8 cases taught other, and it was chosen on none of them"
    assert third.startswith("RESEARCH USE ONLY") and "On north (8 cases, 4 positive) ours" in out
    assert "p: difference from ours" in out and "AUROC of DCE alone" in out


def test_a_challenge_asks_its_own_question_about_one_set_into_a_new_folder(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for arguments, complaint in (
        (("a.csv", "--format", "mama-mia"), "asks about pathological_complete_response"),
        (("a.csv", "b.csv", "--format", "odelia"), "predictions are of one set"),
        (("a.csv", "--format", "odelia", "--predictions", str(tmp_path / "there")), "name a new folder"),
    ):
        found = CliRunner().invoke(app, list(arguments))
        assert found.exit_code == 2 and complaint in " ".join(re.sub(r"[^ -~]", "", found.stderr).split())
