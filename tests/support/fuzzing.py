"""Valid input spoiled in many ways, for so many examples or for so long, with what must hold afterwards.

`quickly` is repeatable (derandomized) and part of `make test`; `for_long` draws another seed for each batch, runs for
MOME_FUZZ_SECONDS (60) and names the seed of what failed. Hypothesis shrinks that input and prints it.
"""

from __future__ import annotations

import os
import random
import resource
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

Example = TypeVar("Example")
FUZZ_SECONDS = float(os.environ.get("MOME_FUZZ_SECONDS", "60"))
_EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
_BATCH = 40  # the clock is asked between batches
_MOST_GROWTH_KIB = 512 * 1024


def quickly(examples: int, spoiled: st.SearchStrategy[Example], check: Callable[[Example], None]) -> None:
    """So many examples, the same ones each time."""
    once = given(spoiled)(_naming_its_input(check))
    run = settings(derandomize=True, max_examples=examples, **_COMMON)(once)  # type: ignore[arg-type]
    with_bounded_memory(run)


def for_long(spoiled: st.SearchStrategy[Example], check: Callable[[Example], None]) -> None:
    """Examples for MOME_FUZZ_SECONDS; prints how many there were."""
    count, began = 0, time.monotonic()
    named = _naming_its_input(check)

    def counted(example: Example) -> None:
        nonlocal count
        count += 1
        named(example)

    def run() -> None:
        while time.monotonic() - began < FUZZ_SECONDS:
            number = random.SystemRandom().randrange(2**32)
            try:
                seed(number)(settings(max_examples=_BATCH, **_COMMON)(given(spoiled)(counted)))()  # type: ignore[arg-type]
            except BaseException as error:
                error.add_note(f"seed {number}, after {count} examples")
                raise

    with_bounded_memory(run)
    print(f"{count} examples in {time.monotonic() - began:.0f} s")


def _naming_its_input(check: Callable[[Example], None]) -> Callable[[Example], None]:
    """The check, whose failure names the whole input."""

    def named(example: Example) -> None:
        try:
            check(example)
        except BaseException as error:
            error.add_note(f"input: {example!r}")
            raise

    return named


_COMMON = {
    "deadline": None,  # each check has time limits of its own, on its sockets
    "database": None,
    "suppress_health_check": list(HealthCheck),
    "report_multiple_bugs": False,
    "phases": (Phase.generate, Phase.shrink),
}


def with_bounded_memory(run: Callable[[], None]) -> None:
    """Run it; this process (with its servers) has not grown by more than 512 MiB at its peak."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < _MOST_GROWTH_KIB, f"the peak of memory rose by {grown} KiB"


@st.composite
def spoiled(draw: st.DrawFn, valid: Sequence[bytes], most: int = 4) -> bytes:
    """One of these, changed up to so many times: bytes flipped, cut, inserted, repeated, lengths made extreme."""
    content = bytearray(draw(st.sampled_from(valid)))
    for _ in range(draw(st.integers(1, most))):
        draw(st.sampled_from(_WAYS))(draw, content, valid)
    return bytes(content)


def _place(draw: st.DrawFn, content: bytearray) -> int:
    return draw(st.integers(0, max(len(content) - 1, 0)))


def _part(draw: st.DrawFn, content: bytes | bytearray) -> slice:
    """A part of at most 64 bytes, or to the end."""
    start = draw(st.integers(0, len(content)))
    length = draw(st.one_of(st.integers(0, 64), st.just(len(content))))
    return slice(start, start + length)


def _flip(draw: st.DrawFn, content: bytearray, _: Sequence[bytes]) -> None:
    if content:
        content[_place(draw, content)] ^= 1 << draw(st.integers(0, 7))


def _replace(draw: st.DrawFn, content: bytearray, _: Sequence[bytes]) -> None:
    if content:
        content[_place(draw, content)] = draw(st.integers(0, 255))


def _extreme(draw: st.DrawFn, content: bytearray, _: Sequence[bytes]) -> None:
    """A number of 1, 2 or 4 bytes, in either byte order, where there may be a length."""
    size, value = draw(st.sampled_from((1, 2, 4))), draw(st.sampled_from(_EXTREMES))
    order = draw(st.sampled_from(("big", "little")))
    start = _place(draw, content)
    content[start : start + size] = (value & (1 << 8 * size) - 1).to_bytes(size, order)  # type: ignore[arg-type]


def _cut_end(draw: st.DrawFn, content: bytearray, _: Sequence[bytes]) -> None:
    del content[_place(draw, content) :]


def _cut_out(draw: st.DrawFn, content: bytearray, _: Sequence[bytes]) -> None:
    del content[_part(draw, content)]


def _insert(draw: st.DrawFn, content: bytearray, _: Sequence[bytes]) -> None:
    start = _place(draw, content)
    content[start:start] = draw(st.binary(min_size=1, max_size=16))


def _repeat(draw: st.DrawFn, content: bytearray, _: Sequence[bytes]) -> None:
    part = bytes(content[_part(draw, content)])[:4096]
    start = _place(draw, content)
    content[start:start] = part * draw(st.integers(1, 8))


def _splice(draw: st.DrawFn, content: bytearray, valid: Sequence[bytes]) -> None:
    """A part of another valid input in place of a part of this one."""
    other = draw(st.sampled_from(valid))
    content[_part(draw, content)] = other[_part(draw, other)]


_WAYS = (_flip, _replace, _extreme, _extreme, _cut_end, _cut_out, _insert, _repeat, _splice)
