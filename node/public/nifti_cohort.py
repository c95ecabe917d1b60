"""A cohort of a public set that comes as NIfTI: its cases on disk joined with its own tables by their folders."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from mome_core.nifti.folders import nifti_study_folders, side_of
from mome_core.results import Endpoint
from mome_core.training.cohort import SIDE
from node.public.cohort import (
    NO_IMAGES,
    SHARED,
    UNLABELLED,
    LeftOut,
    PublicCohort,
    by_name,
    read_collection_labels,
    written_cohort,
)
from node.public.labels import CollectionLabels, PatientLabels
from node.public.patients import patient_key

_LICENCES = {"mama-mia": "CC BY-NC 4.0", "odelia": "CC BY-NC 4.0"}
_OF_BREASTS = frozenset({"odelia"})  # a case is one breast
_PART, _SPLIT = "published_split", "split"


def holds_cases(name: str, folder: Path) -> bool:
    """Whether images of a set that is read as NIfTI lie below a folder."""
    return name in _LICENCES and bool(nifti_study_folders(folder))


def write_nifti_cohort(
    name: str, folder: Path, manifest: Path, *, part: str = "", without: Collection[str] = ()
) -> PublicCohort:
    """Write the manifest of a set's cases below a folder, and beside it what is left out.

    A case is a folder that the table knows by its name: MAMA-MIA's patient, ODELIA's breast.

    Parameters
    ----------
    part
        Only the cases of this published split; all when empty. The column `split` stays free for ours.
    without
        Keys of patients who stay out.

    Raises NodeError when the tables are not there or look different, or when no case is left.
    """
    labels = read_collection_labels(name, folder)
    join = _NiftiJoin(name, labels, part, frozenset(without))
    known = by_name(labels)
    studies = nifti_study_folders(folder)
    names = Counter(each.name.upper() for each in studies)
    rows: list[dict[str, str]] = []
    left_out: list[LeftOut] = []
    for study in studies:
        theirs = known.get(study.name.upper())
        if names[study.name.upper()] > 1:
            left_out.append(LeftOut("", str(study), "several folders bear this name"))
        elif theirs is None:
            left_out.append(LeftOut("", str(study), "the folder's name is not in the table of labels"))
        elif reason := join.why_not(theirs):
            left_out.append(LeftOut(theirs.patient, str(study), reason))
        else:
            rows.append(join.row(theirs, study, manifest))
    absent = [each for patient, each in known.items() if patient not in names]
    left_out += [LeftOut(each.patient, "", NO_IMAGES) for each in absent]
    return written_cohort(manifest, rows, left_out, labels.notes, f"{folder} holds no case of {name}")


@dataclass(frozen=True, slots=True)
class _NiftiJoin:
    """What decides whether a case takes part, and what its row says."""

    name: str
    labels: CollectionLabels
    part: str
    without: frozenset[str]

    def why_not(self, theirs: PatientLabels) -> str:
        """Why a case stays out; empty for one that takes part."""
        if theirs.excluded:
            return theirs.excluded
        if patient_key(theirs.patient, self.labels.same) in self.without:
            return SHARED
        if self.part and theirs.values.get(_SPLIT) != self.part:
            return f"not of the published split {self.part}"
        return "" if any(theirs.values.get(e.value) for e in Endpoint) else UNLABELLED

    def row(self, theirs: PatientLabels, study: Path, manifest: Path) -> dict[str, str]:
        """A line of the manifest."""
        place = os.path.relpath(study.resolve(), manifest.resolve().parent)
        row = {"case": place, "patient": patient_key(theirs.patient, self.labels.same)}
        if self.name in _OF_BREASTS:
            row[SIDE] = side_of(study) or ""
        values = dict(theirs.values)
        split = values.pop(_SPLIT, "")
        answers = {endpoint.value: "" for endpoint in Endpoint} | values
        answers["site"] = answers.get("site") or self.name
        return row | answers | {_PART: split, "licence": _LICENCES[self.name]}
