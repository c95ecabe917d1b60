"""Readers answer in the benchmark's format; the page shows what was measured, and the measured letters come again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.reader.answers import READERS, CaseImages, answer
from benchmarks.reader.cases import all_cases, make
from benchmarks.reader.score import QUESTIONS, by_question, by_trap, read_answer, score
from places import DOCS, ROOT

RESULTS = json.loads((ROOT / "benchmarks" / "reader" / "results.json").read_text())
AGAIN = (
    "siemens-xa-classic",
    "ge-instance-only",
    "philips-one-series",
    "uih-vframe",
    "uih-series-per-phase+duplicates",
    "ge-instance-only+shuffled-instance-numbers",
    "siemens-enhanced+split-series",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("benchmark")
    list(make(folder, [case for case in all_cases() if case.name in AGAIN]))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["node", "dcm2niix", "simpleitk"])
def test_what_was_measured_is_measured_again(made: Path, reader: str) -> None:
    pytest.importorskip({"dcm2niix": "dcm2niix", "simpleitk": "SimpleITK"}.get(reader, "pydicom"))
    assert len(list(answer(reader, made))) == len(AGAIN)
    again, measured = score(made)["readers"][reader], RESULTS["readers"][reader]
    if again["version"] == measured["version"]:
        assert again["cases"] == {case: measured["cases"][case] for case in sorted(AGAIN)}


@pytest.mark.slow
def test_a_case_that_is_answered_is_not_read_again(made: Path) -> None:
    list(answer("node", made))
    assert list(answer("node", made)) == []
    assert read_answer(made / "answers" / "node" / "uih-vframe.json").claims == QUESTIONS


def test_images_are_found_by_file_and_by_instance(made: Path) -> None:
    case = made / "cases" / "uih-vframe"
    images = CaseImages(case)
    for each in json.loads((case / "images.json").read_text()):
        assert each["image"] in images.of_file(case / each["file"])
        assert images.of_instance(each["sop_instance_uid"], each["frame"]) == each["image"]


def test_the_page_shows_the_tables_of_the_measured_run() -> None:
    page = (DOCS / "reader_benchmark.md").read_text("utf-8")
    assert by_question(RESULTS) in page
    assert by_trap(RESULTS) in page
    for name, each in RESULTS["readers"].items():
        assert each["version"] in page, name


def test_the_page_counts_where_the_node_falls_short() -> None:
    page, cases = (DOCS / "reader_benchmark.md").read_text("utf-8"), RESULTS["readers"]["node"]["cases"]

    def having(question: str, letter: str) -> list[str]:
        return [case for case, letters in cases.items() if letters[QUESTIONS.index(question)] == letter]

    assert f"{len(cases)} cases, " in page
    assert f"`no-optional-tags`, Siemens classic layouts, {len(having('b-values', 'x'))} cases" in page
    assert f"`no-optional-tags`, {len(having('DWI role', 'x'))} cases" in page
    unknown = {"uih-one-series+shuffled-instance-numbers", "uih-vframe+no-optional-tags"}
    assert f"that the files do tell apart** ({len(set(having('DCE role', 'o')) - unknown)} cases)" in page
    assert f"refused as missing slices ({len(having('T2 volumes', 'o'))} cases)" in page


def test_every_reader_is_in_the_measured_run() -> None:
    assert sorted(RESULTS["readers"]) == sorted(READERS)
    assert RESULTS["questions"] == list(QUESTIONS)


def test_the_command_says_what_it_takes() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.reader"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert told.returncode == 1
    assert "answer READER DIR" in told.stderr and "dcm2niix" in told.stderr
