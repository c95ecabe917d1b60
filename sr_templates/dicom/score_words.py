"""What a score says and what it is worth, in the same words on page, report, dashboard and terminal."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor

from mome_core.calibration import Call, Proportion
from mome_core.case import Modality
from mome_core.results import Endpoint
from sr_templates.dicom.text import percent


def call_words(call: Call, threshold: float) -> str:
    """The call, e.g. "positive: above the operating point of 12 %"."""
    if call is Call.WITHHELD:
        return "no call"
    side = "above" if call is Call.POSITIVE else "not above"
    return f"{call}: {side} the operating point of {percent(threshold)}"


def validation_words(coalition: str, cases: int, sensitivity: Proportion, specificity: Proportion) -> str:
    """What validation proved of the operating point for the modalities that are there."""
    with_these = coalition.replace("+", " + ")
    return (
        f"validated with {with_these} on {cases} patients: sensitivity {share_words(sensitivity)}, "
        f"specificity {share_words(specificity)}"
    )


def share_words(share: Proportion) -> str:
    """A share with the bound that holds for new patients, e.g. "97 % (at least 95 %)"."""
    return f"{percent(share.value)} (at least {floor(100 * share.low)} %)"


def frequency_words(endpoint: Endpoint, nearby: Proportion) -> str:
    """How often patients who scored about the same turned out positive."""
    low, high = round(100 * nearby.low), round(100 * nearby.high)
    return (
        f"of 100 validation patients who scored like this, {round(100 * nearby.value)} {endpoint.outcome} "
        f"({low} to {high})"
    )


def spread_words(spread: float, versions: int) -> str:
    """How much the score varies with the placement of the images; this is not how sure it is."""
    if versions < 2:
        return ""
    return f"varies with placement by {percent(spread)} (SD of {versions} versions)"


def without_words(without: Mapping[Modality, float | None]) -> str:
    """The score without each modality, e.g. "without DCE 34 %, without T2 withheld"; empty for a single one."""
    found = (f"without {m} {'withheld' if value is None else percent(value)}" for m, value in without.items())
    return ", ".join(found)
