"""The detailed patient: everything that differs from one to the next, drawn at random; lengths in LPS mm.

Breast density by class as in screening (10, 40, 40, 10 %: D'Orsi et al., ACR BI-RADS Atlas 2013); background
enhancement moderate or marked in 30 % (King et al., Radiology 2011;260:50).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import TypeVar

import numpy as np

from dicom_io.phantom.detailed.blobs import Blob, clear_of, draw_blobs
from dicom_io.phantom.detailed.breast import BreastShape, draw_breasts, draw_place
from dicom_io.phantom.detailed.fields import (
    Deformation,
    RandomField,
    band_field,
    draw_deformation,
    power_law_field,
)
from dicom_io.phantom.detailed.lesions import LesionGeometry, draw_lesions, draw_spicules
from dicom_io.phantom.detailed.materials import MATERIALS, ArterialInput, Material, draw_arterial_input
from dicom_io.phantom.detailed.population import LesionTraits, draw_traits
from dicom_io.phantom.detailed.threads import Threads, Vessel, smooth_path, threads, vessel_tree
from dicom_io.phantom.spec import PhantomSpec, Presentation
from dicom_io.phantom.tissue import Rng, TissueProperties

_Choice = TypeVar("_Choice")


class DensityClass(StrEnum):
    """Breast composition (BI-RADS): almost entirely fat to extremely dense."""

    A = "a"
    B = "b"
    C = "c"
    D = "d"


class BackgroundEnhancement(IntEnum):
    """Background parenchymal enhancement (BI-RADS)."""

    MINIMAL = 0
    MILD = 1
    MODERATE = 2
    MARKED = 3


@dataclass(frozen=True, slots=True, eq=False)
class DetailedPatient:
    """Everything that differs from patient to patient.

    Parameters
    ----------
    torso
        Size of the chest relative to the mean.
    texture
        1/f^b; gland and heterogeneous lesions follow it.
    sheets
        Its zero surfaces are Cooper's ligaments.
    fat_failure
        Share of fat that keeps its signal in the middle of the field of view; `failed_side` (-1, 0, +1) adds a breast.
    """

    breasts: tuple[BreastShape, ...]
    torso: float
    deformation: Deformation
    texture: RandomField
    sheets: RandomField
    density: DensityClass
    background: BackgroundEnhancement
    enhancing_share: float
    blobs: tuple[Blob, ...]
    strands: tuple[Threads, ...]
    traits: LesionTraits | None
    lesions: tuple[LesionGeometry, ...]
    spicules: Threads | None
    materials: dict[Material, TissueProperties]
    arterial: ArterialInput
    fat_failure: float
    failed_side: int


_DENSITY = {
    DensityClass.A: (0.10, (0.20, 0.35)),
    DensityClass.B: (0.40, (0.35, 0.55)),
    DensityClass.C: (0.40, (0.55, 0.78)),
    DensityClass.D: (0.10, (0.78, 0.95)),
}
_BACKGROUND = {  # share of patients, share of the gland that enhances, its Ktrans in 1/min
    BackgroundEnhancement.MINIMAL: (0.36, 0.08, 0.03),
    BackgroundEnhancement.MILD: (0.34, 0.25, 0.04),
    BackgroundEnhancement.MODERATE: (0.19, 0.50, 0.07),
    BackgroundEnhancement.MARKED: (0.11, 0.75, 0.12),
}


def draw_patient(rng: Rng, lesion_rng: Rng, spec: PhantomSpec) -> DetailedPatient:
    """One patient; the lesion has random numbers of its own, so that its kind does not change her breasts."""
    textbook = spec.presentation is Presentation.TEXTBOOK
    density = _choice(rng, {each: share for each, (share, _) in _DENSITY.items()})
    background = _choice(rng, {each: share for each, (share, _, _) in _BACKGROUND.items()})
    if textbook:
        background = BackgroundEnhancement(min(background, 1))
    breasts = draw_breasts(rng, spec, float(rng.uniform(*_DENSITY[density][1])))
    texture = power_law_field(rng, exponent=3.0, pitch_mm=2.0, longest_mm=45.0)
    sheets = band_field(rng, length_mm=float(rng.uniform(20, 30)), pitch_mm=2.0)
    blobs = draw_blobs(rng, breasts, plain=textbook)
    strands = _draw_strands(rng, breasts)
    _, share, ktrans = _BACKGROUND[background]
    patient = DetailedPatient(
        breasts=breasts,
        torso=float(rng.uniform(0.93, 1.0)),
        deformation=draw_deformation(rng, largest_mm=7.0),
        texture=texture,
        sheets=sheets,
        density=density,
        background=background,
        enhancing_share=share,
        blobs=blobs,
        strands=strands,
        traits=None,
        lesions=(),
        spicules=None,
        materials=_draw_materials(rng, ktrans),
        arterial=draw_arterial_input(rng),
        fat_failure=float(rng.uniform(0.02, 0.10)),
        failed_side=0 if textbook or rng.random() > 0.10 else int(rng.choice([-1, 1])),
    )
    return _with_lesion(lesion_rng, patient, spec)


def _with_lesion(rng: Rng, patient: DetailedPatient, spec: PhantomSpec) -> DetailedPatient:
    """The patient with her lesion; cysts and clips that would lie in it are left out."""
    traits = draw_traits(rng, spec.lesion, spec.presentation)
    bearer = patient.breasts[int(rng.integers(len(patient.breasts)))]
    if traits is None:
        row = patient.materials[Material.GLAND]
        return replace(patient, materials=patient.materials | dict.fromkeys(_LESION_ROWS, row))
    centre = draw_place(rng, bearer, spec.lesion_scale * traits.diameter_mm / 2)
    lesions = draw_lesions(rng, traits, centre, spec.lesion_scale)
    rows = dict(zip(_LESION_ROWS, traits.properties(), strict=True))
    return replace(
        patient,
        traits=traits,
        lesions=lesions,
        spicules=draw_spicules(rng, traits, lesions),
        materials=patient.materials | rows,
        blobs=tuple(each for each in patient.blobs if clear_of(lesions, each)),
    )


_LESION_ROWS = (Material.LESION_RIM, Material.LESION_CORE, Material.LESION_SEPTUM)


def _draw_materials(rng: Rng, background_ktrans: float) -> dict[Material, TissueProperties]:
    """The table with this patient's background enhancement, and 5 % between patients in relaxation and diffusion."""
    own = {
        row: replace(
            each,
            t1_ms=each.t1_ms * float(np.exp(rng.normal(0, 0.05))),
            t2_ms=each.t2_ms * float(np.exp(rng.normal(0, 0.05))),
            adc=each.adc * float(np.exp(rng.normal(0, 0.05))),
        )
        for row, each in MATERIALS.items()
    }
    ktrans = background_ktrans * float(np.exp(rng.normal(0, 0.25)))
    return own | {Material.GLAND_ENHANCING: replace(own[Material.GLAND_ENHANCING], ktrans=ktrans)}


def _draw_strands(rng: Rng, breasts: tuple[BreastShape, ...]) -> tuple[Threads, ...]:
    """Veins, arteries and ducts."""
    veins: list[Vessel] = []
    arteries: list[Vessel] = []
    ducts: list[Vessel] = []
    for breast in breasts:
        side = 1 if breast.is_left else -1
        tree = vessel_tree(rng, breast.centre_mm, breast.semi_axes_mm, side)
        for path, radius in tree:
            (arteries if rng.random() < 0.25 else veins).append((path, radius))
        for _ in range(int(rng.integers(6, 12))):
            end, tip = rng.uniform((-0.45, -0.55, -0.45), (0.45, -0.15, 0.45)), np.array([0, -0.97, 0])
            knots = np.array([breast.place(end * t + tip * (1 - t)) for t in (0.0, 0.4, 0.7, 1.0)])
            knots[1:3] += rng.normal(0, 2.5, (2, 3))
            ducts.append((smooth_path(knots, 30), np.linspace(0.9, 0.3, 30)))
    return (
        threads(Material.VEIN, veins, rng),
        threads(Material.ARTERY, arteries, rng),
        threads(Material.DUCT, ducts, rng),
    )


def _choice(rng: Rng, shares: dict[_Choice, float]) -> _Choice:
    names = list(shares)
    return names[int(rng.choice(len(names), p=list(shares.values())))]
