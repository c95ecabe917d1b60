"""Lists of series: what one name suggests, and files that hold names or whole studies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dicom_io.study.listed import ListedSeries
from dicom_io.study.roles import RoleRule
from mome_core.case import Role
from node.series_lists import read_studies, role_of_name


def test_a_rule_of_the_site_comes_before_the_words_of_a_name() -> None:
    found = role_of_name("t2_tse_tra", [])
    assert (found.role, found.to_json()["series_description"]) == (Role.T2, "t2_tse_tra")
    ruled = role_of_name("t2_tse_tra", [RoleRule("t2_*", Role.OTHER)])
    assert (ruled.role, ruled.confidence, ruled.why) == (Role.OTHER, 1.0, "rule 't2_*'")


def test_scripts_get_the_role_of_a_name_as_plain_values() -> None:
    told = json.loads(json.dumps(role_of_name("dyn_post_2", []).to_json()))
    assert set(told) == {"series_description", "role", "confidence", "why", "phase", "moment", "fat_suppressed"}


STUDY = {
    "index": "one",
    "series": [
        {"number": 2, "description": "Ax T2 FSE", "instances": 40},
        {"number": 5, "description": "AX Vibrant MASK", "instances": 96},
        {"number": 6, "description": "AX Vibrant MultiPhase", "instances": 480},
    ],
}


@pytest.mark.parametrize("line", ["x", "[]", '{"series": 1}', '{"series": [{"number": 1}]}'])
def test_a_line_that_is_no_study_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "studies.jsonl"
    path.write_text(json.dumps(STUDY) + "\n" + line + "\n")
    with pytest.raises(ValueError, match="line 2: a study is a JSON object"):
        list(read_studies(path))


def test_a_study_without_a_number_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "studies.jsonl"
    path.write_text(json.dumps(STUDY) + "\n\n" + json.dumps({"series": []}) + "\n")
    assert [index for index, _ in read_studies(path)] == ["one", 3]


def test_what_is_empty_stays_empty(tmp_path: Path) -> None:
    path = tmp_path / "studies.jsonl"
    path.write_text(json.dumps({"series": [{"number": "7", "description": None, "instances": "3"}]}))
    assert list(read_studies(path)) == [(1, [ListedSeries(7, "", 3)])]
