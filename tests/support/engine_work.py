"""Work for engines that behaves as studies do: answers, crashes, eats memory, hangs, dies once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, slots=True)
class TroubleWork:
    """Squares numbers; negative ones are trouble. `folder` notes who opened it and what was tried.

    Parameters
    ----------
    seconds
        That each number takes.
    """

    folder: Path
    seconds: float = 0.0
    code: str = "here"

    def open(self) -> Callable[[int], int]:
        """Note that this process has opened it."""
        (self.folder / f"opened-{os.getpid()}").touch()
        return self._answer

    def fingerprint(self) -> str:
        """As told."""
        return self.code

    def _answer(self, number: int) -> int:
        """The square, or trouble."""
        with (self.folder / "tried").open("a") as tried:
            tried.write(f"{number}\n")
        match number:
            case -1:
                os.kill(os.getpid(), signal.SIGSEGV)
            case -2:
                np.ones(1 << 40, np.uint8)
            case -3:
                time.sleep(3600)
            case -4 if not (self.folder / "died").exists():
                (self.folder / "died").touch()
                os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.seconds)
        return number * number


@dataclass(frozen=True, slots=True)
class _Unopenable:
    """Work whose model is not there."""

    def open(self) -> Callable[[int], int]:
        """Fails."""
        raise LookupError("no such model")

    def fingerprint(self) -> str:
        """Of nothing."""
        return ""


UNOPENABLE = _Unopenable()
