"""`mome-node setup`: answers from a file or a pipe, each tried, the file written, and what the PACS must know."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from committing_pacs import CommittingPacs, running
from node.settings import load_settings
from ports import free_port


def setup(folder: Path, answers: str, *options: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    file = folder / "answers.toml"
    file.write_text(answers)
    command = [sys.executable, "-m", "node.cli.main", "setup", str(folder / "node.toml"), "--answers", str(file)]
    return subprocess.run([*command, *options], input=typed, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_pacs_that_is_tried_in_both_directions_is_written_down(tmp_path: Path) -> None:
    with running(CommittingPacs(reports_to=free_port())) as pacs:
        answers = f'host = "127.0.0.1"\nport = {pacs.reports_to}\nroot = "{tmp_path}/root"\ncallers = ["MRI1"]\n'
        answers += f'pacs_host = "127.0.0.1"\npacs_port = {pacs.port}\n'
        told = setup(tmp_path, answers, "--yes")
    assert told.returncode == 0, told.stdout + told.stderr
    assert "reported storage commitment" in told.stdout
    assert f'"AET": "MOMENODE", "Host": "ADDRESS", "Port": {pacs.reports_to}' in told.stdout
    settings = load_settings(tmp_path / "node.toml")
    (written,) = settings.destinations
    assert (written.ae_title, written.port, written.commitment) == ("PACS", pacs.port, True)
    assert settings.dicom.callers == ("MRI1",)


@pytest.mark.slow
def test_what_fails_is_named_and_the_file_is_written_with_exit_code_5(tmp_path: Path) -> None:
    answers = (
        f'host = "127.0.0.1"\nport = {free_port()}\nroot = "{tmp_path}/root"\npacs_host = "127.0.0.1"\npacs_port = 1\n'
    )
    told = setup(tmp_path, answers, "--yes")
    assert told.returncode == 5
    assert "nothing listens on that port" in told.stdout
    assert (tmp_path / "node.toml").exists()
    assert setup(tmp_path, answers, "--yes").returncode == 3, "an existing file is not replaced"


@pytest.mark.slow
def test_a_pipe_answers_what_the_file_does_not(tmp_path: Path) -> None:
    answers = f'host = "127.0.0.1"\nport = {free_port()}\nroot = "{tmp_path}/root"\npacs = false\n'
    told = setup(tmp_path, answers, typed="SITE1\nMRI1, MRI2\n\n")
    assert told.returncode == 0, told.stdout + told.stderr
    settings = load_settings(tmp_path / "node.toml")
    assert (settings.dicom.ae_title, settings.dicom.callers) == ("SITE1", ("MRI1", "MRI2"))


@pytest.mark.slow
def test_an_answer_that_nobody_asks_for_is_a_mistake(tmp_path: Path) -> None:
    told = setup(
        tmp_path, f'ae_titel = "X"\nhost = "127.0.0.1"\nport = {free_port()}\nroot = "{tmp_path}/root"\n', "--yes"
    )
    assert (told.returncode, "unknown answers: ae_titel" in told.stderr) == (3, True)


@pytest.mark.slow
def test_a_database_that_is_away_is_a_finding_and_the_file_is_written(tmp_path: Path) -> None:
    with running(CommittingPacs()) as pacs:
        answers = f'host = "127.0.0.1"\nport = {free_port()}\nroot = "{tmp_path}/root"\n'
        answers += f'database_url = "postgresql://mome@127.0.0.1:{free_port()}/mome"\n'
        answers += f'pacs_host = "127.0.0.1"\npacs_port = {pacs.port}\ncommitment = false\n'
        told = setup(tmp_path, answers, "--yes")
    assert told.returncode == 5, told.stdout + told.stderr
    assert "Traceback" not in told.stderr
    assert load_settings(tmp_path / "node.toml").destinations[0].port == pacs.port
