"""Every example of docs/commands.md is typed, as it stands there, at a site with a node, a real Orthanc and cohorts."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from pydicom import dcmread

import orthanc
import phantom
from benchmarks.baseline.layout import synthetic_state
from calibrations import calibrations
from evaluation_sites import write_bundle, write_site
from mome_core.case import Modality
from mome_core.model.checkpoint import load_checkpoint
from node.cli.commands import COMMANDS
from node.models import find_bundle
from node.settings_sections import Destination
from places import DOCS
from ports import free_port
from published_sizes import SMALL_SIZES
from running_node import RunningNode, running

pytestmark = [
    pytest.mark.system,
    pytest.mark.exhaustive,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not orthanc.available(), reason="Orthanc is not installed: no example was typed"),
]
EXAMPLES = dict(re.findall(r"^\| `([a-z ]+)` \|.*\| `(mome-node .*)` \|$", (DOCS / "commands.md").read_text(), re.M))
AT_A_SITE = [
    "config show",
    "config check",
    "check",
    "doctor",
    "echo",
    "peers list",
    "phantom",
    "assemble",
    "roles",
    "infer",
    "send",
    "ingest",
    "instances list",
    "studies list",
    "studies find",
    "studies explain",
    "studies show",
    "studies force",
    "studies redeliver",
    "studies reprocess",
    "studies resolve",
    "studies fetch",
    "queue list",
    "queue pause",
    "queue resume",
    "queue hold",
    "queue release",
    "queue priority",
    "queue cancel",
    "queue drain",
    "queue resume",
    "top",
    "access invite",
    "access key",
    "access list",
    "access logout",
    "access remove",
    "audit list",
    "audit verify",
    "audit export",
    "feedback list",
    "feedback export",
    "reproduce",
    "retract",
    "cohort init",
    "cohort add",
    "cohort show",
    "cohort check",
    "cohort export",
    "model import",
    "model show",
    "model verify",
    "model key",
    "model sign",
    "model run",
    "train",
    "model recalibrate",
    "evaluate",
    "model lock",
    "model list",
    "model promote",
    "model rollback",
    "model shadow",
    "model report",
    "backup",
    "peers allow",
    "conformance",
    "studies purge",
]
FROM_A_BUCKET = ["public list", "public get", "public cohort", "public reproduce"]  # tests/node/public types them
ELSEWHERE = ["config init", "setup", "demo", "serve", "restore", "recover"]  # in a folder, or at a time, of their own
UNTIL_CTRL_C = {"top", "serve"}
REFUSED = {  # what these say to a site as small as this one
    "model recalibrate": "at least 100",
    "queue cancel": "nothing",
    "studies force": "a study that is DELIVERED cannot be declared complete",
    "studies resolve": "nothing of this study waits for a decision",
    "model promote": "is not promoted",
    "model rollback": "nothing was promoted",
}
THERE = {  # cohorts with the splits that are needed, and bundles by their folders
    "train": {"cohort.csv": "taught.csv"},
    "evaluate": {"demo": "models/mome", "ours": "models/calibrated"},
    "model promote": {"models/ours": "models/calibrated"},
    "model lock": {"cohort.csv": "b.csv"},
    "model import": {"models/mome": "models/imported"},
}
SMALL = ("--sizes", "dce=32x32x32,t2=32x32x16,dwi=32x16x16", "--heads", "4")


@dataclass(frozen=True)
class Site:
    """A folder in which a person types, and what stands there for the names in the examples."""

    folder: Path
    names: dict[str, str]

    def failure(self, words: str, *more: str) -> str | None:
        """Type a command's example, with this site's names in place of the document's; what went wrong, if it did."""
        line = EXAMPLES[words]
        for documented, here in self.names.items():
            line = re.sub(rf"(?<![\w./]){re.escape(documented)}(?![\w])", here, line)
        line, _, into = re.sub(r" && .*", "", line).partition(" > ")
        command = [sys.executable, "-m", "node.cli.main", *shlex.split(line)[1:], *more]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        if (config := self.folder / "mome-node.toml").exists():
            environment["MOME_CONFIG"] = str(config)
        process = subprocess.Popen(
            command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            out, err = process.communicate(timeout=8 if words in UNTIL_CTRL_C else 1500)
        except subprocess.TimeoutExpired:
            assert words in UNTIL_CTRL_C, f"{line} does not end"
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=120)
        if into:
            (self.folder / into).write_text(out)
        if process.returncode == 0 and "Traceback" not in err:
            return None
        if process.returncode in (1, 5) and words in REFUSED and REFUSED[words] in err:
            return None
        return f"{line}: exit code {process.returncode}\n{out[-1500:]}\n{err[-1500:]}"

    def where(self, names: dict[str, str]) -> Site:
        """The same place, where more of the examples' names stand for something."""
        return Site(self.folder, {**self.names, **names})


def furnish(folder: Path) -> None:
    """The files that the examples name."""
    phantom.study(folder / "study", lesion="malignant", seed=1)
    for seed in range(2, 6):
        phantom.study(folder / "studies" / f"s{seed}", lesion="benign" if seed % 2 else "malignant", seed=seed)
    (folder / "pathology.csv").write_text(
        "case,malignancy\n" + "".join(f"studies/s{seed},{1 - seed % 2}\n" for seed in range(2, 6))
    )
    (folder / "names.csv").write_text("series_description\nt1_fl3d_dyn\nt2_tse_tra\n")
    write_site(folder, "a", 12, 50)
    write_site(folder, "b", 12, 80)
    header, *rows = (folder / "a.csv").read_text().splitlines()
    taught = [row.replace(",test,", ",training,") for row in rows if not row.startswith("a/lost")]
    (folder / "taught.csv").write_text("\n".join([header, *taught]) + "\n")
    shutil.copytree(find_bundle("demo"), folder / "models" / "mome")
    write_bundle(folder / "models" / "calibrated", 7, "somebody", read_by=calibrations())
    torch.save({"epoch": 1, "state_dict": synthetic_state(SMALL_SIZES)}, folder / "model.th")
    recipe = load_checkpoint(find_bundle("demo")).recipe
    chance = np.random.default_rng(0)
    arrays = {
        str(each).lower(): chance.random((recipe.channels(each), *recipe.size(each)), np.float32) for each in Modality
    }
    np.savez(folder / "arrays.npz", **arrays)
    (folder / "answers.toml").write_text(
        f'host = "127.0.0.1"\nport = {free_port()}\nroot = "{folder}/other-root"\npacs = false\nae_title = "X"\n'
        "callers = []\n"
    )


@contextmanager
def site(folder: Path) -> Iterator[tuple[Site, RunningNode]]:
    """A node that has answered one study and sent the answer to Orthanc."""
    furnish(folder)
    port = free_port()
    with orthanc.running({"node": ("MOMENODE", "127.0.0.1", port)}) as pacs:
        destination = Destination(name="pacs", ae_title="ORTHANC", host="127.0.0.1", port=pacs.dicom_port)
        with running(folder, [destination], port=port, promotion={"fewest": 3}, model={"allow_unsigned": True}) as node:
            names = {
                "11112": str(port),
                "/mnt/backup/mome-node": str(folder / "backup"),
                "/etc/mome-node/mome-node.toml": str(node.config),
                "/media/cd": "./study",
            }
            yield Site(folder, names), node


def test_every_example_does_what_it_is_an_example_of(tmp_path: Path) -> None:
    assert {*AT_A_SITE, *FROM_A_BUCKET, *ELSEWHERE} == set(EXAMPLES) == set(COMMANDS)
    wrong = []
    with site(tmp_path / "site") as (start, node):
        wrong.append(start.failure("send"))
        image = dcmread(next((start.folder / "study").rglob("*.dcm")), stop_before_pixels=True)
        study = str(image.StudyInstanceUID)
        detail = node.wait_for_outcome(study)
        report = next(each for each in detail.objects if each.kind == "report")
        shutil.copy(node.settings.storage.root / report.path, start.folder / "report.dcm")
        day = f"{image.StudyDate[:4]}-{image.StudyDate[4:6]}-{image.StudyDate[6:]}"
        here = start.where({"812": str(detail.study.id), "1.2.840.113619.2.1": study, "2026-11-29": day})
        for words in AT_A_SITE:
            if words == "retract":
                node.wait_for_outcome(study)  # it was analysed again meanwhile
            wrong.append(here.where(THERE.get(words, {})).failure(words, *(SMALL if words == "model import" else ())))
    for words in ("config init", "setup", "demo"):
        (tmp_path / words).mkdir()
        shutil.copy(start.folder / "answers.toml", tmp_path / words)
        wrong.append(Site(tmp_path / words, {}).failure(words))
    wrong += [start.failure(words) for words in ("serve", "recover")]
    (tmp_path / "restore").mkdir()
    settings = node.config.read_text().replace(str(start.folder / "root"), str(tmp_path / "new"))
    (tmp_path / "restore" / "mome-node.toml").write_text(settings)
    wrong.append(Site(tmp_path / "restore", start.names).failure("restore"))
    found = [each for each in wrong if each]
    assert not found, "\n\n".join(found)
