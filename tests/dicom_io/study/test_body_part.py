"""A study that says of itself that it shows something else."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread

import phantom
from dicom_io.headers.read import read_series_headers
from dicom_io.study.body_part import contradicting_body_part


@pytest.mark.parametrize(
    ("body", "protocol", "expected"),
    [
        ("BREAST", "t1 dynamic", None),
        ("", "t1 dynamic", None),
        ("CHEST", "t1 dynamic", None),
        ("HEAD", "t1 dynamic", "head"),
        ("HEAD", "breast dynamic", None),
        ("", "MRI Brain perfusion", "head"),
        ("PROSTATE", "", "pelvis"),
        ("ZZPHI", "Doe^Jane", None),
    ],
)
def test_what_the_headers_name(tmp_path: Path, body: str, protocol: str, expected: str | None) -> None:
    paths = phantom.study(tmp_path, seed=3)[:40]
    for path in paths:
        image = dcmread(path)
        image.BodyPartExamined, image.ProtocolName, image.SeriesDescription = body, protocol, ""
        image.save_as(path)
    assert contradicting_body_part(read_series_headers(paths)) == expected
