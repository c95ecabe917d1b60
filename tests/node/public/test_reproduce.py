"""The steps of a public task: done once, skipped while nothing changes, gone on with after whatever stopped it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import public_tables as tables
from node.errors import NodeError
from node.public.reproduce import STATE, StepFailed, TaskOptions, TaskStep, is_done, reproduce, steps_of
from node.public.tasks import TASKS
from places import ROOT
from public_sets import publish, write_public_study
from s3_bucket import served

TEACHING = 126  # three folds, each with 42 to choose by: with fewer than 20 of a class a model gives no score


def three_steps(folder: Path) -> list[TaskStep]:
    a, b, c = (folder / name for name in "abc")
    return [
        TaskStep("first", ("write", str(a)), (), (a,)),
        TaskStep("second", ("write", str(b)), (a,), (b,)),
        TaskStep("third", ("write", str(c)), (b,), (c,)),
    ]


def writing(done: list[str]) -> Callable[[Sequence[str]], int]:
    """A command that writes its file."""

    def run(command: Sequence[str]) -> int:
        done.append(Path(command[1]).name)
        Path(command[1]).write_text(f"written by {command}")
        return 0

    return run


def test_a_step_is_run_once_and_again_when_what_it_read_or_wrote_has_changed(tmp_path: Path) -> None:
    steps, done = three_steps(tmp_path), list[str]()
    reproduce(steps, tmp_path, writing(done))
    assert done == ["a", "b", "c"]
    reproduce(steps, tmp_path, writing(done))
    assert done == ["a", "b", "c"]
    (tmp_path / "b").write_text("changed by hand")
    assert [is_done(each, tmp_path) for each in steps] == [True, False, False]
    reproduce(steps, tmp_path, writing(done))
    assert done == ["a", "b", "c", "b"]  # the file is as it was, so what reads it is done


def test_another_command_is_another_step(tmp_path: Path) -> None:
    steps = three_steps(tmp_path)
    reproduce(steps, tmp_path, writing([]))
    assert not is_done(TaskStep("first", ("write", "elsewhere"), (), steps[0].writes), tmp_path)


@pytest.mark.parametrize("stopped", ["first", "second", "third"])
def test_after_a_failure_or_a_kill_the_same_call_goes_on_there(stopped: str, tmp_path: Path) -> None:
    steps, done = three_steps(tmp_path), list[str]()
    name = dict(zip(("first", "second", "third"), "abc", strict=True))[stopped]

    def failing(command: Sequence[str]) -> int:
        return 3 if Path(command[1]).name == name else writing(done)(command)

    def killed(command: Sequence[str]) -> int:
        if Path(command[1]).name == name:
            raise KeyboardInterrupt
        return writing(done)(command)

    with pytest.raises(StepFailed, match=f"the step {stopped} ended with exit code 3"):
        reproduce(steps, tmp_path, failing)
    with pytest.raises(KeyboardInterrupt):
        reproduce(steps, tmp_path, killed)
    reproduce(steps, tmp_path, writing(done))
    assert sorted(done) == ["a", "b", "c"]


def test_a_step_can_be_left_out_by_its_name(tmp_path: Path) -> None:
    done: list[str] = []
    reproduce(three_steps(tmp_path), tmp_path, writing(done), skip=("first",))
    assert done == ["b", "c"]
    with pytest.raises(NodeError, match="no step is called fourth; there are first, second, third"):
        reproduce(three_steps(tmp_path), tmp_path, writing(done), skip=("fourth",))


@pytest.mark.parametrize("name", TASKS)
def test_the_external_patients_stay_out_of_every_training(name: str, tmp_path: Path) -> None:
    steps = {each.name: each.command for each in steps_of(TASKS[name], tmp_path, TaskOptions(folds=3))}
    assert list(steps)[2:] == ["cohort-external", "cohort-training", "check", "train", "external-test"]
    assert steps["cohort-training"][-2:] == ("--without", str(tmp_path / "external.csv"))
    assert sum(word == "--model" for word in steps["external-test"]) == 3
    assert TASKS[name].endpoint in steps["train"]


@pytest.fixture
def published(tmp_path: Path) -> Iterator[tuple[str, ...]]:
    """AMBL and BREAST-DIAGNOSIS as phantoms in a bucket, their tables where the user puts them; the command's words."""
    drawn, task = tmp_path / "drawn", tmp_path / "task"
    for n in range(TEACHING):
        write_public_study(drawn, "advanced_mri_breast_lesions", f"AMBL-{n:03d}", seed=n, lesion=_lesion(n))
    for n in range(4):
        write_public_study(drawn, "breast_diagnosis", f"BreastDx-01-{n:04d}", seed=900 + n, lesion=_lesion(n))
    tables.ambl(
        task / "public", [{"Patient ID#": f"AMBL-{n:03d}", "tumor/benign1": 1 - n % 2} for n in range(TEACHING)]
    )
    words = ("Invasive ductal carcinoma", "Fibroadenoma")
    cases = [{"Breast Dx Case": f"BreastDx-01-{n:04d}", "Pathology: Dx": words[n % 2]} for n in range(4)]
    tables.diagnosis(task / "public", cases)
    index = publish(drawn, tmp_path / "s3" / "idc-open-data")
    (tmp_path / "config.toml").write_text('estimators = ["none"]\n')
    with served(tmp_path / "s3") as bucket:
        few = ("--folds", "3", "--inner-folds", "2", "--epochs", "1", "--threads", "1", "--workers", "2")
        where = ("--to", str(task), "--index", str(index), "--endpoint-url", bucket.endpoint)
        yield ("public", "reproduce", "malignancy", *where, *few, "--config", str(tmp_path / "config.toml"), "--yes")


def _lesion(n: int) -> str:
    return "benign" if n % 2 else "malignant"


@pytest.mark.exhaustive
@pytest.mark.slow
def test_killed_at_every_step_it_ends_with_a_page(published: tuple[str, ...], tmp_path: Path) -> None:
    began = time.monotonic()
    for step in range(1, 8):
        _killed_in(step, published)
    ended = subprocess.run(_command(published), cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "== done before: 1 of 7" in ended.stdout
    task = tmp_path / "task"
    assert "RESEARCH USE ONLY" in (task / "page.html").read_text()
    assert "CC BY 4.0 (doi:10.0000/advanced_mri_breast_lesions)" in (task / "models/fold-1/MODEL_CARD.md").read_text()
    assert (task / STATE).exists()
    assert time.monotonic() - began < 15 * 60


def _killed_in(step: int, words: tuple[str, ...]) -> None:
    """Run until that step begins, and kill (SIGKILL) within it."""
    process = subprocess.Popen(_command(words), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(f"== {step} of 7"):
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()


def _command(words: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-u", "-m", "node.cli.main", *words]
