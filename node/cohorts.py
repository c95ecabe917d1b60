"""A cohort, from folders of DICOM or NIfTI files to a manifest of pseudonyms: begin it, join labels, check it.

COHORT.key beside a manifest holds the secret of its pseudonyms: who has it and a patient's ID can find the patient.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from dicom_io.files import dicom_files
from dicom_io.labels import read_labels
from mome_core.case import Modality
from mome_core.errors import MomeError
from mome_core.nifti.folders import nifti_study_folders, patients_of
from mome_core.nifti.study import acquisition_of
from mome_core.preprocessing.one_breast import one_breast
from mome_core.results import Endpoint, Laterality
from mome_core.training.cohort import (
    LABEL_SOURCE,
    SIDE,
    SUBTYPE_COLUMN,
    CohortProblem,
    ManifestRow,
    balance,
    problems_of,
)
from mome_core.training.table import read_table, write_table
from node.cases import content_digest, read_cohort_study
from node.errors import NodeError
from node.hosts import archive_uuid, require_images_here
from node.nifti_folders import is_nifti_study
from node.settings import Settings
from node.storage.ledger.ledger import Ledger

_T = TypeVar("_T")
Record = dict[str, str]  # a row of the manifest's file: a value of each column
_KEY_BYTES = 32
_OTHERS = (Modality.T2, Modality.DWI)  # beside the DCE
_SCANNER_FACTS = {"vendor": "vendor", "field_strength": "field_strength_t"}


# --- from folders to a manifest


@dataclass(frozen=True, slots=True)
class CohortFile:
    """A manifest that was begun, and how many cases of how many patients it lists.

    Parameters
    ----------
    without_patient
        Cases whose folders do not tell the patient: nothing is trained before somebody fills the column in.
    """

    cohort: str
    cases: int
    patients: int
    without_patient: int = 0


@dataclass(frozen=True, slots=True)
class CohortAddition:
    """What was added to a manifest: cases that it lists now, that got labels, and that are new."""

    cases: int
    joined: int
    added: int


def begin_cohort(folder: Path, manifest: Path) -> CohortFile:
    """Write a manifest with a row for each study; raises NodeError where there is none, or a manifest already.

    A study is a folder of DICOM files, or one of NIfTI files anywhere below. Patients become pseudonyms (of NIfTI, what
    the folders call them, empty where they do not tell); vendor and field strength come from headers and sidecars;
    labels are empty.
    """
    if manifest.exists():
        raise NodeError(f"{manifest} exists already; add to it with: mome-node cohort add")
    dicom, nifti = _studies_below(folder)
    if not dicom and not nifti:
        raise NodeError(
            f"{folder} holds no folder with DICOM files, nor one of NIfTI files that names or mome.json tell"
        )
    key = key_of(manifest, create=True)
    called = patients_of(nifti, folder)
    studies = sorted([*dicom, *nifti])
    rows = [new_row(study, _relative_to(study, manifest), key, called.get(study, "")) for study in studies]
    write_table(manifest, rows)
    patients = [row["patient"] for row in rows]
    return CohortFile(str(manifest), len(rows), len({*patients} - {""}), patients.count(""))


def _studies_below(folder: Path) -> tuple[list[Path], list[Path]]:
    """Folders of DICOM files in this one, and NIfTI studies anywhere below that are in none of those."""
    dicom = [each for each in folder.iterdir() if each.is_dir() and dicom_files(each)]
    return dicom, nifti_study_folders(folder, dicom)


def add_to_cohort(manifest: Path, labels: Path | None, studies: Mapping[str, Path]) -> CohortAddition:
    """Join the columns of a table into a manifest, and append studies (by Study Instance UID, with their folder).

    Raises NodeError for labels of nobody, and for a study that the manifest lists already.
    """
    _, rows = read_table(manifest)
    key = key_of(manifest, create=False)
    joined = _join(rows, labels, key) if labels else 0
    for uid, folder in studies.items():
        if any((manifest.parent / row["case"]).resolve() == folder.resolve() for row in rows):
            raise NodeError(f"study {uid} is in {manifest} already")
        rows.append(new_row(folder, str(folder), key))
    write_table(manifest, rows)
    return CohortAddition(len(rows), joined, len(studies))


def archived_study(settings: Settings, uid: str) -> Path:
    """The folder of a study in the node's archive; raises NodeError when it, or an image of it, is not there."""
    ledger, archive = Ledger(settings.database_url), archive_uuid(settings)
    if next(ledger.reading.instances(uid), None) is None:
        raise NodeError(f"study {uid} is not in this node's archive")
    require_images_here(ledger, archive, uid)
    _, _, path = next(ledger.reading.instances(uid, archive))
    return (settings.storage.root / path).parent.absolute()


def key_of(manifest: Path, *, create: bool) -> bytes:
    """The secret beside a manifest; raises NodeError when it is needed and lost."""
    place = manifest.with_suffix(".key")
    if not place.exists() and create:
        place.touch(mode=0o600)
        place.write_bytes(secrets.token_bytes(_KEY_BYTES))
    if not place.exists():
        raise NodeError(
            f"{place} is missing: without it patients cannot be matched; restore it, or begin a new manifest"
        )
    return place.read_bytes()


def pseudonym(patient_id: str, key: bytes) -> str:
    """The name of a patient in a cohort, equal in all studies; without the key nobody finds the patient by trying."""
    return "p" + hmac.new(key, patient_id.encode(), hashlib.sha256).hexdigest()[:16]


def new_row(folder: Path, name: str, key: bytes, nifti_patient: str = "") -> Record:
    """Place, pseudonym, and what the headers say of the scanner.

    Parameters
    ----------
    nifti_patient
        What the folder of a NIfTI study calls its patient; where it is empty, the row has none.
    """
    empty = {endpoint.value: "" for endpoint in Endpoint}
    if is_nifti_study(folder):
        row = {"case": name, "patient": pseudonym(nifti_patient, key) if nifti_patient else ""}
        return row | empty | _scanner_of(folder)
    labels = read_labels(dicom_files(folder)[0])
    row = {"case": name, "patient": pseudonym(labels.patient_id, key)}
    return row | empty | {"vendor": labels.manufacturer, "field_strength": labels.field_strength}


def _scanner_of(folder: Path) -> Record:
    """What sidecars of a NIfTI study say of the scanner; empty where they are silent or cannot be read."""
    try:
        facts = acquisition_of(folder)
    except MomeError:
        facts = {}
    return {name: str(facts.get(fact, "")) for name, fact in _SCANNER_FACTS.items()}


def _relative_to(study: Path, manifest: Path) -> str:
    """The study's place as the manifest writes it: relative where it lies below."""
    try:
        return str(study.resolve().relative_to(manifest.resolve().parent))
    except ValueError:
        return str(study.resolve())


def _join(rows: list[Record], labels: Path, key: bytes) -> int:
    """Put the columns of a table into the rows that it names; returns how many. NodeError for labels of nobody."""
    joined: set[tuple[str, str]] = set()
    for number, record in enumerate(read_table(labels)[1], start=2):
        if "patient_id" in record:
            record["patient"] = pseudonym(record.pop("patient_id").strip(), key)
        name = "case" if "case" in record else "patient"
        if name not in record:
            raise NodeError(f"{labels} has no column case, patient or patient_id, so nobody knows whose its labels are")
        keys = (name, SIDE) if SIDE in record and any(row.get(SIDE) for row in rows) else (name,)
        matching = [row for row in rows if row[name] and all(row.get(key) == record[key] for key in keys)]
        if not matching:
            raise NodeError(f"{labels}, line {number}: its {' and '.join(keys)} is not in the manifest")
        for row in matching:
            given = {column: value for column, value in record.items() if column not in ("case", "patient", *keys)}
            row.update(given)
            _forget_verdicts(row, given)
            joined.add((row["case"], row.get(SIDE, "")))
    return len(joined)


def _forget_verdicts(row: Record, given: Record) -> None:
    """Of labels that a table brings, no verdict is the source any more; a molecular subtype brings one, too."""
    if LABEL_SOURCE in given or LABEL_SOURCE not in row:
        return
    brought = {each.value for each in Endpoint if each in given}
    if given.get(SUBTYPE_COLUMN) and f"{Endpoint.TRIPLE_NEGATIVE}=" in row[LABEL_SOURCE]:
        brought.add(Endpoint.TRIPLE_NEGATIVE.value)
        row[Endpoint.TRIPLE_NEGATIVE] = given.get(Endpoint.TRIPLE_NEGATIVE, "")
    kept = [part for part in row[LABEL_SOURCE].split() if part.partition("=")[0] not in brought]
    row[LABEL_SOURCE] = " ".join(kept)


# --- what is in a cohort, and what is wrong with it


@dataclass(frozen=True, slots=True)
class CohortCheck:
    """Who is in a cohort, and what a person should mend or know.

    Parameters
    ----------
    classes
        Number of cases by endpoint, split ("" without one) and class.
    """

    cases: int
    patients: int
    classes: Mapping[str, Mapping[str, Mapping[int, int]]]
    problems: tuple[CohortProblem, ...]


def look_at_manifest(rows: Sequence[ManifestRow]) -> CohortCheck:
    """What the manifest alone shows."""
    return CohortCheck(len(rows), len({row.patient for row in rows}), balance(rows), tuple(problems_of(rows)))


def check_cohort(rows: Sequence[ManifestRow], workers: int, progress: Callable[[int, int], None]) -> CohortCheck:
    """What the manifest shows, and what reading every study shows; `progress` gets (studies read, studies)."""
    seen = look_at_manifest(rows)
    problems = (*seen.problems, *_problems_of_studies(rows, workers, progress))
    return CohortCheck(seen.cases, seen.patients, seen.classes, problems)


def _problems_of_studies(
    rows: Sequence[ManifestRow], workers: int, progress: Callable[[int, int], None]
) -> Iterator[CohortProblem]:
    """Studies that cannot be used, missing series, one study under two names."""
    first_with: dict[str, ManifestRow] = {}
    seen = in_processes(_look_at_study, [(row.folder, row.side) for row in rows], workers, progress)
    for row, study in zip(rows, seen, strict=True):
        if study.reason:
            yield CohortProblem(f"case {row.name} cannot be used: {study.reason}", fatal=False)
            continue
        if (first := first_with.setdefault(study.digest, row)).folder != row.folder:
            yield CohortProblem(f"case {row.name} holds the same images as case {first.name}", fatal=True)
        if study.without_dce:
            yield CohortProblem(f"case {row.name} has no usable DCE: {study.without_dce}", fatal=False)
        if missing := [each for each in _OTHERS if each not in study.modalities]:
            yield CohortProblem(f"case {row.name} has no {' and no '.join(missing)}", fatal=False)
    if rows and not first_with:
        yield CohortProblem("not one study can be used", fatal=True)


@dataclass(frozen=True, slots=True)
class _SeenStudy:
    """A study that was read: digest of its files, its modalities, why it has no DCE; or why it cannot be used."""

    digest: str = ""
    modalities: tuple[Modality, ...] = ()
    without_dce: str = ""
    reason: str = ""


def _look_at_study(place: tuple[Path, Laterality | None]) -> _SeenStudy:
    folder, side = place
    try:
        found = read_cohort_study(folder)
        case = found.case if side is None else one_breast(found.case, side)
    except (MomeError, ValueError) as error:
        return _SeenStudy(reason=str(error))
    return _SeenStudy(content_digest(folder), case.modalities, str(found.without_dce or ""))


def in_processes(
    step: Callable[..., _T], tasks: Sequence[object], workers: int, progress: Callable[[int, int], None]
) -> Iterator[_T]:
    """What a step returns for each task, in their order; `progress` gets (tasks done, tasks)."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for done, answer in enumerate(pool.map(step, tasks), start=1):
            progress(done, len(tasks))
            yield answer
