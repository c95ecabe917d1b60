"""Headers that say senseless things: a refusal with a reason or the part left out, never a traceback, never NaN."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

import phantom
from mome_core.errors import StudyIneligible
from node.cli.main import main
from reading import assembled

pytestmark = pytest.mark.slow

Change = Callable[[Dataset], None]


def says(tag: int, vr: str, value: bytes) -> Change:
    """The element with these very bytes, whatever pydicom thinks of them."""

    def change(image: Dataset) -> None:
        key = BaseTag(tag)
        image._dict[key] = RawDataElement(key, vr, len(value), value, 0, False, True)

    return change


def lacks(*keywords: str) -> Change:
    def change(image: Dataset) -> None:
        for keyword in keywords:
            if keyword in image:
                delattr(image, keyword)

    return change


def holds(**values: object) -> Change:
    def change(image: Dataset) -> None:
        for keyword, value in values.items():
            setattr(image, keyword, value)

    return change


REFUSED = [
    (lacks("ImagePositionPatient"), "no position"),
    (lacks("PixelSpacing"), "no position, orientation or pixel spacing"),
    (says(0x00280030, "DS", b""), "pixel spacing"),
    (says(0x00280030, "DS", b"0\\0 "), "spacing of 0 x 0 mm is not possible"),
    (says(0x00280030, "DS", b"nan\\nan "), "pixel spacing"),
    (says(0x00280030, "DS", b"1e300\\1e300 "), "not possible"),
    (says(0x00280030, "DS", b"1.0 "), "pixel spacing"),
    (says(0x00200032, "DS", b"nan\\0\\0 "), "no position"),
    (says(0x00200037, "DS", b"0\\0\\0\\0\\0\\0 "), "not two perpendicular unit vectors"),
    (says(0x00200037, "DS", b"1\\0\\0\\0\\1 "), "orientation"),
    (says(0x00281053, "DS", b"nan "), "rescale slope"),
    (says(0x00281053, "DS", b"0 "), "rescale slope"),
    (says(0x00281053, "DS", b"1e300 "), "rescale slope"),
    (says(0x00281052, "DS", b"text"), "rescale slope or intercept"),
    (says(0x00280008, "IS", b"1000000000"), "MiB of pixels"),
    (holds(Rows=65535, Columns=65535), "MiB of pixels"),
    (holds(BitsAllocated=12), "1 x 12 bit"),
    (holds(SamplesPerPixel=3), "3 x 16 bit"),
    (holds(PixelData=b"\0\0"), "announces"),
    (lacks("SeriesInstanceUID"), "no MR image; 70 files could not be read"),
    (lacks("Rows"), "no MR image"),
]


@pytest.fixture
def study(tmp_path: Path) -> list[Path]:
    return phantom.study(
        tmp_path / "in", "siemens", "one-series", only=("dce", "dwi"), post_phases=2, b_values=(0.0, 800.0)
    )


@pytest.mark.parametrize(("change", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_what_makes_no_sense_is_refused_with_the_reason(study: list[Path], change: Change, reason: str) -> None:
    with pytest.raises(StudyIneligible, match=reason):
        assembled(phantom.edited(study, change))


HARMLESS = [
    lacks("FrameOfReferenceUID", "Manufacturer", "ImageType", "Modality", "SOPClassUID"),
    says(0x0008103E, "LO", "Dynä ☠".encode("utf-16")),
    says(0x0008103E, "LO", b"\x1b[31mred\x1b$B "),
    says(0x0008103E, "LO", b"x" * 60000),
    says(0x00080005, "CS", b"ISO_BOGUS "),
    says(0x00080032, "TM", b"99:99:99zz"),
    says(0x00181060, "DS", b"nan "),
    says(0x00200100, "IS", b"1e400 "),
    says(0x00189087, "FD", np.float64("nan").tobytes()),
    says(0x00189087, "FD", b"abc"),
    says(0x00280008, "IS", b"-5"),
    says(0x52009230, "SQ", b""),
    says(0x00089215, "SQ", b"garbage!" * 4),
    holds(HighBit=200),
]


@pytest.mark.parametrize("change", HARMLESS)
def test_senseless_but_needless_attributes_change_nothing(study: list[Path], change: Change) -> None:
    before = assembled(study).case.dce
    after = assembled(phantom.edited(study, change)).case.dce
    assert before is not None
    assert after is not None
    assert np.array_equal(before.voxels, after.voxels)
    assert np.isfinite(after.affine).all()


@pytest.mark.parametrize(("change", "reason"), REFUSED[::3])
def test_the_command_tells_why_each_series_forms_no_volume(
    study: list[Path], change: Change, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    phantom.edited(study, change)
    with pytest.raises(SystemExit) as ended:
        main(["assemble", str(tmp_path / "in"), "--all-series", "--out", str(tmp_path / "out"), "--json"])
    assert ended.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert all(each["refused"] for each in told["series"])
    assert told["series"] or len(told["excluded"]) == len(study)


def test_a_phase_that_lacks_a_slice_is_missed(tmp_path: Path) -> None:
    paths = phantom.dce(tmp_path, "siemens", "series-per-phase")
    phantom.series(paths, "dce3")[5].unlink()
    with pytest.raises(StudyIneligible, match="a phase may be missing"):
        assembled([path for path in paths if path.exists()])
