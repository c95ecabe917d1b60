"""The volumes of one study by role, and the words for the parts that series play."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from mome_core.volume import Dynamic, Volume

FIELD_OF_TWO_MM = 220.0
"""From left to right: a narrower field of view may hold one breast only."""


class Modality(StrEnum):
    """What the network takes in: any subset of the three, in the paper's order of tokens."""

    DCE = "DCE"
    DWI = "DWI"
    T2 = "T2"


class Role(StrEnum):
    """The part a series plays in a breast MRI study; the values are the classes of series_descriptions_dev.csv."""

    DCE_MULTI = "DCE_MULTI"
    DCE_PRE = "DCE_PRE"
    DCE_POST = "DCE_POST"
    DCE_PHASE = "DCE_PHASE"
    T1_NONFS = "T1_NONFS"
    T1_FS_SINGLE = "T1_FS_SINGLE"
    T2 = "T2"
    T2_IR = "T2_IR"
    DWI = "DWI"
    ADC = "ADC"
    SUBTRACTION = "SUBTRACTION"
    MIP = "MIP"
    MPR = "MPR"
    DERIVED_MAP = "DERIVED_MAP"
    FAT = "FAT"
    SEG = "SEG"
    LOCALIZER = "LOCALIZER"
    OTHER = "OTHER"


class PreContrast(StrEnum):
    """Whether the first phase of a dynamic is the one before contrast."""

    PROVEN = "proven"
    REFUTED = "refuted"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """What one study offers to the network: each modality in its own grid, absent ones None.

    Parameters
    ----------
    dwi
        The volume of the highest b-value (trace, or mean over directions), with that b-value in s/mm2.
    acquisition
        Plain facts for quality flags (vendor, model, field strength in T); no patient data. `pre_contrast` is what
        the headers say of the DCE's first phase (PreContrast).
    unusable
        Why a modality is None although the study has series of it.
    adc
        The scanner's map of the apparent diffusion coefficient, as stored and rescaled, in whatever unit. It and
        `dwi_by_b_value` are for measuring only: no network is given them and no case file holds them.
    dwi_by_b_value
        The volume of each b-value in s/mm2 (trace, or mean over directions), ascending.
    """

    dce: Dynamic | None = None
    t2: Volume | None = None
    dwi: Volume | None = None
    dwi_b_value: float | None = None
    acquisition: Mapping[str, str | float] = field(default_factory=dict)
    unusable: Mapping[Modality, str] = field(default_factory=dict)
    adc: Volume | None = None
    dwi_by_b_value: Mapping[float, Volume] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.dwi is not None and self.dwi_b_value is None:
            raise ValueError("a DWI volume needs its b-value")

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The modalities that are there, in the network's order."""
        return tuple(self.sources)

    @property
    def sources(self) -> dict[Modality, Dynamic | Volume]:
        """The volumes that are there, in the network's order."""
        every = {Modality.DCE: self.dce, Modality.DWI: self.dwi, Modality.T2: self.t2}
        return {modality: source for modality, source in every.items() if source is not None}


def same_images(a: Case, b: Case) -> bool:
    """Whether two cases hold the same voxels at the same places, b-value, phase times and proof of the phase before
    contrast; who and where may differ.
    """

    def alike(x: Volume | Dynamic | None, y: Volume | Dynamic | None) -> bool:
        if x is None or y is None:
            return x is y
        return np.array_equal(x.voxels, y.voxels) and np.allclose(x.affine, y.affine, atol=1e-6)

    times_a, times_b = (case.dce.times_s if case.dce else () for case in (a, b))
    return (
        alike(a.dce, b.dce)
        and alike(a.t2, b.t2)
        and alike(a.dwi, b.dwi)
        and a.dwi_b_value == b.dwi_b_value
        and times_a == times_b
        and a.acquisition.get("pre_contrast") == b.acquisition.get("pre_contrast")
    )
