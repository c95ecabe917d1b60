"""A series description in words of ours: it says what the reader understood of the scanner's or the site's, no more."""

from __future__ import annotations

from functools import lru_cache
from itertools import product

from dicom_io.study.names import NameReading, read_name
from mome_core.case import Role

_WORDS: dict[Role, tuple[str, ...]] = {
    Role.DCE_MULTI: ("dyn", "dyn gd"),
    Role.DCE_PRE: ("dyn pre", "pre"),
    Role.DCE_POST: ("dyn post", "post", "dyn"),
    Role.DCE_PHASE: ("dyn",),
    Role.T1_NONFS: ("t1", "t1 se", "t1 single phase", "t1 se single phase"),
    Role.T1_FS_SINGLE: ("t1", "t1 single phase"),
    Role.T2: ("t2",),
    Role.T2_IR: ("tirm", "stir"),
    Role.DWI: ("dwi",),
    Role.ADC: ("adc",),
    Role.SUBTRACTION: ("subtraction",),
    Role.MIP: ("mip",),
    Role.MPR: ("mpr",),
    Role.DERIVED_MAP: ("parameter map",),
    Role.SEG: ("segmentation",),
    Role.FAT: ("fat only",),
    Role.LOCALIZER: ("localizer",),
    Role.OTHER: ("", "special", "summary", "reference scan"),
}
_SUPPRESSION = {None: "", True: " fs", False: " non fs"}


@lru_cache(1024)
def description_of(name: str) -> str:
    """Words that are read like a series name: role, fat suppression, contrast, phase; empty when it says nothing.

    What no words of ours say as well loses its phase or its contrast before its role.
    """
    said = read_name(name)
    number = "" if said.phase_number is None else f" ph{said.phase_number}"
    moment = "" if said.moment is None else f" {said.moment}"
    texts = [
        f"{words}{when}{which}{_SUPPRESSION[said.fat_suppressed]}".strip()
        for words, when, which in product(_WORDS[said.role], ("", moment), (number, ""))
    ]
    alike = [text for text in texts if _facts(read_name(text)) == _facts(said)]
    same_role = [text for text in texts if read_name(text).role == said.role]
    return next(iter((*alike, *same_role)), "")


def _facts(reading: NameReading) -> tuple[object, ...]:
    """What readers ask of a name."""
    certain = reading.role is Role.OTHER and reading.confidence
    return reading.role, certain, reading.fat_suppressed, reading.moment, reading.phase_number
