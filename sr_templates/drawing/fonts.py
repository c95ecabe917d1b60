"""Type on rendered pages: DejaVu Sans, and Noto Sans CJK for signs that it lacks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from unicodedata import category

from fontTools.ttLib import TTFont
from PIL import ImageFont

from sr_templates.languages.words import Language, words_of

_FACES = {Language.CHINESE: 2}
"""Which face of Noto's collection has the forms of signs that a language uses; 0 has the Japanese ones."""
_PRIVATE_USE = "Co"  # Unicode: each font has a sign of its own there
_CJK_FOLDERS = (  # Debian's fonts-noto-cjk, Fedora's google-noto-sans-cjk-fonts, Alpine's font-noto-cjk
    "/usr/share/fonts/opentype/noto",
    "/usr/share/fonts/google-noto-sans-cjk-fonts",
    "/usr/share/fonts/noto",
)


@dataclass(frozen=True, slots=True)
class _Typeface:
    """One face of a font file.

    Parameters
    ----------
    index
        Which face of a collection (.ttc).
    """

    regular: Path
    bold: Path
    index: int = 0

    def font(self, size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
        """The face at a size in pixels."""
        return _font(self.bold if bold else self.regular, self.index, size)

    @property
    def signs(self) -> frozenset[int]:
        """Unicode code points that it can draw."""
        return _signs(self.regular, self.index)


@lru_cache(maxsize=64)
def _font(path: Path, index: int, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size, index=index, layout_engine=ImageFont.Layout.BASIC)


@cache
def _signs(path: Path, index: int) -> frozenset[int]:
    with TTFont(path, fontNumber=index, lazy=True) as file:
        return frozenset(file.getBestCmap())


@cache
def dejavu() -> _Typeface:
    """DejaVu Sans, which comes with matplotlib, so that every installation draws the same pixels."""
    package = find_spec("matplotlib")
    if package is None or package.submodule_search_locations is None:
        raise ModuleNotFoundError("matplotlib is not installed; its fonts are used for rendered pages")
    folder = Path(package.submodule_search_locations[0]) / "mpl-data" / "fonts" / "ttf"
    return _Typeface(folder / "DejaVuSans.ttf", folder / "DejaVuSans-Bold.ttf")


@cache
def noto_cjk(language: Language = Language.ENGLISH) -> _Typeface | None:
    """Noto Sans CJK with the forms of signs that a language uses; None where the system does not have it."""
    for folder in map(Path, _CJK_FOLDERS):
        regular, bold = folder / "NotoSansCJK-Regular.ttc", folder / "NotoSansCJK-Bold.ttc"
        if regular.exists() and bold.exists():
            return _Typeface(regular, bold, _FACES.get(language, 0))
    return None


def can_draw(language: Language) -> bool:
    """Whether this machine has a face for every sign of a language's sentences."""
    return all(drawable(sentence, language) == sentence for sentence in words_of(language).everything)


def _typeface_of(sign: str, language: Language) -> _Typeface:
    """The face that draws a sign; DejaVu Sans where none does."""
    cjk = None if ord(sign) in dejavu().signs else noto_cjk(language)
    return cjk if cjk is not None and ord(sign) in cjk.signs else dejavu()


def drawable(words: str, language: Language) -> str:
    """The words with a question mark for each sign that no face has, or that is for private use (not in PDF/A)."""
    return "".join(sign if _can_be_read(sign, language) else "?" for sign in words)


def _can_be_read(sign: str, language: Language) -> bool:
    return category(sign) != _PRIVATE_USE and ord(sign) in _typeface_of(sign, language).signs


def runs(words: str, language: Language) -> list[tuple[str, _Typeface]]:
    """The words in pieces that one face draws."""
    if words.isascii():
        return [(words, dejavu())]
    return [("".join(signs), face) for face, signs in groupby(words, lambda sign: _typeface_of(sign, language))]


def width_of(words: str, size: int, language: Language, *, bold: bool = False) -> float:
    """Pixels that the words take in one line."""
    return sum(face.font(size, bold=bold).getlength(run) for run, face in runs(words, language))


def wrapped(words: str, size: int, width: int, language: Language, *, bold: bool = False) -> list[str]:
    """The words in lines that fit the width, in pixels; a word that is too long is broken."""
    lines: list[str] = []
    for word in _breakable(words):
        longer = lines[-1] + word if lines else word
        if lines and width_of(longer.rstrip(), size, language, bold=bold) <= width:
            lines[-1] = longer
        else:
            lines += _pieces(word, size, width, language, bold=bold)
    return [line.rstrip() for line in lines]


def _breakable(words: str) -> list[str]:
    """Pieces between which a line may be broken: words with the space after them, and each CJK sign by itself."""
    pieces: list[str] = []
    glued = False  # to what stands before
    for sign in " ".join(words.split()):
        wide = ord(sign) >= 0x2E80
        if pieces and ((glued and not wide) or sign in _NOT_FIRST or pieces[-1][-1] in _NOT_LAST):
            pieces[-1] += sign
        else:
            pieces.append(sign)
        glued = sign != " " and not wide
    return pieces


_NOT_FIRST = frozenset(" 、。，．：；！？）」』】%")
"""Signs that must not begin a line."""
_NOT_LAST = frozenset("（「『【")
"""Signs that must not end one."""


def _pieces(word: str, size: int, width: int, language: Language, *, bold: bool) -> list[str]:
    pieces = [""]
    for sign in word:
        if pieces[-1] and width_of((pieces[-1] + sign).rstrip(), size, language, bold=bold) > width:
            pieces.append("")
        pieces[-1] += sign
    return pieces
