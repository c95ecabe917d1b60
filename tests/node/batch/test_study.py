"""One study of a batch: analysed once, with its objects where they are wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

import phantom
from mome_core.training.errors import NotWritable
from node.batch.request import BatchRequest, BatchStudy
from node.batch.study import OBJECTS, ROWS, SEEN
from node.models import find_bundle

pytestmark = pytest.mark.slow


def test_objects_lie_under_the_name_of_the_row(tmp_path: Path) -> None:
    phantom.study(tmp_path / "study")
    answer = BatchRequest((find_bundle("demo"),), tmp_path / "out", ("report",)).open()
    name = answer(BatchStudy(tmp_path / "study"))
    assert isinstance(name, str)
    assert (tmp_path / "out" / OBJECTS / name / "report.dcm").exists()
    assert answer(BatchStudy(tmp_path / "study")) == name
    assert len(list((tmp_path / "out" / SEEN).iterdir())) == 1


def test_a_folder_that_takes_no_row_ends_the_batch(tmp_path: Path) -> None:
    phantom.study(tmp_path / "study", only=("t2",))
    answer = BatchRequest((find_bundle("demo"),), tmp_path / "out").open()
    (tmp_path / "out" / ROWS).write_text("a file where rows belong")
    with pytest.raises(NotWritable, match="rows"):
        answer(BatchStudy(tmp_path / "study"))
