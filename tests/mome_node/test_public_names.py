"""The public face: its names and parameters change on purpose only, and its docstrings say what is true."""

from __future__ import annotations

import dataclasses
import doctest
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import mome_node
from mome_node import Checkpoint, Study, analysis, bundle, phantom, study, training

PUBLIC = Path(__file__).with_name("public_names.txt")


def names() -> Iterator[str]:
    """Every public name: functions with their parameters, classes of the face with theirs and their methods."""
    for name in sorted(mome_node.__all__):
        thing = getattr(mome_node, name)
        if inspect.isfunction(thing):
            yield f"{name}{inspect.signature(thing)}"
        elif thing.__module__.startswith("mome_node"):
            fields = ", ".join(each.name for each in dataclasses.fields(thing))
            yield f"{name}({fields})"
            for attribute, value in sorted(vars(thing).items()):
                if isinstance(value, property):
                    yield f"{name}.{attribute}"
                elif inspect.isfunction(value) and not attribute.startswith("_"):
                    yield f"{name}.{attribute}{inspect.signature(value)}"
        else:
            yield name


def test_names_and_parameters_are_those_that_were_promised() -> None:
    """To change one on purpose: docs/python.md says how, then `python tests/mome_node/test_public_names.py`."""
    assert list(names()) == PUBLIC.read_text("utf-8").splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("module", [analysis, bundle, phantom, study, training], ids=lambda each: each.__name__)
def test_docstrings_show_what_happens(
    module: ModuleType, prompt: Path, study: Study, model: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(prompt)
    known = {name: getattr(mome_node, name) for name in mome_node.__all__} | {"study": study, "model": model}
    told = doctest.testmod(module, extraglobs=known)
    assert told.failed == 0


def test_every_public_function_and_class_has_a_docstring() -> None:
    assert [name for name in mome_node.__all__ if not inspect.getdoc(getattr(mome_node, name))] == []


if __name__ == "__main__":
    PUBLIC.write_text("".join(f"{each}\n" for each in names()), "utf-8")
