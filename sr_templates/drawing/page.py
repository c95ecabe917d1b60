"""Ink on rendered pictures: text, bars, letters at the edges."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sr_templates.dicom.text import plain
from sr_templates.drawing.colour import RGB

Colour = tuple[int, int, int]
INK: Colour = (232, 236, 241)
QUIET: Colour = (150, 160, 172)
FAINT: Colour = (58, 66, 76)
PAPER: Colour = (13, 16, 20)
_CARD: Colour = (24, 29, 35)
ACCENT: Colour = (255, 159, 64)
COOL: Colour = (96, 165, 250)
WARN: Colour = (255, 196, 61)
ALARM: Colour = (255, 107, 107)
HEADING, BODY, SMALL = 21, 18, 16  # sizes of type, pixels


@lru_cache(maxsize=32)
def font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib, so that every installation draws the same pixels."""
    package = find_spec("matplotlib")
    if package is None or package.submodule_search_locations is None:
        raise ModuleNotFoundError("matplotlib is not installed; its fonts are used for rendered pages")
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    path = Path(package.submodule_search_locations[0]) / "mpl-data" / "fonts" / "ttf" / name
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on the page, pixels from the top left."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    def inset(self, by: int) -> Box:
        return Box(self.x + by, self.y + by, self.width - 2 * by, self.height - 2 * by)


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """A picture that is being drawn."""

    image: Image.Image
    draw: ImageDraw.ImageDraw = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "draw", ImageDraw.Draw(self.image))

    @classmethod
    def blank(cls, width: int, height: int) -> Page:
        return cls(Image.new("RGB", (width, height), PAPER))

    @classmethod
    def over(cls, pixels: RGB) -> Page:
        """A page that starts with this picture, (rows, columns, 3)."""
        return cls(Image.fromarray(pixels))

    def pixels(self) -> RGB:
        return np.asarray(self.image, dtype=np.uint8)

    def text(
        self,
        at: tuple[int, int],
        words: str,
        size: int,
        colour: Colour = INK,
        *,
        bold: bool = False,
        anchor: str = "la",
        outlined: bool = False,
    ) -> None:
        """Words at a point; `anchor` as in Pillow, `outlined` on top of pictures."""
        edge = 2 if outlined else 0
        self.draw.text(at, plain(words), fill=colour, font=font(size, bold=bold), anchor=anchor, stroke_width=edge,
                       stroke_fill=(0, 0, 0))  # fmt: skip

    def card(self, box: Box) -> None:
        self.draw.rounded_rectangle((box.x, box.y, box.right, box.bottom), radius=10, fill=_CARD)

    def bar(self, box: Box, colour: Colour) -> None:
        self.draw.rectangle((box.x, box.y, box.right, box.bottom), fill=colour)

    def paragraph(self, box: Box, words: str, size: int, colour: Colour = INK, *, lines: int = 100) -> int:
        """Text broken to the box's width, at most so many lines, the last one cut with dots; the y below it."""
        broken = wrapped(words, size, box.width)
        kept = broken[:lines]
        if len(broken) > lines:
            kept[-1] = kept[-1].rstrip(". ") + " ..."
        step = round(size * 1.4)
        for number, line in enumerate(kept):
            self.text((box.x, box.y + number * step), line, size, colour)
        return box.y + len(kept) * step

    def picture(self, box: Box, pixels: RGB) -> None:
        self.image.paste(
            Image.fromarray(pixels).resize((box.width, box.height), Image.Resampling.BICUBIC), (box.x, box.y)
        )

    def edge_letters(self, box: Box, letters: tuple[str, str, str, str], size: int = 17) -> None:
        """Orientation marks inside the edges of a picture: left, right, top, bottom."""
        left, right, top, bottom = letters
        middle_x, middle_y, gap = box.x + box.width // 2, box.y + box.height // 2, 6
        places = {
            "lm": ((box.x + gap, middle_y), left),
            "rm": ((box.right - gap, middle_y), right),
            "ma": ((middle_x, box.y + gap), top),
            "md": ((middle_x, box.bottom - gap), bottom),
        }
        for anchor, (at, letter) in places.items():
            self.text(at, letter, size, bold=True, anchor=anchor, outlined=True)


def wrapped(words: str, size: int, width: int) -> list[str]:
    """The words in lines that fit the width, in pixels."""
    lines: list[str] = []
    for word in plain(words).split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font(size).getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
