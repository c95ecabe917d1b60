"""One study of a batch: analysed once, with its objects where they are wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

import phantom
from mome_core.training.errors import NotWritable
from node.batch.request import BatchRequest
from node.batch.study import OBJECTS, ROWS, SEEN, KeptRow
from node.engines.engine import LostTask
from node.models import find_bundle

pytestmark = pytest.mark.slow


def test_objects_lie_under_the_name_of_the_row(tmp_path: Path) -> None:
    phantom.study(tmp_path / "study")
    answer = BatchRequest((find_bundle("demo"),), tmp_path / "out", ("report",)).open()
    first = answer(tmp_path / "study")
    assert isinstance(first, KeptRow) and first.is_new
    assert (tmp_path / "out" / OBJECTS / first.name / "report.dcm").exists()
    assert answer(tmp_path / "study") == KeptRow(first.name, is_new=False)
    assert len(list((tmp_path / "out" / SEEN).iterdir())) == 1


def test_a_folder_that_is_not_there_has_no_row_and_is_tried_again(tmp_path: Path) -> None:
    answer = BatchRequest((find_bundle("demo"),), tmp_path / "out").open()
    lost = answer(tmp_path / "not-mounted")
    assert isinstance(lost, LostTask) and "not there" in lost.reason
    assert not (tmp_path / "out" / ROWS).exists()


def test_words_of_a_library_which_may_name_a_patient_are_not_passed_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "mome.json").write_text('{"dce": "Doe^Jane"')
    (tmp_path / "study" / "dce_0000.nii.gz").write_bytes(b"no gzip: Doe^Jane")
    answer = BatchRequest((find_bundle("demo"),), tmp_path / "out").open()
    answer(tmp_path / "study")
    assert "Doe" not in caplog.text


def test_a_folder_that_takes_no_row_ends_the_batch(tmp_path: Path) -> None:
    phantom.study(tmp_path / "study", only=("t2",))
    answer = BatchRequest((find_bundle("demo"),), tmp_path / "out").open()
    (tmp_path / "out" / ROWS).write_text("a file where rows belong")
    with pytest.raises(NotWritable, match="rows"):
        answer(tmp_path / "study")
