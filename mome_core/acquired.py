"""Which phases and which b-value of those that were acquired a network is given, whatever they are stored in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

_MOST_PHASES = 12  # more is an ultrafast dynamic, of which pre and six post-contrast phases are kept
_KEPT_POST_PHASES = 6
_USUAL_B_VALUES = (600.0, 1200.0)  # the paper takes the highest b-value, 1000 or 800; 1500 and more is another contrast
_NEAREST_B_VALUE = 1000.0  # what comes closest is taken where none is usual
_LOWEST_WEIGHTED_B_VALUE = 100.0  # below lies perfusion, or what stands for b0
_ALIKE_B = 0.1  # b-values within 10 % are one: scanners write the actual value of each direction


def kept_phases(count: int, times_s: Sequence[float] = ()) -> tuple[int, ...]:
    """Which of so many phases are used: all, or of an ultrafast dynamic the first and six, evenly spread in time."""
    if count <= _MOST_PHASES:
        return tuple(range(count))
    times = np.array(times_s or range(count), dtype=float)
    wanted = np.linspace(times[1], times[-1], _KEPT_POST_PHASES)
    return (0, *sorted({int(np.argmin(np.abs(times[1:] - t))) + 1 for t in wanted}))


class _WantedBValue(NamedTuple):
    """The b-value to take, s/mm2, and why it is not what the network was trained on; empty when it is."""

    b_value: float
    warning: str


def wanted_b_value(b_values: Iterable[float]) -> _WantedBValue | None:
    """The highest usual b-value (600 to 1200), else the one nearest to 1000; None where no image is weighted."""
    weighted = [b for b in b_values if b >= _LOWEST_WEIGHTED_B_VALUE]
    if not weighted:
        return None
    low, high = _USUAL_B_VALUES
    usual = [b for b in weighted if low <= b <= high]
    wanted = max(usual) if usual else min(weighted, key=lambda b: abs(b - _NEAREST_B_VALUE))
    return _WantedBValue(wanted, "" if usual else f"the DWI has no b-value of 800 or 1000; b = {wanted:g} is used")


def are_alike(b_value: float, wanted: float) -> bool:
    """Whether a b-value is about the one that is wanted."""
    return abs(b_value - wanted) <= _ALIKE_B * wanted
