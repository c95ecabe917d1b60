"""The studies of a cohort as cases: read from DICOM or NIfTI, prepared once, named where they cannot be used."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from dicom_io.errors import DicomError
from dicom_io.files import dicom_files, files_under
from dicom_io.headers.read import read_series_headers
from dicom_io.labels import patient_identity
from dicom_io.study.case import Assembly, read_case
from dicom_io.study.classify import assign_roles
from mome_core.calibration import coalition_words
from mome_core.case import Case
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.model.build import AnyArchitecture
from mome_core.nifti.study import read_nifti_study
from mome_core.preprocessing.recipe import Recipe
from mome_core.results import Endpoint
from mome_core.training.cohort import ManifestRow
from mome_core.training.dataset import Cohort, ExcludedCase, Source, prepare_cohort
from mome_core.training.errors import TrainingRefused
from node.nifti_digest import nifti_digests
from node.nifti_folders import is_nifti_study

CACHE = Path(".cache/mome-node/prepared")


class CohortProgress:
    """What is reported while cases are prepared; this one stays silent."""

    def excluded(self, case: ExcludedCase) -> None:
        """A case cannot be used."""

    def step(self, stage: str, done: int, planned: int) -> None:
        """So many of so many steps of a stage are done."""

    def counting(self, stage: str, planned: int) -> Callable[[str], None]:
        """To be called with the name of each case of a stage when it is done."""
        done: list[str] = []

        def count(name: str) -> None:
            done.append(name)
            self.step(stage, len(done), planned)

        return count


def prepare_cases(
    rows: Sequence[ManifestRow], recipe: Recipe, cache: Path, workers: int, progress: CohortProgress
) -> Cohort:
    """The cases of a manifest, prepared by a recipe; raises TrainingRefused when not one can be used.

    Parameters
    ----------
    cache
        Folder of prepared cases, kept from run to run.
    workers
        Processes that prepare cases.
    """
    count = progress.counting("cases prepared", len(rows))
    cohort = prepare_cohort([_source_of(row) for row in rows], recipe, cache, workers=workers, progress=count)
    for exclusion in cohort.exclusions:
        progress.excluded(exclusion)
    if not cohort.examples:
        cases = "the only case cannot" if len(rows) == 1 else f"none of the {len(rows)} cases can"
        raise TrainingRefused(f"{cases} be used; the reasons are above")
    return cohort


def answerable(cohort: Cohort, architecture: AnyArchitecture, progress: CohortProgress) -> Cohort:
    """The cases that a network can answer; one that lacks a modality which it needs is excluded."""
    kept, unable = [], []
    for example in cohort.examples:
        if architecture.usable(example.modalities):
            kept.append(example)
            continue
        words = f"has only {coalition_words(example.modalities)}: the network cannot answer from that"
        unable.append(ExcludedCase(example.name, words))
        progress.excluded(unable[-1])
    return Cohort(tuple(kept), (*cohort.exclusions, *unable))


def _source_of(row: ManifestRow) -> Source:
    """A row of the manifest as a study that can be read."""
    content, read = partial(content_digest, row.folder), partial(read_study, row.folder)
    identity = partial(_identity_of, row.folder)
    return Source(row.name, row.patient, row.labels, content, read, identity, row.subtype, row.side)


def _identity_of(folder: Path) -> str:
    """What the study's images call their patient; empty when they do not say, as NIfTI never does."""
    paths = dicom_files(folder)
    return patient_identity(paths[0]) if paths else ""


def content_digest(folder: Path) -> str:
    """SHA-256 over the files of a study, by their content; files that did not change are read once a process.

    Of NIfTI the part counts that a name or mome.json gives a file, and no name of a patient.
    """
    return _digest_of(folder, listing_digest(folder))


def listing_digest(folder: Path) -> str:
    """SHA-256 over names, sizes and times of a study's files: equal as long as nothing was written there."""
    listing = hashlib.sha256()
    for path in sorted(files_under(folder)):
        found = path.stat()
        listing.update(f"{path}\0{found.st_mtime_ns}\0{found.st_size}\0".encode(errors="surrogateescape"))
    return listing.hexdigest()


@cache
def _digest_of(folder: Path, listing: str) -> str:
    """The digest of a folder whose files are those of the listing: a study of thousands takes up two lines here."""
    paths = files_under(folder)
    if is_nifti_study(folder):
        digests = sorted(nifti_digests(folder, paths))
    else:
        digests = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths)
    return hashlib.sha256("".join(digests).encode()).hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class _CohortStudy:
    """A study that was read: its case, and why that has no dynamic (None with one)."""

    case: Case
    without_dce: StudyIneligible | None


def read_study(folder: Path) -> Case:
    """The Case of a folder of DICOM or NIfTI files; StudyIneligible says why there is none."""
    return read_cohort_study(folder).case


def read_cohort_study(folder: Path) -> _CohortStudy:
    """As `read_study`, with the reason where there is no usable DCE."""
    if is_nifti_study(folder):
        nifti = read_nifti_study(folder)
        return _CohortStudy(nifti.case, nifti.without_dce)
    dicom = read_assembly(folder)
    return _CohortStudy(dicom.case, dicom.without_dce)


def read_assembly(folder: Path) -> Assembly:
    """The volumes of a folder of DICOM files, without DCE where it has no usable one; StudyIneligible says why none."""
    try:
        paths = dicom_files(folder) if folder.is_dir() else []
        if not paths:
            raise StudyIneligible("the folder holds no DICOM or NIfTI file", Ineligibility.NO_MR_IMAGE)
        return read_case(assign_roles(read_series_headers(paths)), dce_required=False)
    except OSError as error:
        raise StudyIneligible(f"a file cannot be read: {error.strerror}", Ineligibility.UNREADABLE) from error
    except DicomError as error:
        raise StudyIneligible(str(error), Ineligibility.UNREADABLE) from error


def endpoint_named(name: str) -> Endpoint:
    """The endpoint of that name; raises TrainingRefused with those that there are."""
    if name not in set(Endpoint):
        raise TrainingRefused(f"there is no endpoint '{name}'; there are {', '.join(Endpoint)}")
    return Endpoint(name)


def exclusions_json(exclusions: Sequence[ExcludedCase]) -> list[dict[str, str]]:
    """Excluded cases as plain values, for scripts."""
    return [{"case": each.name, "reason": each.reason} for each in exclusions]
