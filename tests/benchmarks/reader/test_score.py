"""The scorer, on answers a few numbers long: what counts as right, wrong, missing and not claimed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.reader import score
from benchmarks.reader.score import QUESTIONS, Answer, Output, ReadVolume, Truth, by_question, by_trap, outcomes


def output(role: str | None, *volumes: tuple[int, ...], b_values: tuple[float, ...] = ()) -> Output:
    b = [(value,) for value in b_values] or [()] * len(volumes)
    return Output(tuple(ReadVolume(images, each) for images, each in zip(volumes, b, strict=True)), role)


DCE, T2 = output("DCE", (1, 2, 3), (4, 5, 6)), output("T2", (7, 8))
DWI = output("DWI", (9, 10), (11, 12), b_values=(0, 800))
MIP = output("MIP", (13,))
SERIES = dict.fromkeys((1, 2, 3), "a") | dict.fromkeys((4, 5, 6), "b") | dict.fromkeys((7, 8), "c")
SERIES |= dict.fromkeys((9, 10, 11, 12), "d") | {13: "e"}
TRUTH = Truth((DCE, T2, DWI, MIP), series=SERIES)
PERFECT = Answer("r", "1", QUESTIONS, TRUTH.outputs)


def told(*outputs: Output, truth: Truth = TRUTH, claims: tuple[str, ...] = QUESTIONS) -> dict[str, str]:
    return {key: str(value) for key, value in outcomes(truth, Answer("r", "1", claims, outputs)).items()}


def test_the_truth_itself_is_right_in_everything() -> None:
    assert set(told(*TRUTH.outputs).values()) == {"+"}


def test_slices_may_run_either_way() -> None:
    assert told(output("T2", (8, 7)))["T2 volumes"] == "+"


@pytest.mark.parametrize("images", [(1, 2), (1, 3, 2), (1, 2, 3, 3), (1, 2, 3, 4, 5, 6), (1, 2, 3, 13)])
def test_a_volume_that_is_incomplete_out_of_order_or_mixed_is_wrong(images: tuple[int, ...]) -> None:
    assert told(output("DCE", images, (4, 5, 6)))["DCE volumes"] == "x"


def test_what_is_left_out_is_missing_and_not_wrong() -> None:
    assert set(told().values()) == {"o"}
    assert told(output("DCE", (1, 2, 3)))["DCE volumes"] == "o"


@pytest.mark.parametrize(
    ("outputs", "outcome"),
    [
        ([output(None, (4, 5, 6), (1, 2, 3))], "x"),
        ([output(None, (1, 2, 3), (4, 5, 6), (13,))], "x"),
        ([output(None, (1, 2, 3)), output(None, (4, 5, 6))], "o"),
        ([output(None, (1, 2, 3, 4, 5, 6))], "o"),
        ([output(None, (1, 2, 3), (4, 5, 6)), output(None, (13,))], "+"),
    ],
)
def test_phase_order_is_that_of_one_output(outputs: list[Output], outcome: str) -> None:
    assert told(*outputs)["phase order"] == outcome


def test_roles_are_those_of_series() -> None:
    assert told(output("DCE", (1,), (4,)))["DCE role"] == "+"
    assert told(output("DCE", (1,)))["DCE role"] == "o"
    assert told(output("DCE", (1,), (4,), (13,)))["DCE role"] == "x"
    assert told(output("DCE", (1,)), output("other", (4,)))["DCE role"] == "x"
    assert told(output(None, (1,), (4,)))["DCE role"] == "o"


def test_a_second_dynamic_may_be_called_one_or_not() -> None:
    truth = replace(TRUTH, outputs=(DCE, T2, DWI, replace(MIP, role=score.OTHER_DYNAMIC)))
    for role in ("DCE", "other", None):
        assert told(DCE, replace(MIP, role=role), truth=truth)["DCE role"] == "+"


@pytest.mark.parametrize(("b", "outcome"), [(800, "+"), (800.9, "+"), (743, "x")])
def test_b_values_are_exact_to_one(b: float, outcome: str) -> None:
    assert told(output(None, (9, 10), (11, 12), b_values=(0, b)))["b-values"] == outcome


def test_no_b_value_is_missing() -> None:
    assert told(output("DWI", (9, 10), (11, 12)))["b-values"] == "o"


def test_copies_are_as_good_as_what_they_repeat() -> None:
    truth = replace(TRUTH, copies={21: 7, 22: 8}, series=SERIES | {21: "c", 22: "c"})
    assert told(output("T2", (21, 22)), truth=truth)["T2 volumes"] == "+"
    assert told(output("T2", (21, 22)), output("other", (7, 8)), truth=truth)["T2 role"] == "+"
    assert told(output("T2", (7, 21, 8, 22)), truth=truth)["T2 volumes"] == "x"


def test_where_the_files_do_not_tell_an_answer_is_wrong_and_none_is_right() -> None:
    truth = replace(TRUTH, unknowable=("b-values",))
    assert told(output("DWI", (9, 10), (11, 12)), truth=truth)["b-values"] == "+"
    assert told(DWI, truth=truth)["b-values"] == "x"


def test_only_what_is_claimed_is_scored_besides_the_volumes() -> None:
    letters = told(output("MIP", (1, 2, 3)), claims=())
    assert [question for question, letter in letters.items() if letter != "-"] == list(score.VOLUME_QUESTIONS)


def test_the_tables_count_right_wrong_and_missing() -> None:
    cases = {"ge-one-series": "++++++++", "ge-one-series+duplicates": "++++++x+", "ge-vframe+duplicates": "ooo+++o-"}
    scored = {"questions": list(QUESTIONS), "readers": {"r": {"version": "1", "cases": cases}}}
    counts = "2 / 0 / 1 | 2 / 0 / 1 | 2 / 0 / 1 | 3 / 0 / 0 | 3 / 0 / 0 | 3 / 0 / 0 | 1 / 1 / 1 | 2 / 0 / 0"
    assert by_question(scored).endswith(f"| r | 3 | {counts} |")
    assert by_trap(scored).splitlines()[-2:] == ["| none | 1 / 0 / 0 |", "| duplicates | 0 / 1 / 1 |"]


def test_the_scorer_needs_nothing_but_python(tmp_path: Path) -> None:
    shutil.copy(score.__file__, tmp_path / "score.py")
    case = tmp_path / "cases" / "one"
    case.mkdir(parents=True)
    truth = {"outputs": [{"role": "T2", "volumes": [{"images": [1, 2]}]}], "copies": {}, "unknowable": []}
    (case / "truth.json").write_text(json.dumps(truth))
    (case / "images.json").write_text(json.dumps([{"image": n, "series_instance_uid": "1.2"} for n in (1, 2)]))
    answers = tmp_path / "answers" / "mine"
    answers.mkdir(parents=True)
    given = {"reader": "mine", "version": "1", "claims": ["T2 role"], "outputs": truth["outputs"]}
    (answers / "one.json").write_text(json.dumps(given))
    alone = [sys.executable, "-I", "-S", str(tmp_path / "score.py"), str(tmp_path)]
    assert "| mine | 1 |" in subprocess.run(alone, capture_output=True, text=True, check=True).stdout
    scored = json.loads((tmp_path / "score.json").read_text())
    assert scored["readers"]["mine"]["cases"]["one"][QUESTIONS.index("T2 role")] == "+"
