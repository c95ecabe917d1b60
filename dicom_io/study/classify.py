"""The role of each series, with the reason: tags first, geometry next, names last.

Neither "DERIVED means exclude" nor "ORIGINAL means take" survives real data, so each rule looks at the word that names
the computation, at physics (echo, repetition, inversion, diffusion), and only then at the name of the series.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dicom_io.errors import NoVolume
from dicom_io.headers.records import SeriesHeader, StudyHeaders
from dicom_io.study.dynamic import assign_dynamic_roles
from dicom_io.study.geometry import ORIENTATION_TOLERANCE, count_distinct, stacks_of
from dicom_io.study.names import NameReading, read_name
from dicom_io.study.roles import COMPUTED_ROLES, T1_ROLES, RoleAssignment, RoleRule, SeriesRole
from dicom_io.vendors.base import Direction
from mome_core.case import Role

# The words of ImageType and of its Siemens and Enhanced relatives; DCM codes are of PS3.16 CID 7203.
_MIP_WORDS = frozenset(
    {"MIP", "MAX_IP", "MIN_IP", "MINIP", "PROJECTION", "PROJECTION IMAGE", "PJN", "DCM113078", "DCM113079"}
)
_SUBTRACTION_WORDS = frozenset({"SUB", "SUBTRACTION", "SUBTRACT", "SUBTRACTED", "DCM113062"})
_MPR_WORDS = frozenset({"MPR", "CURVED_MPR", "REFORMATTED", "RFMT", "DCM113072", "DCM113073"})
_ADC_WORDS = frozenset({"ADC", "EADC", "DADC", "DCM113041"})
_TRACE_WORDS = frozenset({"TRACEW", "TRACE", "ISO", "ISOTROPIC"})
_MAP_WORDS = frozenset(
    {
        "FA",
        "TENSOR",
        "TTEST",
        "RGB",
        "TTP",
        "MTT",
        "RELCBF",
        "RELCBV",
        "RELMTT",
        "PBP",
        "KTRANS",
        "KEP",
        "VE",
        "VP",
        "IAUC",
    }
    | {"WASHIN", "WASHOUT", "PEI", "MIPT", "TOA", "T1MAP", "T2MAP", "R2MAP", "PERCENTAGE", "STD", "DIVISION", "MASKED"}
    | {"MULTIPLICATION", "ADDITION", "VELOCITY", "B0MAP", "B1MAP", "PARAMETRIC", "DCM113044", "DCM113064", "DCM113069"}
)
_WORKSTATION_WORDS = frozenset({"PROCESSED", "COMBINED"})  # GE: computed by a workstation, never an acquisition
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_DIFFUSION_FLOOR = 40.0  # s/mm2: below lies what stands for b0 (Siemens 5, Philips 2)
_MAX_LOCALIZER_IMAGES = 90
_MAX_NAMED_LOCALIZER_IMAGES = 20
_NEVER_T1 = frozenset({Role.T2, Role.T2_IR, Role.DWI})
LONG_REPETITION_MS, SHORT_REPETITION_MS = 900.0, 1300.0  # of spin echoes: T2 weighting needs the one, T1 the other
LONG_ECHO_MS, SHORT_ECHO_MS = 45.0, 40.0
_STIR_MS = 400.0  # fat is nulled at 60 to 300 ms, fluid above 1500 ms
_SPECIAL = 0.8  # confidence of names that say what tags cannot


@dataclass(frozen=True, slots=True)
class _Classification:
    """What one rule concludes."""

    role: Role
    confidence: float
    why: str
    certain: bool = True


def assign_roles(headers: Iterable[SeriesHeader], rules: Sequence[RoleRule] = ()) -> RoleAssignment:
    """Give every series its role.

    What a series is by itself comes from `classify_series`; which T1 series are phases of a dynamic only shows in the
    study as a whole (dicom_io.study.dynamic).
    """
    excluded = headers.excluded if isinstance(headers, StudyHeaders) else ()
    roles = assign_dynamic_roles([classify_series(series, rules) for series in headers])
    return RoleAssignment(tuple(roles), excluded)


def classify_series(series: SeriesHeader, rules: Sequence[RoleRule] = ()) -> SeriesRole:
    """The role of one series by itself."""
    name = read_name(series.description or series.protocol)
    found = next(found for rule in _RULES if (found := rule(series, name)))
    site_rule = next((rule for rule in rules if rule.fits(series)), None)
    if site_rule is not None:
        found = _Classification(site_rule.role, 1.0, f"the site's rule '{site_rule.pattern}' says so")
    item = SeriesRole(
        series, found.role, found.confidence, found.why, name, certain=found.certain, by_rule=site_rule is not None
    )
    try:
        return replace(item, stacks=tuple(stacks_of(series.planes)))
    except NoVolume as error:
        return replace(item, refused=str(error))


def _by_object(series: SeriesHeader, name: NameReading) -> _Classification | None:
    """Objects that are no MR images at all."""
    del name
    if series.modality == "SEG":
        return _Classification(Role.SEG, 1.0, "it is a segmentation object")
    if series.modality not in ("MR", ""):
        return _Classification(Role.OTHER, 1.0, f"its modality is {series.modality}")
    if any(instance.sop_class_uid.startswith(_SECONDARY_CAPTURE) for instance in series.instances):
        return _Classification(Role.OTHER, 1.0, "it is a secondary capture")
    if all(instance.bits_stored == 1 for instance in series.instances):
        return _Classification(Role.SEG, 0.95, "its pixels are single bits")
    return None


def _by_derivation(series: SeriesHeader, name: NameReading) -> _Classification | None:
    """Images that say themselves what was computed; the last computation comes first (SUB then MIP is a MIP)."""
    del name
    words = series.words
    table = (
        (Role.MIP, _MIP_WORDS),
        (Role.SUBTRACTION, _SUBTRACTION_WORDS),
        (Role.MPR, _MPR_WORDS),
        (Role.ADC, _ADC_WORDS),
    )
    for role, vocabulary in table:
        if found := words & vocabulary:
            return _Classification(role, 1.0, f"its image type says {min(found)}")
    if "LOCALIZER" in words:
        return _Classification(Role.LOCALIZER, 1.0, "its image type says LOCALIZER")
    if (found := words & _MAP_WORDS) and not words & _TRACE_WORDS:
        return _Classification(Role.DERIVED_MAP, 0.95, f"its image type says {min(found)}")
    return None


def _by_dixon(series: SeriesHeader, name: NameReading) -> _Classification | None:
    """The fat, in-phase and opposed-phase images of Dixon; its water image is a T1 with fat suppression."""
    del name
    words = series.words
    if "FAT" in words or ("DIXON" in words and "F" in words):
        return _Classification(Role.FAT, 1.0, "it is the fat image of a Dixon acquisition")
    if words & {"OPP_PHASE", "OUT_PHASE"} or ("DIXON" in words and "OPP" in words):
        return _Classification(Role.OTHER, 1.0, "it is the opposed-phase image of a Dixon acquisition")
    if "IN_PHASE" in words:
        return _Classification(Role.T1_NONFS, 0.95, "it is the in-phase image of a Dixon acquisition")
    return None


def _by_diffusion(series: SeriesHeader, name: NameReading) -> _Classification | None:
    """Diffusion-weighted images, and the maps computed from them."""
    b_values = {plane.diffusion.b_value for plane in series.planes}
    weighted = sorted(b for b in b_values if b is not None and b >= _DIFFUSION_FLOOR)
    words = series.words
    isotropic = any(plane.diffusion.direction is Direction.ISOTROPIC for plane in series.planes)
    if not weighted:
        if "DIFFUSION" in words and isotropic and b_values == {None}:
            return _Classification(Role.ADC, 0.95, "it is isotropic diffusion without a b-value: a map")
        if "DIFFUSION" in words:
            return _Classification(Role.DWI, 0.8, "its image type says DIFFUSION")
        return None
    if words & _WORKSTATION_WORDS:
        role = name.role if name.role in COMPUTED_ROLES else Role.DERIVED_MAP
        return _Classification(
            role, 0.95, f"a workstation computed it ({min(words & _WORKSTATION_WORDS)}) from diffusion images"
        )
    listed = ", ".join(f"{b:g}" for b in weighted)
    if "DERIVED" in words and not (words & _TRACE_WORDS or isotropic) and name.role in COMPUTED_ROLES:
        return _Classification(name.role, 0.9, f"it is derived from diffusion images and named '{name.word}'")
    return _Classification(Role.DWI, 0.98, f"its images have b-values {listed}")


def _by_workstation(series: SeriesHeader, name: NameReading) -> _Classification | None:
    """Computed by a workstation that does not say what; the name may."""
    if not series.words & _WORKSTATION_WORDS:
        return None
    role = name.role if name.role in COMPUTED_ROLES else Role.DERIVED_MAP
    return _Classification(role, 0.95, "a workstation computed it (image type PROCESSED or COMBINED)")


def _by_layout(series: SeriesHeader, name: NameReading) -> _Classification | None:
    """Few images in several orientations are a localizer."""
    del name
    orientations = np.array([plane.orientation for plane in series.planes if len(plane.orientation) == 6])
    if len(orientations) and len(orientations) <= _MAX_LOCALIZER_IMAGES:
        distinct = count_distinct(orientations, 100 * ORIENTATION_TOLERANCE)
        if distinct > 1:
            return _Classification(Role.LOCALIZER, 0.95, f"{len(orientations)} images in {distinct} orientations")
    return None


def _by_derived_name(series: SeriesHeader, name: NameReading) -> _Classification | None:
    """DERIVED without a word for the computation: the name tells; without one, or against the tags, it is no input."""
    if "DERIVED" not in series.words or series.words & _TRACE_WORDS:
        return None
    if name.role is Role.OTHER:
        return _Classification(Role.DERIVED_MAP, 0.6, "it is derived, and nothing says from what")
    made = _by_spin_echo(series, name) or _by_gradient_echo(series, name)
    if name.role in _NEVER_T1 and ("T1" in series.words or (made and made.role in T1_ROLES)):
        return _Classification(
            Role.DERIVED_MAP, 0.6, f"it is derived from T1-weighted images, though named '{name.word}'"
        )
    return _Classification(
        name.role, 0.6, f"it is derived and named '{name.word}'", certain=name.role in COMPUTED_ROLES
    )


def _by_special_name(series: SeriesHeader, name: NameReading) -> _Classification | None:
    """What tags do not tell: silicone, angiography, spectroscopy; and a localizer as small as one."""
    if series.acquisition.echo_planar:
        return _Classification(Role.OTHER, 0.9, "it is echo-planar without diffusion weighting")
    localizer = name.role is Role.LOCALIZER and len(series.planes) <= _MAX_NAMED_LOCALIZER_IMAGES
    if localizer or (name.role is Role.OTHER and name.confidence >= _SPECIAL):
        return _Classification(name.role, name.confidence, f"its name says '{name.word}'", certain=False)
    return None


def _by_spin_echo(series: SeriesHeader, name: NameReading) -> _Classification | None:
    """Spin echoes: T2 by a long echo, fat or fluid suppressed by the inversion time, T1 by a short one."""
    how = series.acquisition
    echo_ms, repetition_ms, inversion_ms = how.echo_ms, how.repetition_ms, how.inversion_ms or 0.0
    if echo_ms is None or not how.spin_echo or how.gradient_echo:
        return None
    told = f"spin echo with TE {echo_ms:g} ms"
    if "T2" in series.words and not series.words & {"FLUID_ATTENUATED", "FLAIR"}:
        return _Classification(Role.T2, 0.9, f"its image type says T2; {told}")
    recovers = repetition_ms is None or repetition_ms >= LONG_REPETITION_MS
    if recovers and 0 < inversion_ms <= _STIR_MS:
        return _Classification(Role.T2_IR, 0.95, f"{told}, inversion after {inversion_ms:g} ms")
    if recovers and echo_ms >= LONG_ECHO_MS:
        return _long_echo(inversion_ms, told)
    if echo_ms < SHORT_ECHO_MS and repetition_ms is not None and repetition_ms < SHORT_REPETITION_MS:
        return _t1_classification(series, name, f"{told}, TR {repetition_ms:g} ms", 0.85)
    return None


def _long_echo(inversion_ms: float, told: str) -> _Classification:
    """T2, unless the inversion is too late to suppress fat."""
    if inversion_ms > 0:
        return _Classification(Role.OTHER, 0.8, f"inversion after {inversion_ms:g} ms suppresses fluid, not fat")
    return _Classification(Role.T2, 0.95, told)


def _by_gradient_echo(series: SeriesHeader, name: NameReading) -> _Classification | None:
    """Gradient echoes: T1 by short times; T2* and the like are no input."""
    how = series.acquisition
    if how.echo_ms is None or not how.gradient_echo:
        return None
    told = f"gradient echo with TE {how.echo_ms:g} ms, TR {how.repetition_ms or 0:g} ms"
    if how.echo_ms < 15 and (how.repetition_ms is None or how.repetition_ms < 100):
        return _t1_classification(series, name, told, 0.9)
    if how.echo_ms >= 15 and not how.spin_echo:
        return _Classification(Role.OTHER, 0.8, f"{told}: neither T1 nor T2")
    return None


def _t1_classification(series: SeriesHeader, name: NameReading, told: str, confidence: float) -> _Classification:
    """T1 with or without fat suppression, by the tags where they tell and by the name where they do not."""
    fat = series.acquisition.fat_suppressed
    if fat is None:
        fat = _dixon_water(series) or name.fat_suppressed
    role = Role.T1_FS_SINGLE if fat else Role.T1_NONFS
    suppression = {True: "fat suppressed", False: "not fat suppressed", None: "fat suppression unknown"}[fat]
    return _Classification(role, confidence if fat is not None else 0.7, f"{told}: T1, {suppression}")


def _dixon_water(series: SeriesHeader) -> bool | None:
    """True for the water image of a Dixon acquisition, None for everything else."""
    words = series.words
    return True if "WATER" in words or ("DIXON" in words and "W" in words) else None


def _by_name(series: SeriesHeader, name: NameReading) -> _Classification | None:
    """Where the tags are silent the name speaks."""
    del series
    if name.confidence == 0:
        return None
    return _Classification(
        name.role, 0.5 * name.confidence, f"its name says '{name.word}'; the tags are silent", certain=False
    )


def _by_silence(series: SeriesHeader, name: NameReading) -> _Classification:
    """Nothing tells."""
    del series, name
    return _Classification(Role.OTHER, 0.3, "neither tags nor name identify it")


_RULES: tuple[Callable[[SeriesHeader, NameReading], _Classification | None], ...] = (
    _by_object,
    _by_derivation,
    _by_dixon,
    _by_diffusion,
    _by_workstation,
    _by_layout,
    _by_derived_name,
    _by_special_name,
    _by_spin_echo,
    _by_gradient_echo,
    _by_name,
    _by_silence,
)
