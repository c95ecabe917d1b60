"""The conformance statement tells what the program does, and the page in docs/ is the newest one."""

from __future__ import annotations

import pytest

from dicom_io.network.contexts import acceptor_contexts
from node.conformance import statement
from places import DOCS
from sr_templates.kinds import Kind


def test_the_page_is_what_the_command_prints() -> None:
    assert (DOCS / "conformance.md").read_text() == statement(), "run: mome-node conformance > docs/conformance.md"


@pytest.mark.parametrize("words", ["Research use only", "Annex N", "99MOMENODE", "| C000 |", "BCP 195"])
def test_it_says(words: str) -> None:
    assert words in statement()


def test_every_class_that_is_accepted_or_made_is_named() -> None:
    told = statement()
    accepted = [str(each.abstract_syntax) for each in acceptor_contexts()]
    assert len(accepted) > 100
    assert [uid for uid in accepted if f"| {uid} |" not in told] == []
    assert [kind for kind in Kind if kind.label.description not in told] == []
