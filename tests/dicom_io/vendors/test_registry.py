"""Which vendor made an image, what may be kept of its private elements, and how a vendor is added."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import dicom_io
from datasets import elements
from dicom_io.vendors.base import Vendor
from dicom_io.vendors.registry import OTHER, VENDORS, safe_private_elements, vendor_of
from dicom_io.vendors.siemens import IMAGE_TYPE_TEXT, MOSAIC_COUNT


@pytest.mark.parametrize(
    ("manufacturer", "vendor"),
    [
        ("SIEMENS", "Siemens"),
        ("Siemens Healthineers", "Siemens"),
        ("GE MEDICAL SYSTEMS", "GE"),
        ("GE", "GE"),
        ("General Electric", "GE"),
        ("Philips Medical Systems", "Philips"),
        ("UIH", "UIH"),
        ("United Imaging Healthcare", "UIH"),
        ("TOSHIBA_MEC", "Canon"),
        ("CANON_MEC", "Canon"),
        ("Hitachi Medical Corporation", "Hitachi"),
        ("FUJIFILM Healthcare", "Hitachi"),
        ("Agfa", "other"),
        ("GEX", "other"),
        ("", "other"),
    ],
)
def test_the_manufacturer_as_software_versions_spell_it(manufacturer: str, vendor: str) -> None:
    assert str(vendor_of(manufacturer)) == vendor


def test_a_mosaic_and_the_texts_of_siemens_tell_themselves_when_the_manufacturer_is_gone() -> None:
    image = elements(
        {MOSAIC_COUNT: ("US", 4), IMAGE_TYPE_TEXT: ("LO", "MIP/M")},
        Rows=128,
        Columns=128,
        ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
        ImagePositionPatient=[0, 0, 0],
        PixelSpacing=[1, 1],
        SliceThickness="3",
    )
    tiling = OTHER.tiling(image, ("ORIGINAL", "PRIMARY", "MOSAIC"))
    assert tiling is not None and len(tiling.tiles) == 4
    assert "MIP" in OTHER.derivation_words(image, ())


def test_every_named_vendor_has_a_profile() -> None:
    assert {str(vendor) for vendor in VENDORS} == set(map(str, Vendor))


def test_no_private_element_stands_twice() -> None:
    every = Counter(each.tag for vendor in VENDORS for each in vendor.safe_private)
    assert max(every.values()) == 1
    kept = safe_private_elements()
    assert [each.tag.element for each in kept[0x0043, "GEMS_PARM_01"]] == [0x30, 0x39]
    assert sum(map(len, kept.values())) == len(every)


ACME_FILE = '''"""Acme: b-values in a private text, phases by the trigger time alone."""

from dicom_io.encoding.elements import Elements
from dicom_io.encoding.shapes import PrivateTag, SafePrivate
from dicom_io.vendors.base import B_VALUES, Clue, Diffusion, VendorProfile

B_VALUE = PrivateTag(0x0099, "ACME DIFFUSION", 0x01)


def diffusion(elements: Elements) -> Diffusion:
    """The private b-value."""
    return Diffusion(elements.number(B_VALUE.within(elements)))


ACME = VendorProfile(
    "Acme",
    manufacturers=("ACME",),
    diffusion=diffusion,
    phase_order=(Clue.TRIGGER_TIME,),
    safe_private=(SafePrivate(B_VALUE, "DS", B_VALUES),),
)
'''
ACME_SCRIPT = """
import json, sys
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from dicom_io.deidentification.image import Deidentifier
from dicom_io.deidentification.mask import Mask
from dicom_io.headers.read import read_series_headers
from dicom_io.study.geometry import stacks_of
from dicom_io.study.phases import order_repeats

folder = Path(sys.argv[1])
paths = []
for number in range(4):  # two slices, two times; acquisition times of nothing, the last trigger comes first
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = MRImageStorage
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number + 1}"
    image.StudyInstanceUID = image.SeriesInstanceUID = "1.2.3"
    image.Manufacturer, image.Modality, image.PatientName = "ACME Imaging", "MR", "Doe^Jane"
    image.InstanceNumber, image.TemporalPositionIdentifier = number, number % 2
    image.TriggerTime = 1000 * (2 - number % 2)
    image.ImagePositionPatient, image.ImageOrientationPatient = [0, 0, 3 * (number // 2)], [1, 0, 0, 0, 1, 0]
    image.PixelSpacing, image.SliceThickness = [1, 1], 3
    image.Rows = image.Columns = 4
    image.BitsAllocated = image.BitsStored = 16
    image.HighBit, image.SamplesPerPixel, image.PixelRepresentation = 15, 1, 0
    image.PhotometricInterpretation = "MONOCHROME2"
    image.PixelData = np.zeros((4, 4), np.uint16).tobytes()
    image.private_block(0x0099, "ACME DIFFUSION", create=True).add_new(0x01, "DS", "750")
    paths.append(folder / f"{number}.dcm")
    image.save_as(paths[-1], enforce_file_format=True)

(series,) = read_series_headers(paths)
(stack,) = stacks_of(series.planes)
repeats = order_repeats(stack, series.vendor)
with Deidentifier(Mask("p1", bytes(32))) as deidentifier:
    deidentifier.write(paths[0], folder / "clean.dcm")
clean = dcmread(folder / "clean.dcm")
print(json.dumps({
    "vendor": str(series.vendor),
    "b_values": sorted({plane.diffusion.b_value for plane in series.planes}),
    "ordered_by": str(repeats.clue),
    "trigger_s": [volume[0].clocks.trigger_s for volume in repeats.volumes],
    "kept": str(clean.private_block(0x0099, "ACME DIFFUSION")[0x01].value),
    "name": str(clean.PatientName),
}))
"""


def test_a_vendor_is_added_by_one_file_and_one_row(tmp_path: Path) -> None:
    """A copy of the package gets the file and the row; then it reads, orders and de-identifies images of the vendor."""
    package = tmp_path / "house" / "dicom_io"
    shutil.copytree(Path(dicom_io.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "vendors" / "acme.py").write_text(ACME_FILE)
    registry = package / "vendors" / "registry.py"
    row = "from dicom_io.vendors import "
    with_row = registry.read_text().replace(row, f"{row}acme, ").replace("    ge.GE,\n", "    ge.GE,\n    acme.ACME,\n")
    registry.write_text(with_row)
    path = [str(package.parent), str(Path(dicom_io.__file__).parents[1]), *filter(None, sys.path)]
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path}\n{ACME_SCRIPT}", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {
        "vendor": "Acme",
        "b_values": [750.0],
        "ordered_by": "trigger time",
        "trigger_s": [1.0, 2.0],
        "kept": "750",
        "name": "p1",
    }
