"""The choices that define one synthetic breast MRI study."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mome_core.case import Modality

Millimetres = tuple[float, float, float]


class Lesion(StrEnum):
    """The lesion of the simulated patient; also the label that training learns from."""

    MALIGNANT = "malignant"
    BENIGN = "benign"
    NONE = "none"


class Size(StrEnum):
    """How many voxels: from unit tests to the paper's protocol."""

    TINY = "tiny"
    SMALL = "small"
    DEMO = "demo"
    PAPER = "paper"


class SliceOrientation(StrEnum):
    """How the slices lie; AXIAL_TURNED is axial with rows to the right and columns to anterior, as GE writes many
    prone studies."""

    AXIAL = "axial"
    AXIAL_TURNED = "axial-turned"
    SAGITTAL = "sagittal"
    OBLIQUE = "oblique"


class Position(StrEnum):
    """How the patient lies, in the values of PatientPosition (0018,5100)."""

    PRONE = "HFP"
    SUPINE = "HFS"


class Breasts(StrEnum):
    """Which breasts are there; one of them after a mastectomy."""

    BOTH = "both"
    LEFT = "left"
    RIGHT = "right"


class Anatomy(StrEnum):
    """Which simulated patient: the simple one that the shipped demo model knows, or the detailed one."""

    SIMPLE = "simple"
    DETAILED = "detailed"


class Presentation(StrEnum):
    """How lesions of the detailed patient look: overlapping as published, or each class as a textbook shows it."""

    CLINICAL = "clinical"
    TEXTBOOK = "textbook"


@dataclass(frozen=True, slots=True)
class PhantomSpec:
    """One synthetic study; the same spec gives the same voxels, bit for bit.

    Parameters
    ----------
    post_phases
        DCE phases after the one pre-contrast phase; the paper's protocols have 5 to 7.
    b_values
        In s/mm2, ascending; each becomes one trace-weighted volume.
    phase_seconds
        From one post-contrast phase to the next.
    first_gap_seconds
        From the pre-contrast phase to the first post-contrast phase; injection lies between.
    spacing_scale
        Multiplies the DCE's voxel spacing (columns, rows, slices); the field of view stays.
    without
        Modalities that were not acquired.
    contrast
        False simulates a bolus that never arrived.
    motion_mm
        How far the patient has moved by the last phase (0: holds still).
    lesion_scale
        Multiplies the lesion's radius; the patient stays the same, so that a lesion can shrink from visit to visit.
    anatomy
        The detailed patient has the lesions, tissues and artefacts of `dicom_io.phantom.detailed`.
    presentation
        Of the detailed patient's lesion; the simple patient's is conspicuous anyway.
    """

    seed: int = 0
    lesion: Lesion = Lesion.MALIGNANT
    size: Size = Size.TINY
    post_phases: int = 5
    field_strength_t: float = 3.0
    orientation: SliceOrientation = SliceOrientation.AXIAL
    position: Position = Position.PRONE
    breasts: Breasts = Breasts.BOTH
    b_values: tuple[float, ...] = (50.0, 400.0, 800.0, 1000.0)
    phase_seconds: float = 75.0
    first_gap_seconds: float = 100.0
    spacing_scale: Millimetres = (1.0, 1.0, 1.0)
    without: frozenset[Modality] = frozenset()
    contrast: bool = True
    motion_mm: float = 0.0
    lesion_scale: float = 1.0
    anatomy: Anatomy = Anatomy.SIMPLE
    presentation: Presentation = Presentation.CLINICAL

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, got {self.seed}")
        if self.post_phases < 1:
            raise ValueError(f"a dynamic has at least one post-contrast phase, got {self.post_phases}")
        if self.phase_seconds <= 0 or self.first_gap_seconds <= 0:
            raise ValueError("time runs forward: phase_seconds and first_gap_seconds must be positive")
        if not self.b_values or any(b < 0 for b in self.b_values) or list(self.b_values) != sorted(set(self.b_values)):
            raise ValueError(f"b_values must ascend from 0 or more, got {self.b_values}")
        if not 0.1 <= self.lesion_scale <= 2.0:
            raise ValueError(f"lesion_scale lies in 0.1 to 2, got {self.lesion_scale}")
        if not 0.1 <= self.field_strength_t <= 7.0 or min(self.spacing_scale) <= 0 or self.motion_mm < 0:
            raise ValueError("field strength lies in 0.1 to 7 T; spacing_scale is positive; motion is not negative")

    @property
    def times_s(self) -> tuple[float, ...]:
        """Seconds of each phase from the first post-contrast phase; the pre-contrast phase is negative."""
        return (-self.first_gap_seconds, *(self.phase_seconds * n for n in range(self.post_phases)))
