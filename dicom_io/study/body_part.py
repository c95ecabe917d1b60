"""Whether a study says of itself that it shows another part of the body than the breast."""

from __future__ import annotations

import re
from collections import Counter

from dicom_io.headers.records import SeriesHeader, StudyHeaders

_BREAST = frozenset(("BREAST", "BREASTS", "MAMMA", "MAMMAE", "MAMA", "MAMMO", "BRUST", "SEIN", "SENO", "BORST", "BST"))
_OTHER = {  # Body Part Examined (PS3.16 annex L) and what protocols are named after -> how we call it
    **dict.fromkeys(("HEAD", "BRAIN", "SKULL", "NEURO", "SCHAEDEL", "KOPF"), "head"),
    **dict.fromkeys(("NECK", "CSPINE", "TSPINE", "LSPINE", "SPINE"), "neck or spine"),
    **dict.fromkeys(("ABDOMEN", "LIVER", "PANCREAS", "KIDNEY"), "abdomen"),
    **dict.fromkeys(("PELVIS", "PROSTATE", "UTERUS", "RECTUM", "BLADDER"), "pelvis"),
    **dict.fromkeys(("KNEE", "HIP", "ANKLE", "FOOT", "SHOULDER", "ELBOW", "WRIST", "HAND"), "limb"),
    **dict.fromkeys(("HEART", "CARDIAC"), "heart"),
}
_NO_CONTRADICTION = ("CHEST", "THORAX")
BODY_PARTS = frozenset((*_BREAST, *_OTHER, *_NO_CONTRADICTION))
"""Every name of a part of the body that we know."""


def contradicting_body_part(headers: StudyHeaders) -> str | None:
    """The part of the body that at least half of the series name, in our own word; None where any names the breast.

    What no word of ours stands for (a chest, an unknown protocol) contradicts nothing.
    """
    words = [_words_of(each) for each in headers]
    if any(each & _BREAST for each in words):
        return None
    named = Counter(part for each in words for part in {_OTHER[word] for word in each if word in _OTHER})
    if not named:
        return None
    part, count = named.most_common(1)[0]
    return part if 2 * count >= len(words) else None


def _words_of(series: SeriesHeader) -> set[str]:
    """Body Part Examined of its first image, and the words of its names, in capitals."""
    body = series.instances[0].public.text("BodyPartExamined") if series.instances else ""
    return set(re.findall(r"[A-Z]+", f"{body} {series.protocol} {series.description}".upper()))
