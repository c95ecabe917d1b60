"""What the images prove, in numbers that no network had a part in: kinetics, size, diffusion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from mome_core.volume import Volume

PHASE_1_TOLERANCE_PERCENT = 10.0
"""A delayed signal within this share of the initial one is a plateau (ACR BI-RADS Atlas, 5th ed., MRI, kinetics)."""

ENHANCING_PERCENT = 50.0
"""Initial uptake from which tissue counts as enhancing: below it BI-RADS calls the initial phase slow."""


class CurveType(StrEnum):
    """The delayed phase of a time-signal curve, in the words of BI-RADS; types I, II and III."""

    PERSISTENT = "persistent"
    PLATEAU = "plateau"
    WASHOUT = "washout"

    @classmethod
    def of(cls, delayed_change_percent: float) -> CurveType:
        """The type of a curve that changed so much from the first post-contrast phase to the last."""
        if delayed_change_percent > PHASE_1_TOLERANCE_PERCENT:
            return cls.PERSISTENT
        return cls.WASHOUT if delayed_change_percent < -PHASE_1_TOLERANCE_PERCENT else cls.PLATEAU


class MeasuredAt(StrEnum):
    """What the measured point is."""

    SALIENCY_PEAK = "saliency-peak"
    STRONGEST_ENHANCEMENT = "strongest-enhancement"


class Leak(StrEnum):
    """Why the measured tissue may be more than one lesion: what it touches or looks like."""

    CHEST_WALL = "chest-wall"
    SKIN = "skin"
    VESSEL = "vessel"
    DIFFUSE = "diffuse"


class NotMeasuredCode(StrEnum):
    """Why a number is not given; stable."""

    NO_DCE = "NO_DCE"
    NO_STRUCTURE = "NO_STRUCTURE"
    POST_CONTRAST_MISSING = "POST_CONTRAST_MISSING"
    NO_BREAST = "NO_BREAST"
    PRE_CONTRAST_UNPROVEN = "PRE_CONTRAST_UNPROVEN"
    TIMES_UNKNOWN = "TIMES_UNKNOWN"
    DELAYED_PHASE_MISSING = "DELAYED_PHASE_MISSING"
    MOTION_LEFT = "MOTION_LEFT"
    NO_ENHANCEMENT = "NO_ENHANCEMENT"
    TOO_FEW_VOXELS = "TOO_FEW_VOXELS"
    NO_DIFFUSION = "NO_DIFFUSION"
    FRAMES_DIFFER = "FRAMES_DIFFER"
    UNIT_UNKNOWN = "UNIT_UNKNOWN"
    NOT_COVERED = "NOT_COVERED"
    EDGE_UNCLEAR = "EDGE_UNCLEAR"


class Measurand(StrEnum):
    """Which numbers are withheld together; stable."""

    KINETICS = "kinetics"  # and all that follows from the enhancing tissue
    DELAYED_CHANGE = "delayed change"
    SIZE = "size"  # volume and extents
    ADC = "adc"


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """A number that is withheld: which, a stable code, and a sentence for the reader."""

    what: Measurand
    code: NotMeasuredCode
    words: str


@dataclass(frozen=True, slots=True)
class Curve:
    """A time-signal curve of one place.

    Parameters
    ----------
    enhancement_percent
        Signal of each phase above that before contrast, percent of the latter; the first is 0.
    delayed_change_percent
        Signal of the last phase above that of the first post-contrast phase, percent of the latter; None where
        withheld.
    voxels
        How many voxels of the DCE were averaged.
    """

    enhancement_percent: tuple[float, ...]
    delayed_change_percent: float | None
    voxels: int

    def to_json(self) -> dict[str, Any]:
        """Plain data under the names of the fields, with the initial uptake and the type that follow from them."""
        return {**asdict(self), "initial_uptake_percent": self.initial_uptake_percent, "type": self.type}

    @property
    def initial_uptake_percent(self) -> float:
        """Enhancement in the first post-contrast phase."""
        return self.enhancement_percent[1]

    @property
    def type(self) -> CurveType | None:
        """By the BI-RADS rule; None where the delayed change is withheld."""
        return None if self.delayed_change_percent is None else CurveType.of(self.delayed_change_percent)


@dataclass(frozen=True, slots=True)
class EnhancingTissue:
    """The enhancing tissue that is connected to a point, and the curves in it.

    Parameters
    ----------
    measured_at
        What the point is.
    point_mm
        LPS.
    at_point, whole, worst
        Curve around the point; mean of the tissue; of its places the one whose signal falls most (or rises least).
    type_shares
        Share of the tissue's voxels of each curve type; empty where withheld.
    volume_ml, extents_mm
        Extents along the patient's left-right, anterior-posterior and foot-head axes; None where withheld.
    leaks
        Why it may be more than one lesion.
    skin_mm, chest_wall_mm
        Shortest distance of the tissue to each.
    """

    measured_at: MeasuredAt
    point_mm: tuple[float, float, float]
    side: str
    at_point: Curve
    whole: Curve
    worst: Curve
    type_shares: Mapping[CurveType, float]
    volume_ml: float | None
    extents_mm: tuple[float, float, float] | None
    leaks: tuple[Leak, ...]
    skin_mm: float
    chest_wall_mm: float

    def to_json(self) -> dict[str, Any]:
        """Plain data under the names of the fields, each curve with what follows from it."""
        curves = {"at_point": self.at_point, "whole": self.whole, "worst": self.worst}
        return {**asdict(self), **{name: curve.to_json() for name, curve in curves.items()}}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave."""
        curves = {name: _curve_from_json(content[name]) for name in ("at_point", "whole", "worst")}
        x, y, z = content["point_mm"]
        extents = content["extents_mm"]
        plain = {
            "measured_at": MeasuredAt(content["measured_at"]),
            "point_mm": (x, y, z),
            "extents_mm": None if extents is None else (extents[0], extents[1], extents[2]),
            "leaks": tuple(Leak(each) for each in content["leaks"]),
            "type_shares": {CurveType(name): share for name, share in content["type_shares"].items()},
        }
        return cls(**{**content, **plain, **curves})


def _curve_from_json(content: Mapping[str, Any]) -> Curve:
    return Curve(tuple(content["enhancement_percent"]), content["delayed_change_percent"], content["voxels"])


@dataclass(frozen=True, slots=True)
class DiffusionMeasure:
    """Apparent diffusion coefficient in the measured tissue, 1e-3 mm2/s.

    Parameters
    ----------
    minimum
        Lowest voxel of those averaged.
    b_values
        That the fit used, s/mm2; empty where the scanner's own map was read.
    """

    mean: float
    minimum: float
    voxels: int
    b_values: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Measurements:
    """All that was measured on one study without a network, and why the rest was not.

    Parameters
    ----------
    times_s
        Of each DCE phase from the first post-contrast one; empty where unknown.
    """

    times_s: tuple[float, ...] = ()
    tissue: EnhancingTissue | None = None
    diffusion: DiffusionMeasure | None = None
    not_measured: tuple[NotMeasured, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data under the names of the fields, each curve with what follows from it."""
        return {**asdict(self), "tissue": None if self.tissue is None else self.tissue.to_json()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave."""
        tissue, diffusion = content["tissue"], content["diffusion"]
        return cls(
            times_s=tuple(content["times_s"]),
            tissue=None if tissue is None else EnhancingTissue.from_json(tissue),
            diffusion=None
            if diffusion is None
            else DiffusionMeasure(**{**diffusion, "b_values": tuple(diffusion["b_values"])}),
            not_measured=tuple(
                NotMeasured(Measurand(each["what"]), NotMeasuredCode(each["code"]), each["words"])
                for each in content["not_measured"]
            ),
        )


@dataclass(frozen=True, slots=True, eq=False)
class KineticMaps:
    """The kinetics of each voxel of the breasts on the grid of the DCE; zero where there is nothing to say.

    Parameters
    ----------
    initial_uptake_percent, delayed_change_percent, time_to_peak_s
        float32; the second and third where the initial uptake reaches the threshold. Time counts from the first
        post-contrast phase, so that a peak in it is 0 s.
    types
        uint8: 1 persistent, 2 plateau, 3 washout, 0 none.
    tissue
        The measured tissue; None where there is none.
    """

    initial_uptake_percent: Volume
    delayed_change_percent: Volume | None = None
    time_to_peak_s: Volume | None = None
    types: Volume | None = None
    tissue: Volume | None = None


TYPE_NUMBERS = {each: number for number, each in enumerate(CurveType, start=1)}
