"""A copy of a cohort without its patients: MR images de-identified (PS3.15), a manifest of pseudonyms, and a proof.

Every copy is read again: a study that would not give the network the same volumes is not exported, and is named. What
stays here is counted: objects by reason, elements by tag, columns by name; never a value.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from dicom_io.deidentification.burned_in import NoTextFinder, text_finder
from dicom_io.deidentification.image import Deidentifier, Hindrance, NotExportable
from dicom_io.deidentification.mask import Mask
from dicom_io.files import dicom_files, files_under
from mome_core.case import same_images
from mome_core.errors import StudyIneligible
from mome_core.training.cohort import ManifestRow, read_manifest
from mome_core.training.dataset import ExcludedCase
from mome_core.training.table import is_parquet, write_table
from node.cases import exclusions_json, read_study
from node.cohorts import Record, in_processes, key_of, pseudonym
from node.errors import NodeError
from node.nifti_folders import is_nifti_study
from node.shared_columns import is_shared, shared_facts

_NIFTI_STAYS = "only DICOM is de-identified: what NIfTI files and their sidecars say of a patient has no list"


@dataclass(frozen=True, slots=True)
class ExportedCohort:
    """A cohort that was copied without its patients.

    Parameters
    ----------
    cohort
        The manifest of the copies.
    left_behind
        How many objects of all studies stayed here, for each hindrance.
    elements_left_behind
        How many images held an element of each tag that stayed here, whole or with one of its values; those of studies
        that were not exported too.
    columns_left_behind
        Columns of the manifest without a meaning of their own: they may hold anything.
    text_finder
        What looked for text in the pixels; empty when nobody looked.
    nobody_looked
        Why nobody looked; empty when somebody did.
    """

    cohort: str
    cases: int
    images: int
    not_exported: tuple[ExcludedCase, ...]
    left_behind: Mapping[Hindrance, int]
    elements_left_behind: Mapping[str, int]
    columns_left_behind: tuple[str, ...]
    text_finder: str
    nobody_looked: str

    def to_json(self) -> dict[str, object]:
        """Plain values, for scripts."""
        columns = list(self.columns_left_behind)
        return asdict(self) | {"not_exported": exclusions_json(self.not_exported), "columns_left_behind": columns}


def export_cohort(
    manifest: Path, out: Path, workers: int, progress: Callable[[int, int], None], *, text_search: bool = True
) -> ExportedCohort:
    """Copy every study of a cohort into a new folder; `progress` gets (studies copied, studies).

    Raises NodeError when the folder exists or not one study could be exported.
    """
    if out.exists():
        raise NodeError(f"{out} exists already; name a new folder")
    rows, key = read_manifest(manifest), key_of(manifest, create=True)
    finder, nobody_looked = _text_search() if text_search else ("", "--no-text-search")
    targets = _targets_of(rows, out)
    planned = zip(rows, shared_facts(rows), strict=True)
    copies = [_planned(row, facts, targets[row.folder], key, bool(finder)) for row, facts in planned]
    results = _copied_once(copies, workers, progress)
    written = [copy.record for copy, result in zip(copies, results, strict=True) if not result.reason]
    if not written:
        raise NodeError(f"not one study of {manifest} could be exported; the first: {results[0].reason}")
    once = {copy.source: result for copy, result in zip(copies, results, strict=True)}.values()
    table = out / ("cohort.parquet" if is_parquet(manifest) else "cohort.csv")
    write_table(table, written)
    return ExportedCohort(
        cohort=str(table),
        cases=len(written),
        images=sum(result.images for result in once),
        not_exported=tuple(ExcludedCase(r.name, c.reason) for r, c in zip(rows, results, strict=True) if c.reason),
        left_behind=sum((result.left_behind for result in once), Counter[Hindrance]()),
        elements_left_behind=sum((result.elements for result in once), Counter[str]()),
        columns_left_behind=_columns_left_behind(rows),
        text_finder=finder,
        nobody_looked=nobody_looked,
    )


def _text_search() -> tuple[str, str]:
    """What looks for burned-in text; or why nothing does."""
    try:
        return text_finder().name, ""
    except NoTextFinder as error:
        return "", str(error)


@dataclass(frozen=True, slots=True)
class _Copy:
    """One study to copy: from where, to where, what hides its patient, its row, whether to look for text."""

    source: Path
    target: Path
    mask: Mask
    record: Record
    text_search: bool


@dataclass(frozen=True, slots=True)
class _Copied:
    """One study that was copied, or not.

    Parameters
    ----------
    reason
        Why it was not exported; empty when it was.
    """

    images: int = 0
    left_behind: Counter[Hindrance] = field(default_factory=Counter)
    elements: Counter[str] = field(default_factory=Counter)
    reason: str = ""


def _planned(row: ManifestRow, facts: Mapping[str, str], target: Path, key: bytes, text_search: bool) -> _Copy:
    """Labels, split and the facts that may be shared go along."""
    place, patient = f"{target.parent.name}/{target.name}", pseudonym(row.patient, key)
    split = {"split": str(row.split)} if row.split else {}
    record = {"case": place, "patient": patient, **row.of_side(), **row.answers(), **split, **facts}
    return _Copy(row.folder, target, Mask(patient, key), record, text_search)


def _targets_of(rows: Sequence[ManifestRow], out: Path) -> dict[Path, Path]:
    """A folder for each study, whether it stands in one row or in one for each breast."""
    folders = dict.fromkeys(row.folder for row in rows)
    return {folder: out / f"studies/{number:05}" for number, folder in enumerate(folders, start=1)}


def _copied_once(copies: Sequence[_Copy], workers: int, progress: Callable[[int, int], None]) -> list[_Copied]:
    """What became of the study of each row; one that stands in two rows is copied once."""
    first = {copy.source: copy for copy in reversed(copies)}
    done = dict(zip(first, in_processes(_copy, list(first.values()), workers, progress), strict=True))
    return [done[copy.source] for copy in copies]


def _columns_left_behind(rows: Sequence[ManifestRow]) -> tuple[str, ...]:
    return tuple(sorted({name for row in rows for name in row.facts if not is_shared(name)}))


def _copy(copy: _Copy) -> _Copied:
    """Copy one study without its patient, and read the copy: it stays only if it gives the same Case."""
    images, left_behind, dropped = 0, Counter[Hindrance](), Counter[str]()
    if is_nifti_study(copy.source):
        return _Copied(reason=_NIFTI_STAYS)
    try:
        before = read_study(copy.source)
        copy.target.mkdir(parents=True)
        found = dicom_files(copy.source)
        left_behind.update([Hindrance.NO_DICOM] * (len(files_under(copy.source)) - len(found)))
        with Deidentifier(copy.mask, text_finder() if copy.text_search else None) as deidentifier:
            for path in found:
                try:
                    deidentifier.write(path, copy.target / f"{images:06}.dcm")
                    images += 1
                except NotExportable as error:
                    left_behind[error.hindrance] += 1
            dropped = deidentifier.dropped
        if same_images(before, read_study(copy.target)):
            return _Copied(images, left_behind, dropped)
        reason = "without what must stay here it would be read differently"
    except StudyIneligible as error:
        reason = str(error)
    shutil.rmtree(copy.target, ignore_errors=True)
    return _Copied(0, left_behind, dropped, reason)
