"""Scanners: each archives a study in the PACS and sends it to a host by DCMTK, repeats what was not acknowledged, first
there, then elsewhere, and remembers what was."""

from __future__ import annotations

import random
import re
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from pydicom.dataset import Dataset

import orthanc
from benchmarks.faults.hosts import Host
from live_node import instance, new_study
from running_node import dcmtk

_FILE, _SUCCESS = re.compile(r"Sending file: (\S+)"), "Received Store Response (Success)"
_TRIES_AT_ONE_HOST = 3


@dataclass
class SentStudy:
    """What a scanner knows of a study: its images, those that were acknowledged, and when the last one was."""

    uid: str
    images: dict[str, Path]
    acknowledged: dict[str, float] = field(default_factory=dict)
    refusals: int = 0

    @property
    def is_sent(self) -> bool:
        return self.acknowledged.keys() == self.images.keys()


@dataclass
class Scanner(threading.Thread):
    """Sends one study after the other until it is told to end."""

    hosts: Sequence[Host]
    pacs: orthanc.Orthanc
    folder: Path
    pause_seconds: float
    chance: random.Random
    images: int = 4
    studies: list[SentStudy] = field(default_factory=list)
    ending: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        while not self.ending.wait(self.chance.uniform(0.5, 1.5) * self.pause_seconds):
            self.send_one()

    def send_one(self) -> None:
        """A new study: half of them are in the PACS before the node gets them, half only after."""
        study, made = self.new_study()
        self.studies.append(study)
        late = self.chance.random() < 0.5
        if not late:
            self.archive(made)
        self.send(study)
        if late:
            self.archive(made)

    def new_study(self) -> tuple[SentStudy, list[Dataset]]:
        uid = new_study()
        folder = self.folder / uid
        folder.mkdir(parents=True)
        made = [instance(uid, size=20_000) for _ in range(self.images)]
        for number, each in enumerate(made):
            each.save_as(folder / f"{number}.dcm", enforce_file_format=True)
        return SentStudy(uid, {str(each.SOPInstanceUID): folder / f"{n}.dcm" for n, each in enumerate(made)}), made

    def archive(self, made: Sequence[Dataset]) -> None:
        for each in made:
            content = BytesIO()
            each.save_as(content, enforce_file_format=True)
            self.pacs.keep(content.getvalue())

    def send(self, study: SentStudy) -> None:
        """Until all is acknowledged; what was is not sent again."""
        order = self.chance.sample(list(self.hosts), len(self.hosts))
        for attempt in range(10_000):
            host = order[attempt // _TRIES_AT_ONE_HOST % len(order)]
            left = {uid: path for uid, path in study.images.items() if uid not in study.acknowledged}
            study.acknowledged |= dict.fromkeys(self._stored(host, left), time.time())
            if study.is_sent:
                return
            study.refusals += 1
            time.sleep(0.5)

    def _stored(self, host: Host, left: dict[str, Path]) -> list[str]:
        """Send over one association; SOP Instance UIDs that the host has acknowledged."""
        address, port = host.address
        patience = ["-to", "3", "-ta", "10", "-td", "10"]
        command = [str(dcmtk("storescu")), "-v", *patience, "-aet", "MODALITY", "-aec", host.name, address, str(port)]
        told = subprocess.run([*command, *map(str, left.values())], capture_output=True, text=True, check=False)
        by_path, sent, found = {str(path): uid for uid, path in left.items()}, "", []
        for line in (told.stdout + told.stderr).splitlines():
            if match := _FILE.search(line):
                sent = match[1]
            elif _SUCCESS in line:
                found.append(by_path[sent])
        return found
