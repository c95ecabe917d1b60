"""A copy of a cohort without its patients: MR images de-identified (PS3.15), a manifest of pseudonyms, and a proof.

Every copy is read again: a study that would not give the network the same volumes is not exported, and is named.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from dicom_io.deidentify import Mask, NotExportable, actions, write_deidentified
from dicom_io.files import dicom_files
from mome_core.case import same_images
from mome_core.errors import StudyIneligible
from mome_core.results import Endpoint
from mome_core.training.cohort import GROUPS, ManifestRow, read_manifest
from mome_core.training.dataset import ExcludedCase
from mome_core.training.table import write_table
from node.cases import exclusions_json, read_study
from node.cohorts import Record, in_processes, key_of, pseudonym
from node.errors import NodeError


@dataclass(frozen=True, slots=True)
class ExportedCohort:
    """A cohort that was copied without its patients.

    Parameters
    ----------
    cohort
        The manifest of the copies.
    images_left_behind
        Objects that are no MR image or show text.
    columns_left_behind
        Columns of the manifest without a meaning of their own: they may hold anything.
    """

    cohort: str
    cases: int
    images: int
    not_exported: tuple[ExcludedCase, ...]
    images_left_behind: int
    columns_left_behind: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Plain values, for scripts."""
        columns = list(self.columns_left_behind)
        return asdict(self) | {"not_exported": exclusions_json(self.not_exported), "columns_left_behind": columns}


def export_cohort(manifest: Path, out: Path, workers: int, progress: Callable[[int, int], None]) -> ExportedCohort:
    """Copy every study of a cohort into a new folder; `progress` gets (studies copied, studies).

    Raises NodeError when the folder exists or not one study could be exported.
    """
    actions()  # refuses now what would be missing at the first study
    if out.exists():
        raise NodeError(f"{out} exists already; name a new folder")
    rows, key = read_manifest(manifest), key_of(manifest, create=True)
    copies = [_planned(row, out, number, key) for number, row in enumerate(rows, start=1)]
    results = list(in_processes(_copy, copies, workers, progress))
    written = [copy.record for copy, result in zip(copies, results, strict=True) if not result.reason]
    if not written:
        raise NodeError(f"not one study of {manifest} could be exported; the first: {results[0].reason}")
    write_table(out / f"cohort{manifest.suffix}", written)
    return ExportedCohort(
        cohort=str(out / f"cohort{manifest.suffix}"),
        cases=len(written),
        images=sum(result.images for result in results),
        not_exported=tuple(ExcludedCase(r.name, c.reason) for r, c in zip(rows, results, strict=True) if c.reason),
        images_left_behind=sum(result.left_behind for result in results),
        columns_left_behind=_columns_left_behind(rows, written),
    )


@dataclass(frozen=True, slots=True)
class _Copy:
    """One study that is to be copied: from where, to where, what hides its patient, and its row."""

    source: Path
    target: Path
    mask: Mask
    record: Record


@dataclass(frozen=True, slots=True)
class _Copied:
    """One study that was copied, or not.

    Parameters
    ----------
    reason
        Why it was not exported; empty when it was.
    """

    images: int = 0
    left_behind: int = 0
    reason: str = ""


def _planned(row: ManifestRow, out: Path, number: int, key: bytes) -> _Copy:
    """Labels, split and the columns that have a meaning go along; other columns may hold anything."""
    place, patient = f"studies/{number:05}", pseudonym(row.patient, key)
    labels = {endpoint.value: str(row.labels.get(endpoint, "")) for endpoint in Endpoint}
    facts = {name: value for name, value in row.facts.items() if name in GROUPS or name.startswith("reader_")}
    split = {"split": str(row.split)} if row.split else {}
    record = {"case": place, "patient": patient, **labels, **split, **facts}
    return _Copy(row.folder, out / place, Mask(patient, key), record)


def _columns_left_behind(rows: Sequence[ManifestRow], written: Sequence[Record]) -> tuple[str, ...]:
    kept = {name for record in written for name in record}
    return tuple(sorted({name for row in rows for name in row.facts} - kept))


def _copy(copy: _Copy) -> _Copied:
    """Copy one study without its patient, and read the copy: it stays only if it gives the same Case."""
    try:
        before = read_study(copy.source)
        copy.target.mkdir(parents=True)
        images = left_behind = 0
        for path in dicom_files(copy.source):
            try:
                write_deidentified(path, copy.target / f"{images:06}.dcm", copy.mask)
                images += 1
            except NotExportable:
                left_behind += 1
        if same_images(before, read_study(copy.target)):
            return _Copied(images, left_behind)
        reason = "without names and private elements it would be read differently"
    except StudyIneligible as error:
        reason = str(error)
    shutil.rmtree(copy.target, ignore_errors=True)
    return _Copied(reason=reason)
