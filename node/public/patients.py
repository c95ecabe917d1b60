"""One key for a patient in all public collections, so that nobody is on two sides of a split.

ACRIN 6698 is a part of I-SPY 2; MAMA-MIA and BreastDCEDL repeat Duke, I-SPY 1, I-SPY 2 and the NACT pilot. IDs are
public, so the key is readable: `ispy2-102212`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

_NOBODY: Mapping[str, str] = MappingProxyType({})


def _numbered(prefix: str, width: int) -> Callable[[re.Match[str]], str]:
    return lambda found: f"{prefix}-{int(found[1]):0{width}d}"


_KEYS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), key)
    for pattern, key in (
        (r"(?:ISPY2|ACRIN[-_]6698)[-_](\d+)", _numbered("ispy2", 6)),
        (r"ISPY1[-_](\d+)", _numbered("ispy1", 4)),
        (r"(?:Breast_MRI|DUKE)[-_](\d+)", _numbered("duke", 3)),
        (r"(?:UCSF-BR|NACT)[-_](\d+)", _numbered("nact", 2)),
        (r"AMBL[-_](\d+)", _numbered("ambl", 3)),
        (r"BreastDx-01-(\d+)", _numbered("breastdx", 4)),
        (r"ACRIN-Contralateral-Breast-MR-(\d+)", _numbered("acrin6667", 3)),
        (r"(TCGA-\w\w-\w{4}).*", lambda found: found[1].lower()),
        (r"fastMRI_breast_(\d+)(?:_\d+)?", _numbered("fastmri", 3)),
    )
)


def patient_key(patient_id: str, same: Mapping[str, str] = _NOBODY) -> str:
    """The key of a patient whom a collection calls so.

    Parameters
    ----------
    same
        What a table says of patients who bear another ID elsewhere: this collection's ID to the other one.
    """
    name = same.get(patient_id.strip(), patient_id).strip()
    for pattern, key in _KEYS:
        if found := pattern.fullmatch(name):
            return key(found)
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
