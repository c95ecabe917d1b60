"""Score readers' answers against the truth. Standard library only: this file also lies beside the cases.

    python score.py DIR

It reads DIR/cases/CASE/{truth,images}.json and DIR/answers/READER/CASE.json (README.md has the format), writes
DIR/score.json and prints the tables. Roles, phase order and b-values are asked of readers that claim them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

ROLES = ("DCE", "T2", "DWI")
OTHER_DYNAMIC = "other dynamic"  # a second dynamic of the study: it may be called DCE or not
PHASE_ORDER, B_VALUES = "phase order", "b-values"
VOLUME_QUESTIONS = tuple(f"{role} volumes" for role in ROLES)
QUESTIONS = (*(f"{role} role" for role in ROLES), *VOLUME_QUESTIONS, PHASE_ORDER, B_VALUES)
_TOLERANCE = 1.0  # s/mm2


class Outcome(StrEnum):
    """What became of one question in one case."""

    RIGHT = "+"
    WRONG = "x"
    MISSING = "o"  # refused, failed or left out
    NOT_CLAIMED = "-"


@dataclass(frozen=True, slots=True)
class ReadVolume:
    """Images in their order along the slice normal (either direction); b-values in s/mm2, in an answer at most one."""

    images: tuple[int, ...]
    b_values: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Output:
    """Volumes that belong together, in the order of time: a NIfTI file, a dynamic, a diffusion series.

    Parameters
    ----------
    role
        DCE, T2, DWI, another word, or None where the reader does not say.
    """

    volumes: tuple[ReadVolume, ...]
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one reader makes of one case; `claims` are the questions, besides the volumes, that it answers at all."""

    reader: str
    version: str
    claims: tuple[str, ...]
    outputs: tuple[Output, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Truth:
    """What a case is.

    Parameters
    ----------
    copies
        Images that repeat another one under a second SOPInstanceUID: the copy's number and the other's.
    unknowable
        Questions that the files hold no answer to: giving none is right.
    series
        SeriesInstanceUID of each image.
    """

    outputs: tuple[Output, ...]
    copies: dict[int, int] = field(default_factory=dict)
    unknowable: tuple[str, ...] = ()
    series: dict[int, str] = field(default_factory=dict)

    def volumes(self, role: str) -> list[tuple[int, ...]]:
        """The images of each volume of a role, in the order of time."""
        return [volume.images for output in self.outputs if output.role == role for volume in output.volumes]

    def original(self, images: Iterable[int]) -> tuple[int, ...]:
        return tuple(self.copies.get(image, image) for image in images)

    def series_of(self, outputs: Iterable[Output]) -> set[str]:
        return {self.series[image] for output in outputs for volume in output.volumes for image in volume.images}


def outcomes(truth: Truth, answer: Answer) -> dict[str, Outcome]:
    """The outcome of every question."""
    found = {f"{role} role": _role(truth, answer, role) for role in ROLES}
    found |= {f"{role} volumes": _volumes(truth, answer, role) for role in ROLES}
    found |= {PHASE_ORDER: _phase_order(truth, answer), B_VALUES: _b_values(truth, answer)}
    for question in truth.unknowable:
        found[question] = Outcome.RIGHT if found[question] is Outcome.MISSING else Outcome.WRONG
    asked = {*VOLUME_QUESTIONS, *answer.claims}
    return {question: found[question] if question in asked else Outcome.NOT_CLAIMED for question in QUESTIONS}


def _role(truth: Truth, answer: Answer, role: str) -> Outcome:
    """Whether exactly the series of a role are given it; saying nothing of one of them is no mistake, but missing."""
    either = truth.series_of(output for output in truth.outputs if output.role == OTHER_DYNAMIC)
    wanted = truth.series_of(output for output in truth.outputs if output.role == role)
    given = truth.series_of(output for output in answer.outputs if output.role == role) - either
    denied = truth.series_of(output for output in answer.outputs if output.role not in {role, None})
    if given - wanted or (wanted & denied) - given:
        return Outcome.WRONG
    return Outcome.RIGHT if given == wanted else Outcome.MISSING


def _index(truth: Truth, volume: ReadVolume, wanted: Sequence[tuple[int, ...]]) -> int | None:
    """Which of the wanted volumes this is, image by image; None for one that is none of them."""
    images = truth.original(volume.images)
    return next((n for n, each in enumerate(wanted) if images in {each, each[::-1]}), None)


def _touching(truth: Truth, outputs: Iterable[Output], wanted: Sequence[tuple[int, ...]]) -> list[Output]:
    """The outputs in which any image of the wanted volumes is."""
    images = {image for each in wanted for image in each}
    return [o for o in outputs if any(images & set(truth.original(volume.images)) for volume in o.volumes)]


def _volumes(truth: Truth, answer: Answer, role: str) -> Outcome:
    """Whether every volume is there with all its images, once each and in order, and none is mixed or incomplete."""
    wanted = truth.volumes(role)
    single = [Output((volume,)) for output in answer.outputs for volume in output.volumes]
    found = {_index(truth, output.volumes[0], wanted) for output in _touching(truth, single, wanted)}
    if None in found:
        return Outcome.WRONG
    return Outcome.RIGHT if len(found) == len(wanted) else Outcome.MISSING


def _phase_order(truth: Truth, answer: Answer) -> Outcome:
    """Whether one output holds the phases, all and nothing else, in the order of time."""
    wanted = truth.volumes("DCE")
    orders = [
        [_index(truth, volume, wanted) for volume in output.volumes]
        for output in _touching(truth, answer.outputs, wanted)
    ]
    claimed = [order for order in orders if len(order) > 1]
    known = [[index for index in order if index is not None] for order in claimed]
    if any(len(k) < len(order) or k != sorted(set(k)) for k, order in zip(known, claimed, strict=True)):
        return Outcome.WRONG
    return Outcome.RIGHT if list(range(len(wanted))) in known else Outcome.MISSING


def _b_values(truth: Truth, answer: Answer) -> Outcome:
    """Whether each volume of the DWI has its b-value, the nominal one or, where the header has it, the actual one."""
    true = [volume.b_values for output in truth.outputs if output.role == "DWI" for volume in output.volumes]
    wanted, found = truth.volumes("DWI"), set()
    for output in _touching(truth, answer.outputs, wanted):
        for volume in (volume for volume in output.volumes if volume.b_values):
            index = _index(truth, volume, wanted)
            if index is None or min(abs(volume.b_values[0] - b) for b in true[index]) > _TOLERANCE:
                return Outcome.WRONG
            found.add(index)
    return Outcome.RIGHT if len(found) == len(wanted) else Outcome.MISSING


# --- files


def _outputs(record: list[dict[str, Any]]) -> tuple[Output, ...]:
    return tuple(
        Output(
            tuple(ReadVolume(tuple(v["images"]), tuple(v.get("b_values", ()))) for v in each["volumes"]),
            each.get("role"),
        )
        for each in record
    )


def read_truth(case: Path) -> Truth:
    """The truth of a case's folder."""
    record = json.loads((case / "truth.json").read_text("utf-8"))
    images = json.loads((case / "images.json").read_text("utf-8"))
    return Truth(
        _outputs(record["outputs"]),
        {int(copy): image for copy, image in record["copies"].items()},
        tuple(record["unknowable"]),
        {each["image"]: each["series_instance_uid"] for each in images},
    )


def read_answer(path: Path) -> Answer:
    """A reader's answer to one case."""
    record = json.loads(path.read_text("utf-8"))
    return Answer(record["reader"], record["version"], tuple(record["claims"]), _outputs(record["outputs"]))


def score(folder: Path) -> dict[str, Any]:
    """Every answer below a folder: for each reader its version and, by case, a letter for each of the questions."""
    readers: dict[str, Any] = {}
    for path in sorted(folder.glob("answers/*/*.json")):
        answer = read_answer(path)
        found = outcomes(read_truth(folder / "cases" / path.stem), answer)
        of_reader = readers.setdefault(answer.reader, {"version": answer.version, "cases": {}})
        of_reader["cases"][path.stem] = "".join(found.values())
    return {"questions": list(QUESTIONS), "readers": readers}


# --- tables


def _counts(letters: Iterable[str]) -> str:
    """right / wrong / missing, or a dash."""
    listed = [letter for letter in letters if letter != Outcome.NOT_CLAIMED]
    counts = [listed.count(outcome) for outcome in (Outcome.RIGHT, Outcome.WRONG, Outcome.MISSING)]
    return " / ".join(map(str, counts)) if listed else "-"


def _row(words: Iterable[str]) -> str:
    return f"| {' | '.join(words)} |"


def by_question(scored: dict[str, Any]) -> str:
    """A Markdown table: right / wrong / missing of each question."""
    lines = [_row(["reader", "cases", *scored["questions"]]), _row(["---"] * (len(scored["questions"]) + 2))]
    for name, each in scored["readers"].items():
        columns = zip(*each["cases"].values(), strict=True)
        lines.append(_row([name, str(len(each["cases"])), *map(_counts, columns)]))
    return "\n".join(lines)


def by_trap(scored: dict[str, Any]) -> str:
    """A Markdown table: the worst outcome of the dynamic (its volumes and their order) in each case, by trap."""
    names = list(scored["readers"])
    traps = dict.fromkeys(_trap(case) for each in scored["readers"].values() for case in each["cases"])
    lines = [_row(["trap", *names]), _row(["---"] * (len(names) + 1))]
    for trap in sorted(traps):
        cells = []
        for name in names:
            cases = scored["readers"][name]["cases"]
            cells.append(_counts(_dynamic(letters) for case, letters in cases.items() if _trap(case) == trap))
        lines.append(_row([trap or "none", *cells]))
    return "\n".join(lines)


def _trap(case: str) -> str:
    return case.partition("+")[2]


def _dynamic(letters: str) -> str:
    asked = [letters[QUESTIONS.index(question)] for question in ("DCE volumes", PHASE_ORDER)]
    return max(asked, key=[Outcome.NOT_CLAIMED, Outcome.RIGHT, Outcome.MISSING, Outcome.WRONG].index)


def main(folder: Path) -> None:
    """Score, write, print."""
    scored = score(folder)
    (folder / "score.json").write_text(json.dumps(scored, indent=0) + "\n", "utf-8")
    print("right / wrong / missing\n")
    print(by_question(scored), by_trap(scored), sep="\n\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
