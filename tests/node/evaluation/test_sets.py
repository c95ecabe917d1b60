"""Sets of cases as people name them on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from mome_core.results import Endpoint
from mome_core.training.cohort import not_measured
from mome_core.training.errors import TrainingRefused
from node.evaluation.sets import choosing_set, sets_named


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("north", "south"):
        lines = ["case,patient,malignancy,split"]
        for n, split in enumerate(("training", "validation", "test", "test")):
            lines.append(f"{name}/{n},{name}{n},{n % 2},{split}")
        (tmp_path / f"{name}.csv").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_set_is_a_manifest_a_split_of_it_or_either_under_a_name(folder: Path) -> None:
    found = sets_named(["north.csv", "north.csv:test", "far=south.csv", "farther=south.csv:test"])
    assert [(each.name, len(each.rows)) for each in found] == [
        ("north", 4),
        ("north test", 2),
        ("far", 4),
        ("farther", 2),
    ]
    assert sets_named(["north.csv:test"])[0].patients == {"north2", "north3"}


def test_a_common_split_is_that_of_sets_that_name_none(folder: Path) -> None:
    found = sets_named(["north.csv", "south.csv:training"], "test")
    assert [(each.name, len(each.rows)) for each in found] == [("north", 2), ("south training", 1)]


def test_a_path_that_exists_is_a_path_whatever_is_in_it(folder: Path) -> None:
    (folder / "a=b:c.csv").write_text((folder / "north.csv").read_text())
    assert sets_named(["a=b:c.csv"])[0].name == "a=b:c"


def test_what_cannot_be_measured_is_refused_in_words(folder: Path) -> None:
    with pytest.raises(TrainingRefused, match="there is no split 'tests'"):
        sets_named(["north.csv:tests"])
    with pytest.raises(TrainingRefused, match="two sets are called 'north'"):
        sets_named(["north.csv", "north.csv"])
    (folder / "north.csv").write_text("case,patient,malignancy,split\nnorth/0,n0,1,training\n")
    with pytest.raises(TrainingRefused, match="no case of the split test"):
        sets_named(["north.csv:test"])


def test_labels_of_readers_who_had_seen_the_score_are_not_measured_by(folder: Path) -> None:
    judged = "malignancy=verdict:agree-with-positive"
    lines = (
        f"case,patient,malignancy,split,label_source\na,p0,1,test,{judged}\nb,p1,0,test,\nc,p2,1,validation,{judged}\n"
    )
    (folder / "judged.csv").write_text(lines)
    (found,) = sets_named(["judged.csv:test"])
    assert [dict(row.labels) for row in found.rows] == [{}, {Endpoint.MALIGNANCY: 0}]
    assert not_measured(found.rows, Endpoint.MALIGNANCY).endswith("(label_source): a")
    assert not_measured(found.rows, Endpoint.TRIPLE_NEGATIVE) == ""
    chosen = choosing_set("validation", "judged.csv:test")
    assert chosen is not None and [dict(row.labels) for row in chosen.rows] == [{}]


def test_the_choosing_set_is_a_split_of_the_first_manifest_or_any_set(folder: Path) -> None:
    split = choosing_set("validation", "named=north.csv:test")
    assert split is not None and (split.name, len(split.rows)) == ("validation", 1)
    other = choosing_set("DS1=north.csv:test", "south.csv")
    assert other is not None and (other.name, len(other.rows)) == ("DS1", 2)
    (folder / "south.csv").write_text("case,patient,malignancy\nsouth/0,s0,1\n")
    assert choosing_set("validation", "south.csv") is None
