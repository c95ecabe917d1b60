"""What a patient's earlier studies gave beside the present one, and what of it may be compared.

Numbers stand side by side by date; whether something became better or worse is for the reader to say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Self

from mome_core.measurements import Measurements
from mome_core.results import Endpoint

_MEASURING_RULES = 2
"""Counts up when the same images would be measured differently."""
_ROUNDED = {"field_strength_t": 1, "repetition_ms": 1, "echo_ms": 1, "flip_degrees": 0}  # decimals that count
_NAMED = ("vendor", "model")


class Incomparable(StrEnum):
    """Why numbers of two visits are not to be compared; stable."""

    OTHER_MODEL = "other-model"
    OTHER_SEQUENCES = "other-sequences"
    OTHER_PROTOCOL = "other-protocol"
    OTHER_RULES = "other-rules"
    OTHER_PLACE = "other-place"


@dataclass(frozen=True, slots=True)
class VisitScore:
    """A probability in [0, 1], None where it was withheld; by which model and estimator, from which modalities."""

    endpoint: Endpoint
    probability: float | None
    made_by: str
    modalities: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """What one study of a patient gave.

    Parameters
    ----------
    date
        Study Date (0008,0020), YYYYMMDD.
    volume_ml, uptake_percent, adc
        Enhancing tissue, its initial uptake, its mean ADC (1e-3 mm2/s); None where not measured.
    place
        Breast and kind of the point that was measured; empty where nothing was.
    rules, acquisition
        Version of the measuring rules; digest of the DCE's protocol (`acquisition_digest`).
    diffusion
        b-values of the ADC, empty where the scanner made it.
    is_present
        Whether it is the study that the others stand beside.
    measured_apart, scored_apart
        Why its measurements or its scores are not to be compared with those of the present study.
    """

    date: str
    scores: tuple[VisitScore, ...] = ()
    volume_ml: float | None = None
    uptake_percent: float | None = None
    adc: float | None = None
    place: str = ""
    rules: int = _MEASURING_RULES
    acquisition: str = ""
    diffusion: str = ""
    is_present: bool = False
    measured_apart: tuple[Incomparable, ...] = ()
    scored_apart: tuple[Incomparable, ...] = ()

    @property
    def says_something(self) -> bool:
        """Whether it has a number to show."""
        scored = any(each.probability is not None for each in self.scores)
        return scored or self.volume_ml is not None or self.adc is not None

    def probability(self, endpoint: Endpoint) -> float | None:
        """The score of one endpoint; None where there is none."""
        return next((each.probability for each in self.scores if each.endpoint is endpoint), None)

    def to_json(self) -> dict[str, Any]:
        """Plain data under the names of the fields."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave."""
        scores = tuple(
            VisitScore(Endpoint(each["endpoint"]), each["probability"], each["made_by"], each["modalities"])
            for each in content["scores"]
        )
        apart = {
            name: tuple(Incomparable(each) for each in content[name]) for name in ("measured_apart", "scored_apart")
        }
        return cls(**{**content, **apart, "scores": scores})


def measured_visit(
    date: str, scores: Sequence[VisitScore], measurements: Measurements | None, acquisition: str
) -> Visit:
    """A visit from what its analysis found."""
    tissue = None if measurements is None else measurements.tissue
    diffusion = None if measurements is None else measurements.diffusion
    return Visit(
        date,
        tuple(scores),
        volume_ml=None if tissue is None else tissue.volume_ml,
        uptake_percent=None if tissue is None else tissue.whole.initial_uptake_percent,
        adc=None if diffusion is None else diffusion.mean,
        place="" if tissue is None else f"{tissue.side} {tissue.measured_at}",
        acquisition=acquisition,
        diffusion="" if diffusion is None else ",".join(f"{each:g}" for each in diffusion.b_values),
    )


def acquisition_digest(facts: Mapping[str, object], spacing_mm: Sequence[float], phases: int) -> str:
    """The same for dynamics that were acquired alike: scanner model, field, TR, TE, flip angle, voxels, phases."""
    named = [f"{name}={facts.get(name, '')}" for name in _NAMED]
    numbers = [f"{name}={_rounded(facts.get(name), decimals)}" for name, decimals in _ROUNDED.items()]
    grid = [f"{each:.1f}" for each in spacing_mm]
    return hashlib.sha256("|".join([*named, *numbers, *grid, str(phases)]).encode()).hexdigest()[:16]


def _rounded(value: object, decimals: int) -> str:
    return f"{value:.{decimals}f}" if isinstance(value, float | int) else ""


def compared(present: Visit, earlier: Sequence[Visit]) -> tuple[Visit, ...]:
    """Earlier visits by date, each with why it is not to be compared, and the present one last; empty without any."""
    found = sorted((each for each in earlier if each.says_something), key=lambda each: each.date)
    marked = (
        replace(
            each,
            is_present=False,
            measured_apart=_measured_apart(present, each),
            scored_apart=_scored_apart(present, each),
        )
        for each in found
    )
    return (*marked, replace(present, is_present=True)) if found else ()


def _measured_apart(present: Visit, earlier: Visit) -> tuple[Incomparable, ...]:
    if not present.place or not earlier.place:
        return ()  # nothing stands there that could be compared
    reasons = {
        Incomparable.OTHER_RULES: earlier.rules != present.rules,
        Incomparable.OTHER_PROTOCOL: (earlier.acquisition, earlier.diffusion)
        != (present.acquisition, present.diffusion),
        Incomparable.OTHER_PLACE: earlier.place != present.place,
    }
    return tuple(reason for reason, holds in reasons.items() if holds)


def _scored_apart(present: Visit, earlier: Visit) -> tuple[Incomparable, ...]:
    ours = {each.endpoint: each for each in present.scores}
    pairs = [(ours[each.endpoint], each) for each in earlier.scores if each.endpoint in ours]
    reasons = {
        Incomparable.OTHER_MODEL: any(one.made_by != other.made_by for one, other in pairs),
        Incomparable.OTHER_SEQUENCES: any(one.modalities != other.modalities for one, other in pairs),
    }
    return tuple(reason for reason, holds in reasons.items() if holds)
