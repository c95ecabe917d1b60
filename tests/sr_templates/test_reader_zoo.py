"""The reader zoo: studies as odd as hospitals send them, each object through every validator and three readers.

One row for each case that a review tried (outputs_review.md, section 3); a few are in the fast loop.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

import odd_images as odd
from dicom_io.headers.read import read_series_headers
from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.options import Layout, StudyOptions, TransferSyntax, Trap
from dicom_io.phantom.spec import Breasts, Lesion, PhantomSpec, Position, Size, SliceOrientation
from dicom_io.phantom.vendors import write_study
from dicom_io.study.case import read_case
from dicom_io.study.classify import assign_roles
from phantom_results import DEVICE, AnsweredStudy, answer, evidence_of
from referee import NEEDED, REFEREE, environment
from sr_readers import DCMQI, by_dcmqi, by_simpleitk, mask_by_highdicom, program
from sr_templates.build import ResultObjects, build_objects, encode
from sr_templates.context import ObjectOptions
from sr_templates.kinds import OFFERED_KINDS, Kind
from sr_templates.saliency.placed import place_saliency

Edit = Callable[[Dataset], None]


@dataclass(frozen=True, slots=True)
class Oddity:
    """How a study of the zoo differs from an ordinary one.

    Parameters
    ----------
    own_errors
        Pattern of what is no fault of the objects: the source's own errors, which copied attributes keep, Type 2
        attributes that the source lacks, and what a validator can't read.
    """

    vendor: str = "siemens"
    layout: Layout | None = None
    spec: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    edit: Edit | None = None
    own_errors: str = ""


def set_to(**values: object) -> Edit:
    def edit(image: Dataset) -> None:
        for keyword, value in values.items():
            setattr(image, keyword, value)

    return edit


def without(*keywords: str) -> Edit:
    def edit(image: Dataset) -> None:
        for keyword in keywords:
            image.pop(keyword, None)

    return edit


def numbered(first: int) -> Edit:
    def edit(image: Dataset) -> None:
        image.SeriesNumber = first + int(image.SeriesNumber)

    return edit


def is_diffusion(image: Dataset) -> bool:
    return "diff" in str(image.get("SeriesDescription", "")).lower()


def other_frame(image: Dataset) -> None:
    if is_diffusion(image):
        image.FrameOfReferenceUID = f"{image.FrameOfReferenceUID}.1"


def differing_charset(image: Dataset) -> None:
    if is_diffusion(image):
        image.SpecificCharacterSet = "ISO_IR 100"


def utf8_as_latin(image: Dataset) -> None:
    image.SpecificCharacterSet = "ISO_IR 100"
    image.PatientName = "王^小东".encode()


def longest(image: Dataset) -> None:
    image.PatientID, image.StudyDescription, image.PatientName = "P" * 64, "D" * 64, f"{'F' * 32}^{'G' * 31}"
    image.StudyID = image.AccessionNumber = "S" * 16
    image.StudyInstanceUID = "2.25." + "9" * 37 + "." + "1" * 21


def too_long(image: Dataset) -> None:
    image.PatientName, image.StudyID, image.StudyTime = f"{'F' * 40}^{'G' * 39}", "S" * 20, "10:15:00"


def private_clash(image: Dataset) -> None:
    for creator in ("MOME NODE", "SIEMENS MR HEADER"):
        image.private_block(0x0029, creator, create=True).add_new(0x10, "LO", "theirs")


def reversed_numbers(image: Dataset) -> None:
    image.InstanceNumber = 10_000 - int(image.InstanceNumber)


def name(charset: object, words: str) -> Edit:
    return set_to(SpecificCharacterSet=charset, PatientName=words)


ISSUER = Dataset()
ISSUER.LocalNamespaceEntityID = "RIS"

CASES = {
    "siemens": Oddity(),
    "ge": Oddity("ge"),
    "philips": Oddity("philips"),
    "uih": Oddity("uih"),
    "enhanced": Oddity("philips", Layout.ENHANCED),
    "xa classic": Oddity(layout=Layout.XA_CLASSIC),
    "vframe": Oddity("uih", Layout.VFRAME),
    "sagittal": Oddity(spec={"orientation": SliceOrientation.SAGITTAL}),
    "supine": Oddity(spec={"position": Position.SUPINE}),
    "left breast": Oddity(spec={"breasts": Breasts.LEFT}),
    "right breast, sagittal": Oddity(spec={"breasts": Breasts.RIGHT, "orientation": SliceOrientation.SAGITTAL}),
    "no t2": Oddity(options={"only": ("dce", "dwi")}),
    "no dwi": Oddity(options={"only": ("dce", "t2")}),
    "one phase after contrast": Oddity(spec={"post_phases": 1}),
    "seven phases": Oddity(spec={"post_phases": 6}),
    "motion": Oddity(spec={"motion_mm": 12.0}),
    "two dynamics": Oddity(options={"traps": frozenset({Trap.REPEATED_DYNAMIC})}),
    "rle": Oddity(options={"transfer_syntax": TransferSyntax.RLE}),
    "jpeg 2000": Oddity(options={"transfer_syntax": TransferSyntax.JPEG_2000}),
    "deflated": Oddity(options={"transfer_syntax": TransferSyntax.DEFLATED}),
    "big endian": Oddity(options={"transfer_syntax": TransferSyntax.BIG_ENDIAN}),
    "gb18030": Oddity(edit=name("GB18030", "Wang^XiaoDong=王^小东")),
    "chinese in utf-8": Oddity(edit=name("ISO_IR 192", "Wang^XiaoDong=王^小东")),
    "japanese": Oddity(edit=name(["", "ISO 2022 IR 87"], "Yamada^Hanako=山田^花子=やまだ^はなこ")),
    "korean": Oddity(
        edit=name(["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
        own_errors=r"dsr2html\|cannot be rendered: W: The VR checker does not support",  # it does with +U8
    ),
    "cyrillic": Oddity(edit=name("ISO_IR 144", "Люксембург^Роза")),
    "utf-8 said to be latin": Oddity(
        edit=utf8_as_latin, own_errors="PatientName|Specific ?Character ?Set|Patient's Name|invalid data values"
    ),
    "two charsets": Oddity(edit=differing_charset),
    "longest values": Oddity(edit=longest),
    "too long values": Oddity(
        edit=too_long, own_errors="PatientName|Patient's Name|Study ?ID|Study ?Time|invalid data values|warn_and_log"
    ),
    "little said": Oddity(
        edit=without("PatientBirthDate", "PatientSex", "StudyTime", "AccessionNumber", "StudyDescription"),
        own_errors="present in one instance but not the other - Element=<(PatientBirthDate|PatientSex|StudyTime)>",
    ),
    "study id empty": Oddity(edit=set_to(StudyID="")),
    "laterality stated": Oddity(spec={"breasts": Breasts.LEFT}, edit=set_to(Laterality="L")),
    "no body part": Oddity(edit=without("BodyPartExamined")),
    "private creators": Oddity(edit=private_clash),
    "date in the future": Oddity(edit=set_to(StudyDate="20991231", SeriesDate="20991231")),
    "numbers reversed": Oddity(edit=reversed_numbers),
    "time zone": Oddity(edit=set_to(TimezoneOffsetFromUTC="-0730")),
    "dwi in another frame": Oddity(edit=other_frame),
    "no frame of reference": Oddity(edit=odd.no_frame_of_reference),
    "local procedure codes": Oddity(edit=odd.local_procedure),
    "issuers": Oddity(
        edit=set_to(IssuerOfPatientID="HOSPITAL", IssuerOfAccessionNumberSequence=[ISSUER]),
        own_errors="Element=<IssuerOfAccessionNumberSequence> IE <Study> versus <Series>",  # dcentvfy's table of PDF
    ),
    "trial": Oddity(
        edit=odd.trial,
        own_errors="present in one instance but not the other - Element=<ClinicalTrial(ProtocolName|SiteID|SiteName)>",
    ),
    "lossy and burned in": Oddity(edit=odd.lossy),
    "series from 9006": Oddity(edit=numbered(9000)),
    "series from 2147480000": Oddity(edit=numbered(2_147_480_000)),
    "no series numbers": Oddity(edit=without("SeriesNumber")),
}
FAST = ("siemens", "two charsets", "longest values", "private creators", "series from 9006")


def study_of(oddity: Oddity, folder: Path) -> AnsweredStudy:
    """The files, as read, with a made-up answer."""
    spec = PhantomSpec(**{"seed": 7, "lesion": Lesion.MALIGNANT, "size": Size.TINY, "post_phases": 2, **oddity.spec})
    phantom = simulate(spec)
    paths = write_study(phantom, oddity.vendor, oddity.layout, folder, StudyOptions(**oddity.options))
    for path in paths if oddity.edit is not None else ():
        image = dcmread(path)
        oddity.edit(image)
        image.save_as(path)
    assembly = read_case(assign_roles(read_series_headers(paths)))
    return AnsweredStudy(phantom, paths, evidence_of(assembly), answer(phantom, assembly))


def objects_of(study: AnsweredStudy) -> ResultObjects:
    return build_objects(study.result, study.evidence, DEVICE, options=ObjectOptions(OFFERED_KINDS))


def assert_read_as_written(study: AnsweredStudy, objects: ResultObjects, folder: Path) -> None:
    """The segmentation by highdicom, SimpleITK and dcmqi; where there is none, the reader is told why."""
    if Kind.SEGMENTATION not in objects.by_kind:
        assert objects.not_written[Kind.SEGMENTATION]
        return
    placed = place_saliency(study.result, study.evidence)
    assert placed is not None and placed.region is not None
    mask, segmentation = placed.region.mask[:, :, placed.region.slices], objects.by_kind[Kind.SEGMENTATION][0]
    images = tuple(placed.images[k] for k in placed.region.slices)
    assert np.array_equal(mask_by_highdicom(segmentation, images), mask)
    file = folder / "segmentation.dcm"
    file.write_bytes(encode(segmentation))
    assert np.array_equal(by_simpleitk(file, images) != 0, mask)
    if all(program(each) is not None for each in DCMQI):
        assert np.array_equal(by_dcmqi(segmentation, "segimage2itkimage", folder, images) != 0, mask)


def inflate(paths: Iterable[Path]) -> None:
    """Write deflated files anew as Explicit VR Little Endian: dcentvfy reads no deflated source."""
    for path in paths:
        image = dcmread(path)
        if image.file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian:
            image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            image.save_as(path)


def errors_of(settings: dict[str, str], out: Path, source: Path | None) -> list[str]:
    """What all validators together call an error."""
    folders = [str(each) for each in (out, source) if each is not None]
    told = subprocess.run([REFEREE, *folders], env=settings, capture_output=True, text=True, check=False)
    assert told.stdout.splitlines()[-1].endswith(" 0 validators skipped")
    return [line for line in told.stdout.splitlines() if line.startswith("ERROR")]


@pytest.fixture(scope="session")
def settings() -> dict[str, str]:
    """Environment of the referee."""
    made = environment()
    if made is None:
        pytest.skip("the tables of the standard could not be fetched (PyPI dicom-standard)")
    return made


@pytest.mark.parametrize("oddity", [CASES[each] for each in FAST], ids=FAST)
def test_readers_find_the_region_as_it_was_written(oddity: Oddity, tmp_path: Path) -> None:
    study = study_of(oddity, tmp_path / "study")
    assert_read_as_written(study, objects_of(study), tmp_path)


@pytest.mark.exhaustive
@pytest.mark.skipif(not REFEREE.exists(), reason="shared/tools/check_outputs.sh is not beside this repository")
@pytest.mark.skipif(any(shutil.which(tool) is None for tool in NEEDED), reason=f"needs {', '.join(NEEDED)}")
@pytest.mark.parametrize("oddity", CASES.values(), ids=CASES.keys())
def test_every_object_is_lawful_and_read_as_it_was_written(
    oddity: Oddity, settings: dict[str, str], tmp_path: Path
) -> None:
    study = study_of(oddity, tmp_path / "study")
    objects = objects_of(study)
    out = tmp_path / "out"
    out.mkdir()
    for number, instance in enumerate(objects):
        (out / f"{instance.SeriesNumber}-{number:03d}.dcm").write_bytes(encode(instance))
    assert_read_as_written(study, objects, tmp_path)
    inflate(study.paths)
    classic = all("PerFrameFunctionalGroupsSequence" not in header for header in study.evidence.instances)
    errors = errors_of(settings, out, tmp_path / "study" if classic else None)
    assert [each for each in errors if not (oddity.own_errors and re.search(oddity.own_errors, each))] == []
