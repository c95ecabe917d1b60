"""ER7: what goes in as a value comes out as the same value, in two parsers that no one here wrote."""

from __future__ import annotations

import hl7
from hypothesis import given
from hypothesis import strategies as st

from node.integrations.er7 import encoded, escaped, fields_of, message_header, segment

HEADER = message_header("A", "", "", "", "20260101", "", ("ORU", "R01"), "1", "P", "2.5.1")
TEXT = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), max_size=30).map(str.strip)


@given(TEXT)
def test_any_text_comes_back_as_it_was(text: str) -> None:
    message = hl7.parse(encoded([HEADER, segment("ZZZ", text, ("a", text), [(text,), (text,)], "end")]).decode())
    assert message.unescape(str(message.segment("ZZZ")(1))) == text
    assert (message["ZZZ"][0].extract_field(1, 2, 1, 2) if text else "") == text
    assert [message["ZZZ"][0].extract_field(1, 3, each, 1) for each in (1, 2)] == [text, text]
    assert str(message.segment("ZZZ")(4)) == "end"


def test_delimiters_are_escaped_and_control_characters_are_spaces() -> None:
    assert escaped("a|b^c&d~e\\f\rg\x0bh") == r"a\F\b\S\c\T\d\R\e\E\f g h"


def test_empty_ends_are_left_out_and_empty_middles_are_not() -> None:
    assert segment("PID", "1", "", ("id", "", "", "H", ""), "", "") == "PID|1||id^^^H"


def test_the_fields_of_an_answer_are_read_whatever_ends_its_lines() -> None:
    for end in ("\r", "\n", "\r\n"):
        assert fields_of(f"MSH|^~\\&|A{end}MSA|AA|77{end}".encode(), "MSA") == ["AA", "77"]
    assert fields_of(b"\xff\xfe nonsense", "MSA") == []
