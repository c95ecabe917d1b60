"""Type on a page: lines that fit their width, and a face for every sign that one has."""

from __future__ import annotations

import pytest

from sr_templates.drawing.fonts import dejavu, drawable, noto_cjk, runs, width_of, wrapped
from sr_templates.languages.words import Language

ENGLISH = Language.ENGLISH


@pytest.mark.parametrize("width", [120, 300])
def test_lines_are_broken_to_the_width(width: int) -> None:
    words = "Scores apply to the patient, not to one breast or lesion."
    lines = wrapped(words, 16, width, ENGLISH)
    assert " ".join(lines) == words
    assert all(width_of(line, 16, ENGLISH) <= width for line in lines)


def test_a_word_that_is_too_long_is_broken() -> None:
    word = "Strahlentherapiedokumentation" * 3
    lines = wrapped(word, 20, 200, ENGLISH)
    assert "".join(lines) == word
    assert all(width_of(line, 20, ENGLISH) <= 200 for line in lines)


def test_chinese_is_broken_between_signs_but_no_line_begins_with_a_full_stop() -> None:
    lines = wrapped("仅供研究使用，不得用于诊断。" * 4, 20, 150, ENGLISH)
    assert len(lines) > 3
    assert not any(line.startswith(("，", "。")) for line in lines)


def test_latin_letters_with_marks_are_drawn_as_they_are() -> None:
    assert drawable("Müller Ångström Œuvre", ENGLISH) == "Müller Ångström Œuvre"
    assert runs("Müller", ENGLISH) == [("Müller", dejavu())]


@pytest.mark.skipif(noto_cjk() is None, reason="Noto Sans CJK is not installed")
def test_signs_that_dejavu_lacks_come_from_noto_cjk() -> None:
    assert [run for run, _ in runs("ID 山田 太郎", ENGLISH)] == ["ID ", "山田", " ", "太郎"]
    assert drawable("山田", ENGLISH) == "山田"


def test_a_sign_that_no_face_has_is_a_question_mark() -> None:
    assert drawable("a\U0001f9ec", ENGLISH) == "a?"


def test_a_sign_for_private_use_is_a_question_mark_although_dejavu_has_one() -> None:
    assert 0xF6C5 in dejavu().signs
    assert drawable("a\uf6c5b", ENGLISH) == "a?b"


@pytest.mark.skipif(noto_cjk() is None, reason="Noto Sans CJK is not installed")
def test_chinese_and_japanese_draw_the_same_code_point_in_their_own_form() -> None:
    chinese, japanese = noto_cjk(Language.CHINESE), noto_cjk(Language.JAPANESE)
    assert chinese is not None
    assert japanese is not None
    assert [face.font(20).getname()[0] for face in (chinese, japanese)] == ["Noto Sans CJK SC", "Noto Sans CJK JP"]
    assert bytes(chinese.font(40).getmask("直")) != bytes(japanese.font(40).getmask("直"))
