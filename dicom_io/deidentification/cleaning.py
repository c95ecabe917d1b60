"""What of a data set may leave: a new data set, made of its listed elements and of those of the items inside it."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom import config
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from dicom_io.deidentification.kept import DERIVATIONS, KEPT, Derivations, Items, PublicTags, Replaced, Rule
from dicom_io.deidentification.mask import Mask
from dicom_io.encoding.elements import Elements, tag_of
from dicom_io.encoding.shapes import SafePrivate, Words
from dicom_io.vendors.registry import safe_private_elements

_RULES = {int(tag_of(keyword)): rule for keyword, rule in KEPT.items()}
_SAFE_PRIVATE = safe_private_elements()


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
            rule = _RULES.get(tag)
            if rule is not None and self._add(made, tag, dictionary_VR(tag), rule, elements):
                kept.add(tag)
        self.dropped |= set(elements.tags()) - kept
        return made

    def _add(self, made: Dataset, tag: int, vr: str, rule: Rule, elements: Elements) -> bool:
        """Put an element into the copy, empty where it is empty; False when not all of it may leave."""
        if vr != "SQ" and tag not in elements:
            made.add(DataElement(tag, vr, None))
            return True
        values = self._values(rule, elements, tag, vr)
        if values is not None:
            made.add(DataElement(tag, vr, values, validation_mode=config.IGNORE))
        if isinstance(rule, Words):
            return values == [text.upper() for text in elements.texts(tag)]
        return values is not None

    def _values(self, rule: Rule, elements: Elements, tag: int, vr: str) -> list[object] | None:
        """What stands in the copy; None when nothing does."""
        if isinstance(rule, Items):
            return [self.copy(item) for item in elements.items(tag)]
        if isinstance(rule, Derivations):
            return [_code(code) for item in elements.items(tag) if (code := item.text("CodeValue")) in DERIVATIONS]
        if isinstance(rule, PublicTags):
            return _public_tags(elements, tag)
        if isinstance(rule, Replaced):
            replaced = [rule.rule(self._mask, text) for text in elements.texts(tag)]
            return None if None in replaced else list(replaced)
        read = rule.read(elements, tag, vr)
        return None if read is None else list(read)

    def _add_private(self, made: Dataset, elements: Elements) -> Iterator[int]:
        """Put the private elements that readers need into the copy; their tags, and those that say whose they are."""
        for owner in elements.tags():
            creator = elements.text(owner) if owner & 0x10000 and 0x10 <= owner & 0xFFFF <= 0xFF else ""
            for safe in _SAFE_PRIVATE.get((owner >> 16, creator.upper()), ()):
                tag = owner >> 16 << 16 | (owner & 0xFF) << 8 | safe.tag.element
                values = self._private_values(safe, elements, tag) if tag in elements.tags() else None
                if values is not None:
                    block = made.private_block(owner >> 16, creator, create=True)
                    block.add_new(safe.tag.element, safe.vr, values)
                    self.keeps_private = True
                    yield from (owner, tag)

    def _private_values(self, safe: SafePrivate, elements: Elements, tag: int) -> list[object] | None:
        return self._values(Items() if safe.shape is None else safe.shape, elements, tag, safe.vr)


def _public_tags(elements: Elements, tag: int) -> list[object] | None:
    """The tags in an element; None when one of them is private or unknown, and may say anything."""
    value = elements.dataset[tag].value
    found = [value] if isinstance(value, int) else list(value or ())
    return found if all(dictionary_has_tag(each) for each in found) else None


def _code(value: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", DERIVATIONS[value]
    return item
