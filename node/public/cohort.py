"""A cohort of a public collection: its studies on disk joined with its own tables, and why others stay out."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mome_core.results import Endpoint
from mome_core.training.cohort import SIDE, is_of_finding
from mome_core.training.table import read_table, write_table
from node.errors import NodeError
from node.public.collections import PublicCollection
from node.public.folders import StudyFolder, study_folders
from node.public.index import IndexedSeries, licences_of
from node.public.labels import CollectionLabels, PatientLabels
from node.public.patients import patient_key
from node.public.readers import ambl, derived, duke, ispy, single

_Record = dict[str, str]
_READERS: Mapping[str, Callable[[Path], CollectionLabels]] = {
    "advanced_mri_breast_lesions": ambl.read,
    "duke_breast_cancer_mri": duke.read,
    "ispy2": ispy.read_ispy2,
    "acrin_6698": ispy.read_acrin_6698,
    "ispy1": ispy.read_ispy1,
    "breast_mri_nact_pilot": ispy.read_nact_pilot,
    "breast_diagnosis": single.read_breast_diagnosis,
    "tcga_brca": single.read_tcga,
    "acrin_contralateral_breast_mr": single.read_contralateral,
}
LABEL_TABLES: Mapping[str, Callable[[Path], CollectionLabels]] = {
    "mama-mia": derived.read_mama_mia,
    "odelia": derived.read_odelia,
    "fastmri-breast": derived.read_fastmri,
}
_OF_LESIONS = ("lesions", "borderline")  # in AMBL of both breasts together
_ANSWERS = (*(endpoint.value for endpoint in Endpoint), "contralateral_malignancy")
SHARED = "the patient is in a set that this one must not share anybody with"
UNLABELLED = "no endpoint is labelled"
NO_SIDE = "no breast has a label of its own"
NO_IMAGES = "no images are on disk"
_BASELINE = frozenset({"", "T0", "T1", "0", "1", "BASELINE"})  # time points of I-SPY 1 count from T1


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A study or a patient that is not in the cohort, and why."""

    patient: str
    study: str
    reason: str


@dataclass(frozen=True, slots=True)
class PublicCohort:
    """What was written.

    Parameters
    ----------
    classes
        Cases of each class, by endpoint.
    left_out
        Everything that is not in it, one by one; also in the file `excluded`.
    notes
        Where the collection's words and our endpoints differ.
    """

    cohort: str
    excluded: str
    cases: int
    patients: int
    classes: Mapping[str, Mapping[str, int]]
    left_out: tuple[LeftOut, ...] = field(default=())
    notes: tuple[str, ...] = ()


def read_collection_labels(name: str, folder: Path) -> CollectionLabels:
    """What the tables below a folder say; NodeError for a set whose tables we cannot read."""
    reader = _READERS.get(name) or LABEL_TABLES.get(name)
    if reader is None:
        raise NodeError(f"no table of labels of {name} is known; there are {', '.join((*_READERS, *LABEL_TABLES))}")
    return reader(folder)


def write_public_cohort(
    collection: PublicCollection,
    folder: Path,
    manifest: Path,
    *,
    indexed: Sequence[IndexedSeries] = (),
    without: Collection[str] = (),
    breasts: bool = False,
) -> PublicCohort:
    """Write the manifest of a collection's studies below a folder, and beside it what is left out.

    Parameters
    ----------
    breasts
        A row for each breast that has a label of its own, not for each study.
    indexed
        The index of the collection, which knows visits that are not on disk.
    without
        Keys of patients who stay out, as those of an external test.

    Raises NodeError when the tables are not there or look different, when a table names a patient twice with different
    labels, or when no study is left.
    """
    labels = read_collection_labels(collection.name, folder)
    if breasts and not any(each.breasts for each in labels.patients):
        raise NodeError(f"the tables of {collection.title} have no labels of breasts that are read; AMBL's have")
    licence = "; ".join(licences_of(indexed))
    join = _Join(collection, labels, by_name(labels), frozenset(without), _visits_of(indexed), licence)
    rows: list[_Record] = []
    left_out: list[LeftOut] = []
    studies = [each for each in study_folders(folder) if each.labels.patient_id.startswith(collection.prefixes)]
    for study in _first_visits(collection, studies, left_out):
        if reason := join.why_not(study):
            left_out.append(LeftOut(study.labels.patient_id, str(study.folder), reason))
        else:
            rows += join.breasts(study, manifest, left_out) if breasts else [join.row(study, manifest)]
    there = {_name(study) for study in studies}
    without_images = [each for name, each in join.by_name.items() if name not in there]
    left_out += [LeftOut(each.patient, "", NO_IMAGES) for each in without_images]
    return written_cohort(manifest, rows, left_out, labels.notes, f"{folder} holds no study of {collection.title}")


def written_cohort(
    manifest: Path, rows: Sequence[_Record], left_out: Sequence[LeftOut], notes: tuple[str, ...], none: str
) -> PublicCohort:
    """The manifest, and beside it what is left out.

    Parameters
    ----------
    none
        Begins the sentence of the NodeError where no case with a label is left.
    """
    if not rows:
        counted = "; ".join(f"{count}: {reason}" for reason, count in counted_reasons(left_out)) or "nothing is there"
        raise NodeError(f"{none} with a label: {counted}")
    excluded = manifest.with_suffix(".excluded.csv")
    write_table(manifest, rows)
    write_table(excluded, [{"patient": e.patient, "study": e.study, "reason": e.reason} for e in left_out])
    return PublicCohort(
        cohort=str(manifest),
        excluded=str(excluded),
        cases=len(rows),
        patients=len({row["patient"] for row in rows}),
        classes=_classes_of(rows),
        left_out=tuple(left_out),
        notes=notes,
    )


def write_label_table(name: str, folder: Path, out: Path) -> PublicCohort:
    """The labels of a set without its images, a line for each patient or case, under the common key."""
    labels = read_collection_labels(name, folder)
    kept = [each for each in labels.patients if not each.excluded]
    rows = [{"id": e.patient, "patient": patient_key(e.patient, labels.same)} | dict(e.values) for e in kept]
    left_out = [LeftOut(each.patient, "", each.excluded) for each in labels.patients if each.excluded]
    write_table(out, rows)
    patients = len({row["patient"] for row in rows})
    return PublicCohort(str(out), "", len(rows), patients, _classes_of(rows), tuple(left_out), labels.notes)


def keys_of(manifest: Path) -> set[str]:
    """The patients of a manifest."""
    return {row["patient"] for row in read_table(manifest)[1]}


def by_name(labels: CollectionLabels) -> dict[str, PatientLabels]:
    """The patients by the name that images bear; a table that contradicts itself is refused."""
    found: dict[str, PatientLabels] = {}
    for each in labels.patients:
        name = each.patient.upper()
        if found.setdefault(name, each) != each:
            raise NodeError(f"the table names {each.patient} twice, with different labels")
    return found


def _first_visits(
    collection: PublicCollection, studies: Iterable[StudyFolder], left_out: list[LeftOut]
) -> list[StudyFolder]:
    """Of each patient the study before treatment."""
    by_patient: dict[str, list[StudyFolder]] = defaultdict(list)
    for study in studies:
        if study.fault:
            left_out.append(LeftOut(study.labels.patient_id, str(study.folder), study.fault))
        else:
            by_patient[study.labels.patient_id].append(study)
    chosen = []
    for theirs in by_patient.values():
        order = [(not _is_baseline(collection, each), each.labels.study_date, str(each.folder)) for each in theirs]
        first = theirs[order.index(min(order))]
        chosen.append(first)
        left_out += [
            LeftOut(each.labels.patient_id, str(each.folder), "a later visit; labels are of the one before treatment")
            for each in theirs
            if each is not first
        ]
    return chosen


def _visits_of(indexed: Iterable[IndexedSeries]) -> dict[str, dict[str, str]]:
    """The date of each study that the index knows, by patient and study."""
    visits: dict[str, dict[str, str]] = defaultdict(dict)
    for each in indexed:
        visits[each.patient][each.study_uid] = each.study_date
    return dict(visits)


@dataclass(frozen=True, slots=True)
class _Join:
    """Studies on one side, the collection's tables and what the index knows on the other."""

    collection: PublicCollection
    labels: CollectionLabels
    by_name: Mapping[str, PatientLabels]
    without: frozenset[str]
    visits: Mapping[str, Mapping[str, str]]
    licence: str

    def why_not(self, study: StudyFolder) -> str:
        """Why a study is no case; empty for one that is."""
        theirs = self.by_name.get(_name(study))
        if patient_key(study.labels.patient_id, self.labels.same) in self.without:
            return SHARED
        if theirs is None:
            return "the patient is not in the table of labels"
        if theirs.excluded:
            return theirs.excluded
        if not _is_baseline(self.collection, study):
            return "not the visit before treatment"
        if self._is_late_by_index(study):
            return "the index knows an earlier visit of the patient, which is not on disk"
        return "" if any(theirs.values.get(name) for name in _ANSWERS) else UNLABELLED

    def row(self, study: StudyFolder, manifest: Path) -> _Record:
        """A line of the manifest; the site of a public case is its collection."""
        place = os.path.relpath(study.folder.resolve(), manifest.resolve().parent)
        row = {"case": place, "patient": patient_key(study.labels.patient_id, self.labels.same)}
        answers = {endpoint.value: "" for endpoint in Endpoint} | dict(self.by_name[_name(study)].values)
        facts = {"vendor": study.labels.manufacturer, "field_strength": study.labels.field_strength}
        return row | answers | facts | {"site": self.collection.name, "licence": self.licence}

    def breasts(self, study: StudyFolder, manifest: Path, left_out: list[LeftOut]) -> list[_Record]:
        """A line for each breast with a label of its own."""
        row = self.row(study, manifest)
        theirs = self.by_name[_name(study)].breasts
        if not theirs:
            left_out.append(LeftOut(study.labels.patient_id, str(study.folder), NO_SIDE))
        of_patient = ("case", "patient", *_ANSWERS, *_OF_LESIONS)
        shared = {name: value for name, value in row.items() if name not in of_patient and not is_of_finding(name)}
        place = {name: row[name] for name in ("case", "patient")}
        return [place | {SIDE: side.value} | dict(values) | shared for side, values in theirs.items()]

    def _is_late_by_index(self, study: StudyFolder) -> bool:
        """Whether the index knows an earlier study of the patient; dates are shifted, their order is not."""
        if self.collection.baseline:
            return False
        visits = self.visits.get(study.labels.patient_id, {})
        here = visits.get(study.labels.study_uid)
        return here is not None and min(visits.values()) < here


def _is_baseline(collection: PublicCollection, study: StudyFolder) -> bool:
    """Whether the headers allow that this is the visit before treatment."""
    if collection.baseline and study.labels.study_description:
        return study.labels.study_description.endswith(collection.baseline)
    return study.labels.time_point.strip().upper() in _BASELINE


def _name(study: StudyFolder) -> str:
    return study.labels.patient_id.upper()


def _classes_of(rows: Sequence[_Record]) -> dict[str, dict[str, int]]:
    counts = {e.value: Counter(row[e.value] for row in rows if row.get(e.value)) for e in Endpoint}
    return {name: dict(sorted(found.items())) for name, found in counts.items() if found}


def counted_reasons(left_out: Iterable[LeftOut]) -> list[tuple[str, int]]:
    """Each reason and how often it stands, the commonest first."""
    return Counter(each.reason for each in left_out).most_common()
