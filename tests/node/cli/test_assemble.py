"""`roles` reads lists of names or of whole studies, one of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from node.cli.main import main

STUDY = {
    "index": "one",
    "series": [
        {"number": 2, "description": "Ax T2 FSE", "instances": 40},
        {"number": 5, "description": "AX Vibrant MASK", "instances": 96},
        {"number": 6, "description": "AX Vibrant MultiPhase", "instances": 480},
    ],
}


def test_a_study_of_a_list_is_told_by_its_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "studies.jsonl"
    path.write_text(json.dumps(STUDY) + "\n\n" + json.dumps({"series": []}) + "\n")
    with pytest.raises(SystemExit) as ended:
        main(["roles", "--studies", str(path), "--json"])
    one, empty = json.loads(capsys.readouterr().out)
    assert ended.value.code == 0
    assert (one["index"], one["dce"], one["dce_phases"], one["t2"], one["dwi"]) == ("one", [5, 6], 6, 2, None)
    assert one["roles"] == ["T2", "SEG", "DCE_MULTI"], "of each name alone"
    assert (empty["dce"], empty["t2"]) == ([], None)


def test_names_or_studies_one_of_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["roles"])
    assert ended.value.code == 2 and "one of them" in capsys.readouterr().err
