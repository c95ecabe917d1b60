"""What of a data set may leave: a new data set, made of its listed elements and of those of the items inside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from pydicom import config
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from dicom_io.deidentification.kept import KEPT, Derivations, Items, PublicTags, Replaced, Rule, derivations
from dicom_io.deidentification.mask import Mask
from dicom_io.encoding.codes import code_item
from dicom_io.encoding.elements import Elements, tag_of
from dicom_io.encoding.shapes import Words
from dicom_io.vendors.registry import safe_private_elements


class Cleaning:
    """Makes copies of the data sets of one image.

    Attributes
    ----------
    dropped
        Tags of elements that stay here, whole or with one of their values.
    keeps_private
        Whether a private element went along.
    """

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self.dropped: set[int] = set()
        self.keeps_private = False

    def copy(self, elements: Elements) -> Dataset:
        """A new data set of what may leave."""
        made = Dataset()
        kept = set(self._add_private(made, elements))
        for tag in elements.tags():
            rule = _rules().get(tag)
            if rule is not None and self._add(made, tag, dictionary_VR(tag), rule, elements):
                kept.add(tag)
        self.dropped |= set(elements.tags()) - kept
        return made

    def _add(self, made: Dataset, tag: int, vr: str, rule: Rule, elements: Elements) -> bool:
        """Put an element into the copy, empty where it is empty; False when not all of it may leave."""
        if vr != "SQ" and tag not in elements:
            made.add(DataElement(tag, vr, None))
            return True
        values, whole = self._values(rule, elements, tag, vr)
        if values is not None:
            made.add(DataElement(tag, vr, values, validation_mode=config.IGNORE))
        return whole

    def _values(self, rule: Rule, elements: Elements, tag: int, vr: str) -> tuple[list[object] | None, bool]:
        """What stands in the copy, None when nothing does; and whether that stands for every value."""
        if isinstance(rule, Items):
            return [self.copy(item) for item in elements.items(tag)], True
        if isinstance(rule, Derivations):
            found = [item.text("CodeValue") for item in elements.items(tag)]
            known = [code_item(value, "DCM", derivations()[value]) for value in found if value in derivations()]
            return list(known), len(known) == len(found)
        if isinstance(rule, PublicTags):
            tags = _public_tags(elements, tag)
            return tags, tags is not None
        if isinstance(rule, Replaced):
            replaced = [rule.rule(self._mask, text) for text in elements.texts(tag)]
            return (None, False) if None in replaced else (list(replaced), True)
        read = rule.read(elements, tag, vr)
        if read is None:
            return None, False
        return list(read), not isinstance(rule, Words) or rule.keeps_all(elements, tag)

    def _add_private(self, made: Dataset, elements: Elements) -> Iterator[int]:
        """Put the private elements that readers need into the copy.

        Gives the tags of those that may leave whole, and those that say whose they are.
        """
        present = frozenset(elements.tags())
        for claimed in elements.private_blocks():
            for safe in _safe_private().get((claimed.group, claimed.creator.upper()), ()):
                tag = claimed.tag(safe.tag.element)
                if tag not in present:
                    continue
                values, whole = self._values(safe.shape or Items(), elements, tag, safe.vr)
                if values is None:
                    continue
                block = made.private_block(claimed.group, claimed.creator, create=True)
                block.add_new(safe.tag.element, safe.vr, values)
                self.keeps_private = True
                yield claimed.owner
                if whole:
                    yield tag


@cache
def _rules() -> Mapping[int, Rule]:
    """The rule for each tag that may leave."""
    return {int(tag_of(keyword)): rule for keyword, rule in KEPT.items()}


_safe_private = cache(safe_private_elements)


def _public_tags(elements: Elements, tag: int) -> list[object] | None:
    """The tags in an element; None when one of them is private or unknown, and may say anything."""
    value = elements.dataset[tag].value
    found = [value] if isinstance(value, int) else list(value or ())
    return found if all(dictionary_has_tag(each) for each in found) else None
