"""Which lesions patients have: type, form, size, kinetics, T2, ADC and endpoints, from one joint distribution.

Every parameter is a normal score about a latent axis of malignancy (a Gaussian copula): the two classes lie
`_SEPARATION` standard deviations apart in it, and residuals are correlated. AUROC of one parameter is then
Phi(d / sqrt 2) and the joint one follows from the Mahalanobis distance (Su and Liu, J Am Stat Assoc 1993;88:1350).
ADC 0.89 +- 0.29 against 1.27 +- 0.42 in PMID 26688549 (d about 1.05). docs/phantom.md lists the sources.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from dicom_io.phantom.spec import Lesion, Presentation
from dicom_io.phantom.tissue import Rng, TissueProperties


class LesionForm(StrEnum):
    """How a lesion takes up contrast agent in space (BI-RADS)."""

    MASS = "mass"
    NON_MASS = "non-mass enhancement"
    FOCUS = "focus"


class MassShape(StrEnum):
    """Shape and margin of a mass (BI-RADS), the more suspicious the later."""

    OVAL = "oval"
    ROUND = "round"
    IRREGULAR = "irregular"
    SPICULATED = "spiculated"


class Histology(StrEnum):
    """What a pathologist would say; it names habits and adds no evidence to the parameters."""

    FIBROADENOMA = "fibroadenoma"
    PAPILLOMA = "papilloma"
    NODE = "intramammary node"
    ADENOSIS = "adenosis"
    NO_SPECIAL_TYPE = "invasive carcinoma of no special type"
    LOBULAR = "invasive lobular carcinoma"
    MUCINOUS = "mucinous carcinoma"
    DCIS = "ductal carcinoma in situ"


class Subtype(StrEnum):
    """Molecular subtype of an invasive carcinoma, from immunohistochemistry."""

    LUMINAL_A = "luminal A"
    LUMINAL_B = "luminal B"
    HER2 = "HER2-enriched"
    TRIPLE_NEGATIVE = "triple-negative"


_SCORES = ("ktrans", "washout", "vp", "t2", "adc", "rim", "shape", "size")
"""Normal scores that are drawn together; t2 and adc count upwards for benign lesions."""

_SEPARATION = np.array([1.12, 1.14, 0.50, -0.97, -1.18, 0.72, 1.15, 0.60])
"""Malignant minus benign, in standard deviations within a class."""

_RESIDUALS = {("ktrans", "washout"): 0.05, ("ktrans", "vp"): 0.25, ("t2", "adc"): 0.15, ("shape", "size"): 0.25}
"""Correlations within a class; fluid raises T2 and ADC together, a leaky bed has both Ktrans and plasma."""

_TEXTBOOK_SEPARATION, _TEXTBOOK_SPREAD = 3.2, 0.35
_SHAPE_CUTS = (-0.35, 0.15, 0.95)


@dataclass(frozen=True, slots=True)
class LesionTraits:
    """One lesion before it has a place; truth files carry it.

    Parameters
    ----------
    diameter_mm
        4 to 60.
    ktrans_per_minute, ve, vp
        Extended Tofts parameters of the rim.
    adc
        1e-3 mm2/s
    core_uptake
        Ktrans of the core relative to the rim; below 1 the rim enhances more.
    satellites
        Further lesions of the same kind; multifocal or multicentric when not 0.
    bi_rads
        What a careful reader would give, 2 to 5.
    subtype, pathologic_complete_response
        None unless the lesion is an invasive carcinoma.
    """

    malignant: bool
    form: LesionForm
    shape: MassShape
    histology: Histology
    diameter_mm: float
    ktrans_per_minute: float
    ve: float
    vp: float
    t2_ms: float
    adc: float
    core_uptake: float
    satellites: int
    bi_rads: int
    subtype: Subtype | None = None
    pathologic_complete_response: bool | None = None

    def properties(self) -> tuple[TissueProperties, TissueProperties, TissueProperties]:
        """Rim, core and septum as materials."""
        rim = TissueProperties(1480, self.t2_ms, self.adc, 0.88, self.ktrans_per_minute, self.ve, self.vp)
        core = replace(rim, ktrans=self.ktrans_per_minute * self.core_uptake, adc=self.adc * 1.06)
        septum = replace(rim, t2_ms=38.0, adc=1.0, density=0.7, ktrans=0.01, vp=0.002)
        return rim, core, septum


def draw_traits(rng: Rng, lesion: Lesion, presentation: Presentation) -> LesionTraits | None:
    """The lesion of one patient; None for a healthy one."""
    if lesion is Lesion.NONE:
        return None
    malignant = lesion is Lesion.MALIGNANT
    textbook = presentation is Presentation.TEXTBOOK
    scores = _draw_scores(rng, malignant=malignant, textbook=textbook)
    form = LesionForm.MASS if textbook else _draw_form(rng, malignant=malignant)
    drawn = LesionTraits(
        malignant=malignant,
        form=form,
        shape=list(MassShape)[int(np.searchsorted(_SHAPE_CUTS, scores["shape"]))],
        histology=_histology(malignant, form, scores),
        diameter_mm=_diameter_mm(form, scores["size"], textbook=textbook),
        ktrans_per_minute=float(0.15 * np.exp(0.50 * scores["ktrans"])),
        ve=float(np.clip(0.42 * np.exp(-0.28 * scores["washout"]), 0.12, 0.95)),
        vp=float(0.018 * np.exp(0.5 * scores["vp"])),
        t2_ms=float(85.0 * np.exp(0.21 * scores["t2"])),
        adc=float(np.clip(1.17 * np.exp(0.26 * scores["adc"]), 0.4, 2.8)),
        core_uptake=float(np.clip(0.85 - 0.22 * scores["rim"], 0.25, 1.15)),
        satellites=0 if textbook or rng.random() > 0.20 else int(rng.integers(1, 4)),
        bi_rads=_bi_rads(rng, scores),
    )
    return _with_endpoints(rng, drawn, scores)


def _draw_scores(rng: Rng, *, malignant: bool, textbook: bool) -> dict[str, float]:
    """Correlated normal scores; textbook patients lie far out on their own side in every one of them."""
    correlation = np.eye(len(_SCORES))
    for (one, other), value in _RESIDUALS.items():
        i, j = _SCORES.index(one), _SCORES.index(other)
        correlation[i, j] = correlation[j, i] = value
    residual = np.linalg.cholesky(correlation) @ rng.standard_normal(len(_SCORES))
    side = 0.5 if malignant else -0.5
    if textbook:
        found = np.sign(_SEPARATION) * side * _TEXTBOOK_SEPARATION + _TEXTBOOK_SPREAD * residual
    else:
        found = _SEPARATION * side + residual
    return dict(zip(_SCORES, (float(value) for value in found), strict=True))


def _draw_form(rng: Rng, *, malignant: bool) -> LesionForm:
    """15 % non-mass, 10 % foci; foci are mostly benign, non-mass enhancement somewhat more often malignant."""
    focus, non_mass = (0.05, 0.18) if malignant else (0.15, 0.12)
    draw = rng.random()
    if draw < focus:
        return LesionForm.FOCUS
    return LesionForm.NON_MASS if draw < focus + non_mass else LesionForm.MASS


def _diameter_mm(form: LesionForm, score: float, *, textbook: bool) -> float:
    """Log-normal, 4 to 60 mm; a focus is below 5 mm, non-mass enhancement larger than a mass."""
    if textbook:
        return float(np.clip(21.0 + 2.5 * score, 15.0, 28.0))
    if form is LesionForm.FOCUS:
        return float(np.clip(4.5 + 0.3 * score, 4.0, 5.0))
    median, spread = (24.0, 0.42) if form is LesionForm.NON_MASS else (14.0, 0.50)
    return float(np.clip(median * np.exp(spread * score), 5.0, 60.0))


def _histology(malignant: bool, form: LesionForm, scores: dict[str, float]) -> Histology:
    """The diagnosis that fits the drawn parameters best."""
    if malignant and form is LesionForm.NON_MASS:
        return Histology.DCIS if scores["size"] < 0.6 else Histology.LOBULAR
    if malignant:
        wet = scores["t2"] > 0.3 and scores["adc"] > 0.0
        return Histology.MUCINOUS if wet else Histology.NO_SPECIAL_TYPE
    if form is LesionForm.NON_MASS:
        return Histology.ADENOSIS
    if scores["size"] < -0.5 and scores["washout"] > 0.0:
        return Histology.NODE
    return Histology.PAPILLOMA if scores["shape"] > 0.15 else Histology.FIBROADENOMA


def _bi_rads(rng: Rng, scores: dict[str, float]) -> int:
    """A simulated reader: sees shape, rim and kinetics, and errs; 3 or more is recalled, 4 or more biopsied."""
    suspicion = 0.8 * scores["shape"] + 0.5 * scores["rim"] + 0.5 * scores["washout"] + 0.3 * scores["ktrans"]
    return 2 + int(np.searchsorted((-1.6, -0.4, 1.5), suspicion + rng.normal(0, 1.0)))


def _with_endpoints(rng: Rng, lesion: LesionTraits, scores: dict[str, float]) -> LesionTraits:
    """Subtype and response, as weakly readable from images as published (AUROC about 0.7 each)."""
    if not lesion.malignant or lesion.histology is Histology.DCIS:
        return lesion
    triple_negative = 0.7 * scores["rim"] + 0.5 * scores["t2"] + 0.4 * scores["size"]
    subtype = _draw_subtype(rng, triple_negative)
    favourable = {Subtype.LUMINAL_A: -1.2, Subtype.LUMINAL_B: -0.5, Subtype.HER2: 1.0, Subtype.TRIPLE_NEGATIVE: 0.7}
    readable = 0.5 * scores["ktrans"] - 0.45 * scores["size"] + 0.35 * scores["washout"]
    complete = rng.random() < _logistic(-1.1 + favourable[subtype] + readable)
    return replace(lesion, subtype=subtype, pathologic_complete_response=bool(complete))


def _draw_subtype(rng: Rng, triple_negative: float) -> Subtype:
    """About 15 % triple-negative, 12 % HER2-enriched, the rest luminal."""
    if rng.random() < _logistic(-2.0 + triple_negative):
        return Subtype.TRIPLE_NEGATIVE
    return list(Subtype)[int(rng.choice(3, p=(0.55, 0.31, 0.14)))]


def _logistic(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))
