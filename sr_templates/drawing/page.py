"""Ink on rendered pictures: text, bars, pictures, lines over them; where each text and picture lies is kept."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

from sr_templates.drawing.box import Box
from sr_templates.drawing.colour import CARD, INK, PAPER, RGB, Colour
from sr_templates.drawing.fonts import dejavu, drawable, runs, width_of, wrapped
from sr_templates.languages.words import Language, Wording, words_of

SMALL, BODY, HEADING = 20, 22, 25
"""Sizes of type, pixels. A page of 1600 pixels on a display of 1024 keeps 64 % of them: nothing is smaller than 20."""
LINE = 1.32  # of a size: from one line to the next


@dataclass(frozen=True, slots=True)
class _PlacedText:
    """One line of text on a page, and the box of its ink."""

    words: str
    size: int
    box: Box


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """A picture that is being drawn.

    Parameters
    ----------
    texts, pictures
        What was drawn and where; pictures by name.
    captions
        What pictures show, by their names.
    shortened
        Paragraphs that did not fit whole.
    """

    image: Image.Image
    words: Wording = field(default_factory=lambda: words_of(Language.ENGLISH))
    draw: ImageDraw.ImageDraw = field(init=False)
    texts: list[_PlacedText] = field(default_factory=list)
    pictures: dict[str, Box] = field(default_factory=dict)
    captions: dict[str, str] = field(default_factory=dict)
    shortened: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        object.__setattr__(self, "draw", ImageDraw.Draw(self.image))

    @classmethod
    def blank(cls, width: int, height: int, words: Wording | None = None) -> Page:
        return cls(Image.new("RGB", (width, height), PAPER), words or words_of(Language.ENGLISH))

    @classmethod
    def over(cls, pixels: RGB, words: Wording | None = None) -> Page:
        """A page that starts with this picture, (rows, columns, 3)."""
        return cls(Image.fromarray(pixels), words or words_of(Language.ENGLISH))

    def pixels(self) -> RGB:
        return np.asarray(self.image, dtype=np.uint8)

    def width_of(self, words: str, size: int, *, bold: bool = False) -> int:
        """Pixels that the words take in one line."""
        return round(width_of(words, size, self.words.language, bold=bold))

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
        """Words at a point; `anchor` as in Pillow (left, middle, right; ascender, middle, baseline, descender).

        `outlined` on top of pictures.
        """
        if not words:
            return
        words, language, edge = drawable(words, self.words.language), self.words.language, 2 if outlined else 0
        ascent, descent = dejavu().font(size, bold=bold).getmetrics()
        width = width_of(words, size, language, bold=bold)
        x = at[0] - {"l": 0.0, "m": width / 2, "r": width}[anchor[0]]
        y = at[1] + {"a": ascent, "m": (ascent - descent) / 2, "s": 0, "d": -descent}[anchor[1]]
        ink = []
        for run, face in runs(words, language):
            font = face.font(size, bold=bold)
            self.draw.text((x, y), run, fill=colour, font=font, anchor="ls", stroke_width=edge, stroke_fill=(0, 0, 0))
            ink.append(self.draw.textbbox((x, y), run, font=font, anchor="ls", stroke_width=edge))
            x += font.getlength(run)
        left, top, right, bottom = (
            round(pick(each[side] for each in ink)) for side, pick in enumerate((min, min, max, max))
        )
        self.texts.append(_PlacedText(words, size, Box(left, top, right - left, bottom - top)))

    def card(self, box: Box) -> None:
        self.draw.rounded_rectangle((box.x, box.y, box.right - 1, box.bottom - 1), radius=10, fill=CARD)

    def bar(self, box: Box, colour: Colour) -> None:
        self.draw.rectangle((box.x, box.y, box.right - 1, box.bottom - 1), fill=colour)

    def paragraph(self, box: Box, words: str, size: int, colour: Colour = INK, *, bold: bool = False) -> int:
        """Text broken to the box's width, as many lines as it holds, the last one cut with dots; the y below it."""
        if not words:
            return box.y
        step = round(size * LINE)
        room = max(1, box.height // step)
        lines = wrapped(words, size, box.width, self.words.language, bold=bold)
        kept = lines[:room]
        if len(lines) > room:
            self.shortened.append(words)
            while kept[-1] and self.width_of(kept[-1] + " ...", size, bold=bold) > box.width:
                kept[-1] = kept[-1][:-1]
            kept[-1] += " ..."
        for number, line in enumerate(kept):
            self.text((box.x, box.y + number * step), line, size, colour, bold=bold)
        return box.y + len(kept) * step

    def lines_of(self, words: str, width: int, size: int = SMALL) -> int:
        """How many lines a paragraph of this width takes."""
        return len(wrapped(words, size, width, self.words.language)) if words else 0

    def beside_or_below(self, box: Box, title: str, words: str, colour: Colour = INK) -> int:
        """A bold title, and words after it in the same line, or below it where they do not fit; the y below both."""
        self.text((box.x, box.y), title, SMALL, bold=True)
        x, y = box.x + self.width_of(title, SMALL, bold=True) + 16, box.y + round(SMALL * LINE) + 2
        if x + self.width_of(words, SMALL) > box.right:
            return self.paragraph(Box(box.x, y, box.width, box.bottom - y), words, SMALL, colour)
        self.text((x, box.y), words, SMALL, colour)
        return y

    def label(self, box: Box, words: str, size: int, colour: Colour) -> None:
        """Words on a dark ground over a picture, broken to the width, from the bottom of the box upwards."""
        lines = wrapped(words, size, box.width - 12, self.words.language, bold=True)
        step = round(size * LINE)
        width = max(self.width_of(line, size, bold=True) for line in lines) + 12
        top = box.bottom - step * len(lines) - 6
        self.bar(Box(box.x, top, width, step * len(lines) + 6), PAPER)
        for number, line in enumerate(lines):
            self.text((box.x + 6, top + 3 + number * step), line, size, colour, bold=True)

    def picture(self, box: Box, pixels: RGB, name: str, caption: str = "") -> None:
        """A picture scaled into a box, with words for who cannot see it."""
        self.image.paste(scaled(pixels, box), (box.x, box.y))
        self.pictures[name] = box
        self.captions[name] = caption

    def edge_letters(self, box: Box, letters: tuple[str, str, str, str], size: int = SMALL) -> None:
        """Orientation marks inside the edges of a picture: left, right, top, bottom."""
        left, right, top, bottom = letters
        (middle_x, middle_y), gap = box.middle, 6
        places = {
            "lm": ((box.x + gap, middle_y), left),
            "rm": ((box.right - gap, middle_y), right),
            "ma": ((middle_x, box.y + gap), top),
            "md": ((middle_x, box.bottom - gap), bottom),
        }
        for anchor, (at, letter) in places.items():
            self.text(at, letter, size, bold=True, anchor=anchor, outlined=True)


def scaled(pixels: RGB, box: Box) -> Image.Image:
    """A picture (rows, columns, 3) in the size of a box."""
    return Image.fromarray(pixels).resize((box.width, box.height), Image.Resampling.BICUBIC)
