"""The sets of cases of an evaluation, from what a person writes: `[NAME=]MANIFEST[:SPLIT]`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mome_core.training.cohort import ManifestRow, Split, read_manifest, rows_of_split, rows_to_measure
from mome_core.training.errors import TrainingRefused


@dataclass(frozen=True, slots=True)
class ManifestSet:
    """The rows of a manifest that are measured together, under the name that the report gives them.

    Labels from readers' verdicts are left out (`rows_to_measure`).
    """

    name: str
    rows: tuple[ManifestRow, ...]

    @property
    def patients(self) -> frozenset[str]:
        """Whose cases these are."""
        return frozenset(row.patient for row in self.rows)


def sets_named(texts: Sequence[str], split: str = "") -> tuple[ManifestSet, ...]:
    """Every set in its order; TrainingRefused for an unknown split, an empty set, or two sets of one name.

    Parameters
    ----------
    split
        Of the sets that name none; empty takes every row.
    """
    sets = tuple(_set_named(text, split) for text in texts)
    repeated = [name for name, count in Counter(each.name for each in sets).items() if count > 1]
    if repeated:
        raise TrainingRefused(f"two sets are called '{repeated[0]}': name them, e.g. internal=a.csv external=b.csv")
    return sets


def choosing_set(text: str, first: str) -> ManifestSet | None:
    """The set that an operating point is chosen on; None where that split has no case.

    Parameters
    ----------
    text
        A set, or a split of the first set's manifest.
    """
    if text in set(Split):
        _, manifest, _ = _parsed(first)
        rows = rows_to_measure(rows_of_split(read_manifest(Path(manifest)), text))
        return ManifestSet(text, rows) if rows else None
    return _set_named(text, "")


def _set_named(text: str, split: str) -> ManifestSet:
    name, manifest, own_split = _parsed(text)
    wanted = own_split or split
    if wanted and wanted not in set(Split):
        raise TrainingRefused(f"there is no split '{wanted}'; there are {', '.join(Split)}")
    rows = rows_to_measure(rows_of_split(read_manifest(Path(manifest)), wanted))
    if not rows:
        raise TrainingRefused(f"{manifest} has no case of the split {wanted}")
    return ManifestSet(name or " ".join(part for part in (Path(manifest).stem, own_split) if part), rows)


def _parsed(text: str) -> tuple[str, str, str]:
    """(name, manifest, split) of what was written; a path that exists as it is written is taken as that path."""
    if Path(text).exists():
        return "", text, ""
    name, equals, rest = text.partition("=")
    if not equals:
        name, rest = "", text
    manifest, colon, split = rest.rpartition(":")
    return (name, manifest, split) if colon and not Path(rest).exists() else (name, rest, "")
