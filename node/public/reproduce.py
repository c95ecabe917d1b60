"""A public task from images to page, step by step; each is a command, and is skipped when nothing has changed.

STATE holds, for each step that ended well, its command and digests of what it read and wrote. Killed at any step the
same call goes on: a step that did not end is run again, and get, train and evaluate go on inside of themselves.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mome_core.training.files import write_whole
from node.errors import NodeError
from node.public.collections import COLLECTIONS
from node.public.download import RECEIPT
from node.public.tasks import PublicTask

STATE = "state.json"
_TABLES = (".xlsx", ".csv", ".tsv", ".txt")


class StepFailed(NodeError):
    """A step ended with an error; the same call goes on there."""


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """How a task is run; what is empty is left to the commands.

    Parameters
    ----------
    get, train, evaluate
        More words for these commands.
    """

    folds: int = 5
    workers: int = 1
    get: tuple[str, ...] = ()
    train: tuple[str, ...] = ()
    evaluate: tuple[str, ...] = ()
    index: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskStep:
    """One command of mome-node.

    Parameters
    ----------
    reads, writes
        Files; a digest of them tells whether anything has changed.
    """

    name: str
    command: tuple[str, ...]
    reads: tuple[Path, ...] = field(default=())
    writes: tuple[Path, ...] = field(default=())


def steps_of(task: PublicTask, folder: Path, options: TaskOptions) -> list[TaskStep]:
    """The commands of a task, in their order."""
    images, training, external = folder / "public", folder / "training.csv", folder / "external.csv"
    models, page, figures = folder / "models", folder / "page.html", folder / "figures.csv"
    cache = ("--cache", str(folder / "cache"), "--workers", str(options.workers))
    bundles = [models / f"fold-{n}" for n in range(1, options.folds + 1)]
    named = [word for each in bundles for word in ("--model", str(each))]
    config = tuple(Path(each) for each in options.train if each.endswith((".toml", ".json")))
    return [
        *(_get(name, images, options) for name in (task.training, task.external)),
        TaskStep(
            "cohort-external",
            ("public", "cohort", task.external, str(images), "--out", str(external), *options.index),
            (images,),
            (external,),
        ),
        TaskStep(
            "cohort-training",
            (
                *("public", "cohort", task.training, str(images), "--out", str(training)),
                *("--without", str(external), *options.index),
            ),
            (images, external),
            (training,),
        ),
        TaskStep("check", ("cohort", "check", str(training), "--workers", str(options.workers)), (images, training)),
        TaskStep(
            "train",
            (
                *("train", str(training), "--out", str(models), "--all-folds", "--folds", str(options.folds)),
                *("--endpoint", task.endpoint, *cache, *options.train),
            ),
            (training, *config),
            tuple(each / "manifest.json" for each in bundles),
        ),
        TaskStep(
            "external-test",
            (
                *("evaluate", f"external={external}", *named, "--endpoint", task.endpoint, *cache),
                *("--report", str(page), "--figures", str(figures), *options.evaluate),
            ),
            (external, *(each / "manifest.json" for each in bundles)),
            (page, figures),
        ),
    ]


def reproduce(
    steps: Sequence[TaskStep],
    folder: Path,
    run: Callable[[Sequence[str]], int],
    *,
    skip: Collection[str] = (),
    tell: Callable[[str], None] = lambda words: None,
) -> None:
    """Run every step that is not done; `run` gets the words of a command and gives its exit code.

    Raises StepFailed at the first that fails, NodeError for a step to be skipped that is none.
    """
    if unknown := set(skip) - {each.name for each in steps}:
        raise NodeError(f"no step is called {', '.join(sorted(unknown))}; there are {', '.join(s.name for s in steps)}")
    folder.mkdir(parents=True, exist_ok=True)
    for number, step in enumerate(steps, start=1):
        words = f"{number} of {len(steps)}, {step.name}: mome-node {' '.join(step.command)}"
        if step.name in skip:
            tell(f"skipped, as asked: {words}")
        elif is_done(step, folder):
            tell(f"done before: {words}")
        else:
            tell(words)
            _run(step, folder, run)


def is_done(step: TaskStep, folder: Path) -> bool:
    """Whether the step ended well with this command, and what it read and wrote is as it was."""
    return _state(folder).get(step.name) == _record(step)


def _run(step: TaskStep, folder: Path, run: Callable[[Sequence[str]], int]) -> None:
    code = run(step.command)
    if code:
        raise StepFailed(f"the step {step.name} ended with exit code {code}; mended, the same command goes on there")
    state = _state(folder) | {step.name: _record(step)}
    write_whole(folder / STATE, json.dumps(state, indent=1).encode())


def _state(folder: Path) -> dict[str, object]:
    """What is known of steps that ended well; nothing where the file is not there."""
    path = folder / STATE
    return json.loads(path.read_text()) if path.exists() else {}


def _record(step: TaskStep) -> dict[str, object]:
    return {"command": list(step.command), "reads": _digests(step.reads), "writes": _digests(step.writes)}


def _digests(paths: Sequence[Path]) -> dict[str, str]:
    return {str(path): _digest(path) for path in paths}


def _digest(path: Path) -> str:
    """SHA-256 of a file; of a folder of images its receipt and its tables; empty when it is not there."""
    found = hashlib.sha256()
    files = list(_of_folder(path)) if path.is_dir() else [path] if path.exists() else []
    for each in files:
        found.update(each.name.encode() + each.read_bytes())
    return found.hexdigest() if files else ""


def _of_folder(folder: Path) -> Iterator[Path]:
    """What tells that a folder of images has changed: what was got, and the tables, which lie above the series."""
    collections = {folder / name for name in COLLECTIONS}
    tables = (each for place in folder.iterdir() if place not in collections for each in _files(place))
    yield from sorted(each for each in tables if each.suffix.lower() in _TABLES)
    yield from sorted(each / RECEIPT for each in collections if (each / RECEIPT).exists())


def _files(place: Path) -> Iterator[Path]:
    yield from (each for each in place.rglob("*") if each.is_file()) if place.is_dir() else (place,)


def _get(name: str, images: Path, options: TaskOptions) -> TaskStep:
    words = ("public", "get", name, "--to", str(images), "--series-only-needed", "--yes", *options.get, *options.index)
    return TaskStep(f"get-{name.replace('_', '-')}", words, (), (images / name / RECEIPT,))
