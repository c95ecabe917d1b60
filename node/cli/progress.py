"""The line that says how far a long command is, and when it will be done."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import datetime

import typer

from node.cli.common import counted

_QUIET_SECONDS = 10.0  # between two lines where no terminal can overwrite them


class ProgressLine:
    """How far a command is: on a terminal one line that is overwritten, elsewhere a line at most every ten seconds.

    Steps are counted anew for each stage; the expected end is of the stage.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, terminal: bool | None = None) -> None:
        self._clock = clock
        self._terminal = sys.stderr.isatty() if terminal is None else terminal
        self._stage, self._begun, self._first, self._written, self._width = "", 0.0, 0, 0.0, 0

    def show(self, stage: str, done: int, planned: int) -> None:
        """So many of so many steps of a stage are done."""
        now = self._clock()
        if stage != self._stage:
            self.end()
            self._stage, self._begun, self._first, self._written = stage, now, done, now
        last = done >= planned
        words = f"{stage}: {done} of {planned}{'' if last else self._expected(now, done, planned)}"
        if self._terminal:
            typer.echo(f"\r{words:<{self._width}}", err=True, nl=last)
            self._width = 0 if last else len(words)
        elif last or now - self._written >= _QUIET_SECONDS:
            typer.echo(words, err=True)
            self._written = now
        if last:
            self._stage = ""

    def end(self) -> None:
        """Leave the line as it is, so that other text can follow; the stage goes on."""
        if self._width:
            typer.echo("", err=True)
        self._width = 0

    def _expected(self, now: float, done: int, planned: int) -> str:
        """Time that is left, and when that will be, as long as every step takes as long as those before."""
        steps = done - self._first
        if steps < 1 or now <= self._begun:
            return ""
        left = (now - self._begun) / steps * (planned - done)
        return f", {_duration(left)} left, until {datetime.fromtimestamp(time.time() + left).strftime('%H:%M')}"


def study_progress(done: str) -> Callable[[int, int], None]:
    """Progress over studies; `done` says what happened to each, e.g. "read"."""
    line = ProgressLine()
    return lambda number, planned: line.show(f"{counted(planned, 'study', 'studies')} {done}", number, planned)


def _duration(seconds: float) -> str:
    """E.g. "40 s", "12 min", "3 h 20 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
