"""The numbers of preprocessing; they travel inside the checkpoint, so that training and the node agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

from mome_core.case import Modality

Size = tuple[int, int, int]


class StatisticsOver(StrEnum):
    """Which voxels the mean and the standard deviation are taken from."""

    MASK = "mask"
    CROP = "crop"


@dataclass(frozen=True, slots=True)
class BreastRules:
    """Numbers of the breast mask; each is explained where `breast_mask` uses it.

    working_mm : voxel size at which the mask is found, mm.
    air_smoothing_mm : standard deviation of the Gaussian before body and air are told apart.
    chest_smoothing_mm : standard deviation of the smoothing of the chest wall's surface.
    opening_mm : radius of the slice-wise opening that removes bridges and rims.
    smoothing_mm : standard deviation of the 3-D Gaussian over the stacked slices.
    smallest_breast_ml : a side with less tissue than this counts as not found.
    """

    working_mm: float = 2.5
    air_smoothing_mm: float = 2.5
    chest_smoothing_mm: float = 8.0
    opening_mm: float = 4.0
    smoothing_mm: float = 3.0
    smallest_breast_ml: float = 40.0

    def __post_init__(self) -> None:
        if min(asdict(self).values()) <= 0:
            raise ValueError("every number of the breast mask must be positive")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a Case becomes the network's arrays.

    dce_size, dwi_size, t2_size : voxels (axis0, axis1, slices) that the tokenizers take, multiples of 16; the paper's
        are 384 x 256 x 128, 256 x 128 x 32 and 384 x 256 x 48. Axis 0 runs to the patient's left, axis 1 to posterior,
        slices to superior.
    dce_phases : subtraction phases after interpolation in time (paper: 6).
    dce_voxel_mm : voxel size that the DCE crop is resampled to before it is fitted; None keeps the scanner's (paper).
    t2_resize : size of the whole T2 volume before it is cropped (paper: 384 x 384 x 32).
    cropped : modalities that are cropped to the breasts (paper: not the DWI).
    masked : modalities whose voxels outside the breasts become zero.
    margin_mm : room around the breasts in the crop.
    statistics_over, statistics_per_phase : what mean and sigma are taken from (spec/model.md 3.2: mask, all phases
        jointly; the paper is silent).
    antialias : average over the skipped voxels when shrinking; the released code does not, small networks should.
    motion_limit_mm : phases that moved more than this against the pre-contrast phase are registered to it.
    motion_samples : share of the survey's voxels that registration looks at.
    motion_grid_mm : distance of the B-spline's control points.
    breast : numbers of the breast mask.
    """

    dce_size: Size = (384, 256, 128)
    dwi_size: Size = (256, 128, 32)
    t2_size: Size = (384, 256, 48)
    dce_phases: int = 6
    dce_voxel_mm: tuple[float, float, float] | None = None
    t2_resize: Size = (384, 384, 32)
    cropped: tuple[Modality, ...] = (Modality.DCE, Modality.T2)
    masked: tuple[Modality, ...] = (Modality.DCE, Modality.T2)
    margin_mm: float = 10.0
    statistics_over: StatisticsOver = StatisticsOver.MASK
    statistics_per_phase: bool = False
    antialias: bool = False
    motion_limit_mm: float = 2.5
    motion_samples: float = 0.1
    motion_grid_mm: float = 50.0
    breast: BreastRules = field(default_factory=BreastRules)

    def __post_init__(self) -> None:
        for modality in Modality:
            size = self.size(modality)
            if len(size) != 3 or any(n < 16 or n % 16 for n in size):
                raise ValueError(f"{modality} size must be three multiples of 16, got {size}")
        if self.dce_phases < 1:
            raise ValueError(f"dce_phases must be at least 1, got {self.dce_phases}")
        if len(self.t2_resize) != 3 or min(self.t2_resize) < 2:
            raise ValueError(f"t2_resize must be three numbers of at least 2, got {self.t2_resize}")
        if self.dce_voxel_mm is not None and (len(self.dce_voxel_mm) != 3 or min(self.dce_voxel_mm) <= 0):
            raise ValueError(f"dce_voxel_mm must be three positive numbers, got {self.dce_voxel_mm}")
        if (
            self.margin_mm < 0
            or min(self.motion_limit_mm, self.motion_grid_mm) <= 0
            or not 0 < self.motion_samples <= 1
        ):
            raise ValueError("margin_mm must not be negative; the numbers of motion must be positive")

    def size(self, modality: Modality) -> Size:
        """Padded size that the network's tokenizer of this modality takes."""
        return {Modality.DCE: self.dce_size, Modality.DWI: self.dwi_size, Modality.T2: self.t2_size}[modality]

    def channels(self, modality: Modality) -> int:
        """Channels of the array: the phases of the DCE, one for the others."""
        return self.dce_phases if modality is Modality.DCE else 1

    def to_json(self) -> dict[str, Any]:
        """Plain values for the bundle's manifest."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The recipe of a manifest; numbers it does not name keep their default, an unknown name is a ValueError."""
        if unknown := sorted(set(values) - set(cls.__dataclass_fields__)):
            raise ValueError(f"a recipe has no {', '.join(unknown)}; it has {', '.join(cls.__dataclass_fields__)}")
        plain: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        for name in plain.keys() & {"cropped", "masked"}:
            plain[name] = tuple(Modality(value) for value in plain[name])
        if "statistics_over" in plain:
            plain["statistics_over"] = StatisticsOver(plain["statistics_over"])
        if "breast" in plain and not isinstance(plain["breast"], BreastRules):
            plain["breast"] = BreastRules(**plain["breast"])
        return cls(**plain)
