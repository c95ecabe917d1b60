"""Objects with one defect each, for the tests of the gate."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import chain

import pytest
from pydicom.dataset import Dataset

from sr_templates import gate
from sr_templates.build import ResultObjects, decode, encode
from sr_templates.dicom import codes
from sr_templates.dicom.evidence import Evidence
from sr_templates.errors import ObjectRefused
from sr_templates.kinds import Kind

Objects = dict[Kind, Dataset]
"""The first instance of each kind, free to be spoiled."""
Spoil = Callable[[Objects], None]


def named(document: Dataset, code: codes.Code) -> Dataset:
    """The first item with this concept name."""
    pending = list(document.ContentSequence)
    while pending:
        item = pending.pop(0)
        if item.ConceptNameCodeSequence[0].get("CodeValue") == code.value:
            return item
        pending += item.get("ContentSequence", [])
    raise LookupError(code.meaning)


def assert_refused(objects: ResultObjects, evidence: Evidence, spoil: Spoil, words: str) -> None:
    """The gate refuses these objects after they were spoiled, says why, and names no patient."""
    copies = {kind: [decode(encode(first)), *rest] for kind, (first, *rest) in objects.by_kind.items()}
    spoil({kind: instances[0] for kind, instances in copies.items()})
    with pytest.raises(ObjectRefused, match=re.escape(words)) as refused:
        gate.check(chain.from_iterable(copies.values()), evidence)
    assert "Phantom" not in str(refused.value)
    assert "P-1" not in str(refused.value)
