"""What to get of a collection: which patients, which visits, which series, and what that weighs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from dicom_io.study.listed import ListedParts, ListedSeries, parts_of
from node.errors import NodeError
from node.public.collections import PublicCollection
from node.public.index import IndexedSeries, gigabytes_of, licences_of, studies_of


@dataclass(frozen=True, slots=True)
class SeriesChoice:
    """What is wanted of a collection.

    Parameters
    ----------
    patients
        Their IDs; every patient when empty.
    most_gigabytes
        Whole patients in the order of their IDs, as long as all together weigh no more; no bound when None.
    needed_only
        Only the series that are DCE, T2 or DWI by name, number and image count.
    every_visit
        Also the studies after treatment began, which bear no label.
    """

    patients: tuple[str, ...] = ()
    most_gigabytes: float | None = None
    needed_only: bool = False
    every_visit: bool = False


@dataclass(frozen=True, slots=True)
class ChosenSeries:
    """The series that are to be got, and why others are not."""

    collection: PublicCollection
    series: tuple[IndexedSeries, ...]
    notes: tuple[str, ...]

    @property
    def gigabytes(self) -> float:
        """Their size by the index, in 1,000,000,000 bytes."""
        return gigabytes_of(self.series)

    @property
    def licences(self) -> tuple[str, ...]:
        """Licences of the images, each with its DOI."""
        return licences_of(self.series)

    def to_json(self) -> dict[str, object]:
        """Plain values, for scripts; every series with its address."""
        return {
            "collection": self.collection.name,
            "licences": list(self.licences),
            "patients": len({each.patient for each in self.series}),
            "studies": len({each.study_uid for each in self.series}),
            "gigabytes": round(self.gigabytes, 3),
            "notes": list(self.notes),
            "series": [
                {
                    "patient": each.patient,
                    "study": each.study_uid,
                    "series": each.series_uid,
                    "number": each.number,
                    "description": each.description,
                    "images": each.images,
                    "megabytes": round(each.megabytes, 3),
                    "url": each.url,
                }
                for each in self.series
            ],
        }


def choose(collection: PublicCollection, indexed: Sequence[IndexedSeries], choice: SeriesChoice) -> ChosenSeries:
    """The series of a collection that a choice names; NodeError for a patient whom the index does not know."""
    unknown = set(choice.patients) - {each.patient for each in indexed}
    if unknown:
        raise NodeError(f"{collection.name} has no patient {', '.join(sorted(unknown))} in this index")
    notes: list[str] = []
    series = [each for each in indexed if not choice.patients or each.patient in choice.patients]
    if not choice.every_visit and not collection.every_study:
        before = len(studies_of(series))
        series = [one for study in _baseline_studies(collection, series) for one in study]
        if left := before - len(studies_of(series)):
            notes.append(f"{left} studies of later visits are left out (--every-visit takes them)")
    if choice.needed_only:
        series, without = _needed(series)
        if without:
            notes.append(f"{without} studies have no DCE, T2 or DWI by name, number and count; nothing is got of them")
    if choice.most_gigabytes is not None:
        kept = _within(series, choice.most_gigabytes)
        notes.append(
            f"{len({each.patient for each in kept})} of {len({each.patient for each in series})} patients weigh no "
            f"more than {choice.most_gigabytes:g} GB"
        )
        series = kept
    return ChosenSeries(collection, tuple(series), tuple(notes))


def _baseline_studies(collection: PublicCollection, series: Iterable[IndexedSeries]) -> list[list[IndexedSeries]]:
    """For each patient the study before treatment: the visit that the collection names so, else the first in time.

    A patient without a visit of that name has none.
    """
    chosen = []
    for _, theirs in groupby(series, key=lambda each: each.patient):
        studies = studies_of(theirs)
        if collection.baseline:
            studies = [each for each in studies if each[0].study_description.endswith(collection.baseline)]
        if studies:
            chosen.append(min(studies, key=lambda each: (each[0].study_date, each[0].study_uid)))
    return chosen


def parts_of_study(study: Sequence[IndexedSeries]) -> ListedParts:
    """Which of its series are DCE, T2 and DWI, as `mome-node roles --studies` says."""
    return parts_of([ListedSeries(each.number, each.description, each.images) for each in study])


def _needed(series: Iterable[IndexedSeries]) -> tuple[list[IndexedSeries], int]:
    """The series that a Case is read from, and the number of studies that have none.

    Where two series bear one number both are taken: the headers will tell them apart.
    """
    found: list[IndexedSeries] = []
    without = 0
    for study in studies_of(series):
        parts = parts_of_study(study)
        wanted: Collection[int | None] = {*parts.dce, parts.t2, parts.dwi}
        kept = [each for each in study if each.number in wanted]
        found += kept
        without += not kept
    return found, without


def _within(series: Sequence[IndexedSeries], most_gigabytes: float) -> list[IndexedSeries]:
    """Whole patients as long as they fit."""
    kept: list[IndexedSeries] = []
    left = most_gigabytes
    for _, group in groupby(series, key=lambda each: each.patient):
        theirs = list(group)
        left -= gigabytes_of(theirs)
        if left < 0:
            break
        kept += theirs
    return kept
