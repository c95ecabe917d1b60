"""The numbers of preprocessing; they travel inside the checkpoint, so that training and the node agree."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from mome_core.case import Modality

Size = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a Case becomes the network's arrays.

    dce_size, dwi_size, t2_size : voxels (axis0, axis1, slices) that the tokenizers take, multiples of 16; the paper's
        are 384 x 256 x 128, 256 x 128 x 32 and 384 x 256 x 48. Axis 0 runs to the patient's left, axis 1 to posterior,
        slices to superior.
    dce_phases : subtraction phases after interpolation in time (paper: 6).
    """

    dce_size: Size = (384, 256, 128)
    dwi_size: Size = (256, 128, 32)
    t2_size: Size = (384, 256, 48)
    dce_phases: int = 6

    def __post_init__(self) -> None:
        for modality in Modality:
            size = self.size(modality)
            if len(size) != 3 or any(n < 16 or n % 16 for n in size):
                raise ValueError(f"{modality} size must be three multiples of 16, got {size}")

    def size(self, modality: Modality) -> Size:
        """Padded size that the network's tokenizer of this modality takes."""
        return {Modality.DCE: self.dce_size, Modality.DWI: self.dwi_size, Modality.T2: self.t2_size}[modality]

    def channels(self, modality: Modality) -> int:
        """Channels of the array: the phases of the DCE, one for the others."""
        return self.dce_phases if modality is Modality.DCE else 1

    def to_json(self) -> dict[str, Any]:
        """Plain values for the bundle's manifest."""
        return asdict(self)
