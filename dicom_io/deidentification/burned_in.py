"""Whether text is burned into the pixels of an image: a reader of text looks, where one is installed."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np

from dicom_io.pixels.frames import Array

_SHORTEST_SIDE = 480  # pixels to which a smaller image is enlarged
_FEWEST_CHARACTERS = 3  # different ones; a head on a black ground reads as 0, six of them as 000000
_SHOWN = (0.5, 99.5)  # percentiles of the values that are shown black and white


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


def text_finder() -> TextFinder | None:
    """What looks for burned-in text; None where the extra `text` is not installed."""
    try:
        from rapidocr import RapidOCR
    except ImportError:
        return None
    one_thread = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
    small = {"Det.limit_side_len": _SHORTEST_SIDE, "Det.limit_type": "min"}
    return TextFinder(RapidOCR(params={"Global.log_level": "error", **one_thread, **small}))
