"""Whether text is burned into the pixels of an image: a reader of text looks, where one is installed."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np

from dicom_io.errors import DicomError
from dicom_io.pixels.frames import Array

_SHORTEST_SIDE = 480  # pixels to which a smaller image is enlarged
_FEWEST_CHARACTERS = 3  # different ones; a head on a black ground reads as 0, six of them as 000000
_SHOWN = (0.5, 99.5)  # percentiles of the values that are shown black and white


class NoTextFinder(DicomError):
    """Nothing here can look for text in pixels; the message says why."""


class TextFinder:
    """Looks for text in images, by PP-OCR (rapidocr, whose package brings its weights)."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self.name = f"rapidocr {version('rapidocr')}"

    def finds_text(self, frame: Array) -> bool:
        """Whether a stored frame (rows, columns) shows something that looks like text."""
        low, high = np.percentile(frame, _SHOWN)
        if high <= low:
            high = frame.max()
        if high <= low:
            return False
        grey = np.clip((frame.astype(np.float32) - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
        found = self._reader(np.repeat(grey[..., np.newaxis], 3, axis=2), use_det=True, use_cls=False, use_rec=True)
        return any(len(set(filter(str.isalnum, text))) >= _FEWEST_CHARACTERS for text in found.txts or ())


@cache
def text_finder() -> TextFinder:
    """What looks for burned-in text in this process: its weights are read once. Raises NoTextFinder."""
    one_thread = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
    small = {"Det.limit_side_len": _SHORTEST_SIDE, "Det.limit_type": "min"}
    try:
        from rapidocr import RapidOCR

        return TextFinder(RapidOCR(params={"Global.log_level": "error", **one_thread, **small}))
    except ImportError as error:
        missing = error.name or "a part of it"
        raise NoTextFinder(f"{missing} is not installed; pip install 'mome-node[text]' brings what can look") from error
    except Exception as error:  # whatever its engine raises where it does not suit the machine
        raise NoTextFinder(f"rapidocr cannot begin ({type(error).__name__}: {error})") from error
