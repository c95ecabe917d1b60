"""What JSON beside NIfTI files says: `mome.json` for the study, and the sidecars that dcm2niix and BIDS write.

    {
      "DCE": {"files": ["a.nii.gz", "b.nii.gz"], "times_s": [0, 110], "pre_contrast": true, "subtraction": false},
      "T2": {"files": ["t2.nii.gz"]},
      "DWI": {"files": ["dwi.nii.gz"], "b_values": [0, 800]},
      "ADC": {"files": ["adc.nii.gz"]},
      "acquisition": {"vendor": "SIEMENS", "model": "Skyra", "field_strength_t": 3}
    }

Every part may be left out: then names decide. Of a BIDS sidecar only the keys below are read; it may name a patient.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from mome_core.case import Modality
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.nifti.image import refuse
from mome_core.nifti.names import stem_of

STUDY_SIDECAR = "mome.json"
ADC = "ADC"
_FACTS: Mapping[str, type] = {
    "vendor": str,
    "model": str,
    "software": str,
    "contrast_agent": str,
    "field_strength_t": float,
    "repetition_ms": float,
    "echo_ms": float,
    "flip_degrees": float,
}
_NO_QUANTITY = 1e300  # NaN and infinity are not below it, nor an integer that no float holds
_SUBTRACTED = {"SUB", "SUBTRACT", "SUBTRACTION"}  # of ImageType (0008,0008), as Siemens, Philips and GE write it
_BIDS_FACTS = {  # key of BIDS -> our fact, and what to multiply it with (BIDS counts seconds)
    "Manufacturer": ("vendor", 1.0),
    "ManufacturersModelName": ("model", 1.0),
    "SoftwareVersions": ("software", 1.0),
    "MagneticFieldStrength": ("field_strength_t", 1.0),
    "RepetitionTime": ("repetition_ms", 1000.0),
    "EchoTime": ("echo_ms", 1000.0),
    "FlipAngle": ("flip_degrees", 1.0),
}


@dataclass(frozen=True, slots=True)
class SidecarPart:
    """What mome.json says of one modality, or of the ADC map.

    Parameters
    ----------
    files
        Names in the folder, phases in order of time; empty where the files' names decide.
    times_s
        Of each phase, s, from any zero; empty where unknown.
    b_values
        Of each volume, s/mm2; empty where unknown.
    pre_contrast
        Whether the first phase is the one before contrast; None where nobody says.
    """

    files: tuple[str, ...] = ()
    times_s: tuple[float, ...] = ()
    b_values: tuple[float, ...] = ()
    pre_contrast: bool | None = None
    subtraction: bool = False


_NOTHING = SidecarPart()


@dataclass(frozen=True, slots=True)
class StudySidecar:
    """All that mome.json says; parts by name of the modality."""

    parts: Mapping[str, SidecarPart] = field(default_factory=dict)
    acquisition: Mapping[str, str | float] = field(default_factory=dict)

    def part(self, name: str) -> SidecarPart:
        """Of a modality, or of the ADC; empty where it is silent."""
        return self.parts.get(name, _NOTHING)


@dataclass(frozen=True, slots=True)
class FileSidecar:
    """What the JSON and the `.bval` beside one file say; everything empty where there are none.

    Parameters
    ----------
    times_s
        Of each volume of the file (`VolumeTiming`), s.
    clock_s
        `AcquisitionTime`, s after midnight; None where unknown.
    """

    facts: Mapping[str, str | float] = field(default_factory=dict)
    times_s: tuple[float, ...] = ()
    clock_s: float | None = None
    b_values: tuple[float, ...] = ()
    is_subtraction: bool = False


def read_study_sidecar(folder: Path) -> StudySidecar:
    """What mome.json says, empty without one; StudyIneligible for a key or value that it cannot have."""
    path = folder / STUDY_SIDECAR
    if not path.is_file():
        return StudySidecar()
    content = _json_of(path, STUDY_SIDECAR)
    _require_keys(content, {*Modality, ADC, "acquisition"}, "it")
    parts = {name: _part_of(name, part) for name, part in content.items() if name != "acquisition"}
    return StudySidecar(parts, _acquisition_of(content.get("acquisition", {})))


def read_file_sidecar(path: Path, shown: str) -> FileSidecar:
    """What lies beside a NIfTI file under its name; StudyIneligible for JSON or b-values that cannot be read."""
    beside = path.with_name(f"{stem_of(path)}.json")
    content = _json_of(beside, f"the JSON beside {shown}") if beside.is_file() else {}
    timing, words = content.get("VolumeTiming", []), content.get("ImageType", [])
    return FileSidecar(
        facts=_bids_facts(content),
        times_s=_numbers(timing, f"VolumeTiming of {shown}"),
        clock_s=_clock_s(content.get("AcquisitionTime")),
        b_values=_b_values_beside(path, shown),
        is_subtraction=isinstance(words, list) and any(str(word).upper() in _SUBTRACTED for word in words),
    )


def _json_of(path: Path, shown: str) -> dict[str, Any]:
    """A JSON object; the file's own words are not repeated, they could be anybody's."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        refuse(shown, "it is no JSON", "mend it, or remove it and let the names decide")
    if not isinstance(content, dict):
        refuse(shown, "it is no JSON object", "docs/nifti.md has an example")
    return content


def _part_of(name: str, content: object) -> SidecarPart:
    """One modality of mome.json."""
    if not isinstance(content, dict):
        refuse(STUDY_SIDECAR, f"{name} is no JSON object", 'write {"files": [...]}')
    known = {"DCE": {"files", "times_s", "pre_contrast", "subtraction"}, "DWI": {"files", "b_values"}}
    _require_keys(content, known.get(name, {"files"}), name)
    files = content.get("files", [])
    if not isinstance(files, list) or not all(isinstance(each, str) for each in files):
        refuse(STUDY_SIDECAR, f"{name}.files is no list of names", 'write ["a.nii.gz"]')
    for key in ("pre_contrast", "subtraction"):
        if not isinstance(content.get(key, False), bool):
            refuse(STUDY_SIDECAR, f"{name}.{key} is neither true nor false", "write one of them")
    return SidecarPart(
        files=tuple(files),
        times_s=_numbers(content.get("times_s", []), f"{name}.times_s"),
        b_values=_numbers(content.get("b_values", []), f"{name}.b_values"),
        pre_contrast=content.get("pre_contrast"),
        subtraction=content.get("subtraction", False),
    )


def _acquisition_of(content: object) -> dict[str, str | float]:
    """Facts for quality flags; only those that are known to hold no patient."""
    if not isinstance(content, dict):
        refuse(STUDY_SIDECAR, "acquisition is no JSON object", 'write {"vendor": "..."}')
    _require_keys(content, set(_FACTS), "acquisition")
    facts: dict[str, str | float] = {}
    for name, value in content.items():
        fits = isinstance(value, str) if _FACTS[name] is str else _is_number(value)
        if not fits:
            refuse(STUDY_SIDECAR, f"acquisition.{name} is no {'text' if _FACTS[name] is str else 'number'}", "mend it")
        facts[name] = value if isinstance(value, str) else float(value)
    return facts


def _require_keys(content: Mapping[str, object], known: set[str], where: str) -> None:
    """Refuse keys that mean nothing here: a typing error would go unseen."""
    if unknown := len(set(content) - known):
        words = f"{where} has {unknown} key{'s' * (unknown > 1)} that mean nothing"
        refuse(STUDY_SIDECAR, words, f"known are {', '.join(sorted(known))}")


def _bids_facts(content: Mapping[str, object]) -> dict[str, str | float]:
    facts: dict[str, str | float] = {}
    for key, (name, unit) in _BIDS_FACTS.items():
        value = content.get(key)
        if _FACTS[name] is str and isinstance(value, str) and value:
            facts[name] = value
        elif _FACTS[name] is float and isinstance(value, int | float) and _is_number(value):
            facts[name] = round(float(value) * unit, 6)
    return facts


def _numbers(values: object, where: str) -> tuple[float, ...]:
    """A list of finite numbers."""
    if not isinstance(values, list) or not all(_is_number(each) for each in values):
        raise StudyIneligible(f"{where}: it is no list of numbers (write [0, 90, 180])", Ineligibility.UNREADABLE)
    return tuple(float(each) for each in values)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _NO_QUANTITY


def _clock_s(text: object) -> float | None:
    """Seconds after midnight of "HH:MM:SS.ffffff"; None for anything else."""
    try:
        hours, minutes, seconds = (float(each) for each in str(text).split(":"))
    except ValueError:
        return None
    clock = hours * 3600 + minutes * 60 + seconds
    return clock if 0 <= clock < 86401 and min(hours, minutes, seconds) >= 0 else None  # NaN fails too


def _b_values_beside(path: Path, shown: str) -> tuple[float, ...]:
    """The numbers of a `.bval` file (FSL): one for each volume, s/mm2."""
    beside = path.with_name(f"{stem_of(path)}.bval")
    if not beside.is_file():
        return ()
    try:
        values = [float(each) for each in beside.read_text(encoding="ascii").split()]
    except (OSError, ValueError):
        values = []
    if not values or not all(isfinite(each) and each >= 0 for each in values):
        refuse(f"the .bval beside {shown}", "it is no row of b-values", "write one number for each volume, s/mm2")
    return tuple(values)
