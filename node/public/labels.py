"""What a collection's tables say of a patient: labels of our endpoints, facts, and why somebody has none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mome_core.results import Endpoint, Laterality

MALIGNANCY, TRIPLE_NEGATIVE, RESPONSE = (
    Endpoint.MALIGNANCY.value,
    Endpoint.TRIPLE_NEGATIVE.value,
    Endpoint.PATHOLOGICAL_COMPLETE_RESPONSE.value,
)
_UNKNOWN = {"", "NA", "N/A", "NC", "NP", "NAN", "NONE", "NULL", "-1", "[NOT AVAILABLE]", "[NOT EVALUATED]", "."}


@dataclass(frozen=True, slots=True)
class PatientLabels:
    """One patient of a table.

    Parameters
    ----------
    patient
        As the images of the collection name them.
    values
        Columns of a cohort: endpoints as 0 or 1 where known, age, bi_rads and more facts.
    excluded
        Why no study of theirs takes part; empty for one who does.
    breasts
        Columns of each breast that has a label of its own; empty where the table knows patients only.
    """

    patient: str
    values: Mapping[str, str]
    excluded: str = ""
    breasts: Mapping[Laterality, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CollectionLabels:
    """All patients of a collection's tables.

    Parameters
    ----------
    same
        IDs of patients who bear another one in another collection (`patient_key`).
    notes
        Differences between what the collection says and what our endpoints mean.
    """

    patients: tuple[PatientLabels, ...]
    same: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def known(text: str) -> str:
    """The value of a cell; empty where the table says that it is not known."""
    return "" if text.strip().upper() in _UNKNOWN else text.strip()


def whole_years(text: str) -> str:
    """An age of a table, without its decimals; empty where it is not known."""
    return known(text).split(".")[0]


def yes_or_no(text: str, yes: Iterable[str] = ("1",), no: Iterable[str] = ("0",)) -> str:
    """A label: "1" or "0", or "" for anything else."""
    word = known(text).lower()
    return "1" if word in {each.lower() for each in yes} else "0" if word in {each.lower() for each in no} else ""


def triple_negative(er: str, pr: str, her2: str) -> str:
    """Whether all three receptors are negative ("0"): any positive one decides, an unknown one leaves it open."""
    receptors = (er, pr, her2)
    if "1" in receptors:
        return "0"
    return "1" if all(each == "0" for each in receptors) else ""
