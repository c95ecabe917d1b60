"""What there is: patients, studies, sequences, licence and size of every collection, counted from the index."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from mome_core.training.bundle import non_commercial
from node.public.choice import SeriesChoice, choose, parts_of_study
from node.public.collections import COLLECTIONS
from node.public.index import IndexedSeries, gigabytes_of, licences_of, studies_of


@dataclass(frozen=True, slots=True)
class CollectionTotals:
    """Counts of one collection; of its MR series only.

    Parameters
    ----------
    dce, t2, dwi
        Studies that have the sequence, by names, numbers and image counts of the index.
    gigabytes, needed_gigabytes
        Of all series; of those before treatment that a Case is read from.
    """

    name: str
    title: str
    good_for: str
    patients: int
    studies: int
    series: int
    gigabytes: float
    needed_gigabytes: float
    dce: int
    t2: int
    dwi: int
    licences: tuple[str, ...]
    tables: tuple[str, ...]

    @property
    def non_commercial(self) -> bool:
        """Whether a licence forbids commercial use."""
        return non_commercial(self.licences)

    def to_json(self) -> dict[str, object]:
        """Plain values, for scripts."""
        return asdict(self) | {"non_commercial": self.non_commercial}


def totals_of(indexed: Iterable[IndexedSeries]) -> list[CollectionTotals]:
    """Counts of every collection that is known here, in the order in which we name them."""
    by_collection: dict[str, list[IndexedSeries]] = defaultdict(list)
    for each in indexed:
        by_collection[each.collection].append(each)
    return [_totals(name, by_collection[name]) for name in COLLECTIONS if by_collection[name]]


def _totals(name: str, series: Sequence[IndexedSeries]) -> CollectionTotals:
    known = COLLECTIONS[name]
    studies = studies_of(series)
    parts = [parts_of_study(each) for each in studies]
    needed = choose(known, series, SeriesChoice(needed_only=True))
    return CollectionTotals(
        name=name,
        title=known.title,
        good_for=known.good_for,
        patients=len({each.patient for each in series}),
        studies=len(studies),
        series=len(series),
        gigabytes=round(gigabytes_of(series), 1),
        needed_gigabytes=round(needed.gigabytes, 1),
        dce=sum(bool(each.dce) for each in parts),
        t2=sum(each.t2 is not None for each in parts),
        dwi=sum(each.dwi is not None for each in parts),
        licences=licences_of(series),
        tables=known.tables,
    )
