"""Copies of a NIfTI study under another patient's name are the same study; phases that changed places are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from nifti_files import mome_json, noise, phases, write
from node.cases import content_digest


def declared(folder: Path, patient: str, order: tuple[int, ...] = (0, 1), **more: object) -> Path:
    """A study of which only mome.json knows what is what."""
    phases(folder, [f"{patient}_a", f"{patient}_b"])
    (folder / f"{patient}_a.json").write_text('{"AcquisitionTime": "10:00:00"}')
    names = [f"{patient}_a.nii.gz", f"{patient}_b.nii.gz"]
    return mome_json(folder, DCE={"files": [names[each] for each in order], **more})


def test_a_copy_under_another_name_that_mome_json_explains_is_the_same_study(tmp_path: Path) -> None:
    assert content_digest(declared(tmp_path / "1", "Doe")) == content_digest(declared(tmp_path / "2", "P01"))


@pytest.mark.parametrize(
    ("order", "more"), [((1, 0), {}), ((0,), {}), ((0, 1), {"times_s": [0, 90]}), ((0, 1), {"pre_contrast": True})]
)
def test_what_mome_json_says_beside_names_counts(
    tmp_path: Path, order: tuple[int, ...], more: dict[str, object]
) -> None:
    first = content_digest(declared(tmp_path / "1", "Doe"))
    assert first != content_digest(declared(tmp_path / "2", "Doe", order, **more))


def test_a_sidecar_counts_for_the_file_that_it_lies_beside(tmp_path: Path) -> None:
    first, other = declared(tmp_path / "1", "Doe"), declared(tmp_path / "2", "Doe")
    (other / "Doe_a.json").rename(other / "Doe_b.json")
    assert content_digest(first) != content_digest(other)


def test_a_name_that_says_a_part_counts_and_one_that_says_nothing_does_not(tmp_path: Path) -> None:
    for folder, names in (
        ("1", ("Pre", "Post_1", "Doe")),
        ("2", ("Pre", "Post_1", "P01")),
        ("3", ("Post_1", "Pre", "Doe")),
    ):
        phases(tmp_path / folder, names)
    first, second, third = (content_digest(tmp_path / each) for each in "123")
    assert first == second != third


def test_a_mome_json_that_cannot_be_read_counts_as_it_is(tmp_path: Path) -> None:
    write(tmp_path / "Pre.nii.gz", noise(4, 5, 6))
    (tmp_path / "mome.json").write_text("{")
    first = content_digest(tmp_path)
    (tmp_path / "mome.json").write_text("[")
    assert content_digest(tmp_path) != first
