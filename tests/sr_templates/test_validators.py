"""The referee: `shared/tools/check_outputs.sh` with five validators, over the objects of studies of every kind."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ComprehensiveSRStorage, EnhancedSRStorage

from mome_core.case import Modality
from mome_core.results import QualityFlag, Severity
from referee import NEEDED, REFEREE, environment
from sr_studies import DEVICE, OBLIQUE, SAGITTAL, Layout, enhanced_evidence, make_evidence, make_result
from sr_templates.build import build_not_analysed, build_objects, encode, retract
from sr_templates.context import MapEncoding, ObjectOptions
from sr_templates.dicom.common_attributes import file_meta
from sr_templates.dicom.device import Revision
from sr_templates.dicom.evidence import Evidence
from sr_templates.drawing.summary_page import PageOptions
from sr_templates.kinds import OFFERED_KINDS, Kind
from sr_templates.languages.words import Language
from sr_templates.objects.key_images import RejectionReason
from sr_templates.objects.report import downgraded
from sr_templates.refusal import Refusal

ALL = ObjectOptions(OFFERED_KINDS)

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not REFEREE.exists(), reason="shared/tools/check_outputs.sh is not beside this repository"),
    pytest.mark.skipif(any(shutil.which(tool) is None for tool in NEEDED), reason=f"needs {', '.join(NEEDED)}"),
]


@pytest.fixture(scope="session")
def settings() -> dict[str, str]:
    """Environment of the referee; builds the tables of the standard once."""
    made = environment()
    if made is None:
        pytest.skip("the tables of the standard could not be fetched (PyPI dicom-standard)")
    return made


def save(folder: Path, objects: Iterable[Dataset]) -> Path:
    folder.mkdir()
    for number, instance in enumerate(objects):
        (folder / f"{instance.SeriesNumber}-{number:03d}.dcm").write_bytes(encode(instance))
    return folder


def source_files(evidence: Evidence) -> Iterable[Dataset]:
    """The headers as whole instances, with black pixels."""
    for header in evidence.instances:
        whole = deepcopy(header)
        whole.file_meta = file_meta(whole, DEVICE)
        whole.PixelData = b"\0" * (2 * whole.Rows * whole.Columns * int(whole.get("NumberOfFrames", 1)))
        yield whole


def referee(settings: dict[str, str], out: Path, source: Path | None) -> None:
    folders = [str(folder) for folder in (out, source) if folder is not None]
    verdict = subprocess.run([REFEREE, *folders], env=settings, capture_output=True, text=True, check=False)
    problems = [line for line in verdict.stdout.splitlines() if not line.startswith("WARN")]
    assert verdict.returncode == 0, "\n".join(problems)
    assert " 0 errors" in problems[-1]
    assert "0 validators skipped" in problems[-1]


def names(character_set: object, name: str) -> dict[str, object]:
    return {"SpecificCharacterSet": character_set, "PatientName": name}


STUDIES = {
    "plain": Layout(),
    "phases in one series": Layout(phases_in_one_series=True),
    "phases in one series without T2 and DWI": Layout(phases_in_one_series=True, modalities=(Modality.DCE,)),
    "sagittal": Layout(orientation=SAGITTAL),
    "oblique": Layout(orientation=OBLIQUE),
    "DCE": Layout(modalities=(Modality.DCE,)),
    "DWI": Layout(modalities=(Modality.DWI,)),
    "T2": Layout(modalities=(Modality.T2,)),
    "DCE and DWI": Layout(modalities=(Modality.DCE, Modality.DWI)),
    "DCE and T2": Layout(modalities=(Modality.DCE, Modality.T2)),
    "DWI and T2": Layout(modalities=(Modality.DWI, Modality.T2)),
    "right side": Layout(lesion_x_mm=-60),
    "near the midline": Layout(lesion_x_mm=4),
    "no accession number": Layout(attributes={"AccessionNumber": ""}),
    "time zone and issuer": Layout(attributes={"TimezoneOffsetFromUTC": "+0200", "IssuerOfPatientID": "HOSPITAL"}),
    "umlaut": Layout(attributes=names("ISO_IR 100", "Müller^Änne")),
    "umlaut in UTF-8": Layout(attributes=names("ISO_IR 192", "Müller^Änne")),
    "cyrillic": Layout(attributes=names("ISO_IR 144", "Люксембург^Роза")),
    "japanese": Layout(attributes=names(["", "ISO 2022 IR 87"], "Yamada^Hanako=山田^花子=やまだ^はなこ")),
    "chinese": Layout(attributes=names("GB18030", "Wang^XiaoDong=王^小东")),
    "chinese in UTF-8": Layout(attributes=names("ISO_IR 192", "Wang^XiaoDong=王^小东")),
}


@pytest.mark.parametrize("layout", [pytest.param(layout, id=name) for name, layout in STUDIES.items()])
def test_every_object_of_the_study_has_no_error(layout: Layout, settings: dict[str, str], tmp_path: Path) -> None:
    evidence = make_evidence(layout)
    objects = build_objects(make_result(evidence, layout.lesion_x_mm), evidence, DEVICE, options=ALL)
    referee(settings, save(tmp_path / "results", objects), save(tmp_path / "study", source_files(evidence)))


@pytest.mark.parametrize(("character_set", "language"), [
    ("ISO_IR 100", Language.GERMAN), (["", "ISO 2022 IR 87"], Language.JAPANESE), ("GB18030", Language.CHINESE),
    ("ISO_IR 192", Language.FRENCH),
])  # fmt: skip
def test_reports_in_other_languages_have_no_error(
    character_set: object, language: Language, settings: dict[str, str], tmp_path: Path
) -> None:
    evidence = make_evidence(Layout(attributes=names(character_set, "Phantom^Anna")))
    kinds = frozenset({Kind.REPORT, Kind.REGION, Kind.SEGMENTATION})
    objects = build_objects(
        make_result(evidence), evidence, DEVICE, options=ObjectOptions(kinds, page=PageOptions(language=language))
    )
    referee(settings, save(tmp_path / "results", objects), save(tmp_path / "study", source_files(evidence)))


@pytest.mark.parametrize("in_one", [False, True], ids=["an instance a phase", "one instance for all phases"])
def test_enhanced_sources_have_no_error(in_one: bool, settings: dict[str, str], tmp_path: Path) -> None:
    """Without the source folder: the referee reads planes of classic images only; the gate has compared them."""
    evidence = enhanced_evidence(Layout(phases_in_one_series=in_one))
    objects = build_objects(make_result(evidence), evidence, DEVICE, options=ALL)
    referee(settings, save(tmp_path / "results", objects), None)


def test_a_sixteen_bit_and_cropped_map_has_no_error(settings: dict[str, str], tmp_path: Path) -> None:
    evidence = make_evidence(Layout())
    result = make_result(evidence)
    result.saliency[0].volume.voxels[:, :, -2:] = 0
    wanted = ObjectOptions(frozenset({Kind.SALIENCY_MAP, Kind.REPORT}), MapEncoding.UINT16, crop_map=True)
    objects = build_objects(result, evidence, DEVICE, options=wanted)
    referee(settings, save(tmp_path / "results", objects), save(tmp_path / "study", source_files(evidence)))


def test_a_study_that_was_not_analysed_has_no_error(settings: dict[str, str], tmp_path: Path) -> None:
    evidence = make_evidence(Layout())
    bare = Evidence(other=(*evidence.t2, *evidence.dwi))
    flag = QualityFlag("no_dce", Severity.WITHHOLD, "The DCE series has one phase only.")
    objects = build_not_analysed(
        Refusal("needs a pre- and a post-contrast phase, found 1", flags=(flag,)), bare, DEVICE
    )
    referee(settings, save(tmp_path / "results", objects), save(tmp_path / "study", source_files(bare)))


def test_a_second_revision_and_a_retraction_have_no_error(settings: dict[str, str], tmp_path: Path) -> None:
    evidence, more = make_evidence(Layout()), make_evidence(Layout(phases=4))
    first = build_objects(make_result(evidence), evidence, DEVICE)
    second = build_objects(make_result(more), more, DEVICE, run=Revision(2, predecessor=first.root))
    note = retract(list(first), more, DEVICE, RejectionReason.PATIENT_SAFETY)
    objects = [*first, *second, note]
    referee(settings, save(tmp_path / "results", objects), save(tmp_path / "study", source_files(more)))


@pytest.mark.parametrize("sop_class", [ComprehensiveSRStorage, EnhancedSRStorage], ids=["88.33", "88.22"])
def test_a_downgraded_report_has_no_error(sop_class: str, settings: dict[str, str], tmp_path: Path) -> None:
    evidence = make_evidence(Layout())
    objects = build_objects(make_result(evidence), evidence, DEVICE)
    older = [downgraded(each, sop_class) if each.Modality == "SR" else each for each in objects]
    referee(settings, save(tmp_path / "results", older), save(tmp_path / "study", source_files(evidence)))


def test_missing_attributes_of_the_source_make_no_error(settings: dict[str, str], tmp_path: Path) -> None:
    evidence = make_evidence(Layout())
    for header in evidence.instances:
        for keyword in ("AccessionNumber", "StudyDescription", "PatientAge"):
            delattr(header, keyword)
    evidence = replace(evidence)
    objects = build_objects(make_result(evidence), evidence, DEVICE)
    referee(settings, save(tmp_path / "results", objects), save(tmp_path / "study", source_files(evidence)))
