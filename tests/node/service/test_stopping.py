"""A process that is asked to end: at once, however deep it is in native code, or after the work in hand."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import hashlib, sys, time
from node.service.stopping import EndRequest

end = EndRequest(lambda: print("given back", flush=True), grace_seconds=0.2)
print("working", flush=True)
if sys.argv[1] == "native":
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)  # minutes in C without one instruction of Python
end.begun.wait()
if sys.argv[1] == "slow":
    time.sleep(600)
end.done.set()
print("done", flush=True)
"""


def ended(manner: str, *numbers: int) -> tuple[list[str], int]:
    """What a process says that gets these signals while it works, and its exit status."""
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, manner], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    for number in numbers:
        process.send_signal(number)
    said = process.stdout.read().split("\n")[:-1]
    return said, process.wait(120)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_work_that_ends_within_the_grace_is_not_given_back(number: int) -> None:
    assert ended("quick", number) == (["done"], 0)


@pytest.mark.parametrize("manner", ["slow", "native"])
def test_work_that_takes_longer_is_given_back_even_out_of_native_code(manner: str) -> None:
    assert ended(manner, signal.SIGTERM) == (["given back"], 0)


def test_a_second_request_changes_nothing() -> None:
    assert ended("slow", signal.SIGTERM, signal.SIGTERM, signal.SIGINT) == (["given back"], 0)


def test_after_a_request_to_finish_another_may_say_now() -> None:
    assert ended("quick", signal.SIGUSR1) == (["done"], 0)
    assert ended("slow", signal.SIGUSR1, signal.SIGTERM) == (["given back"], 0)
