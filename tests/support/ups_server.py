"""A UPS-RS worklist server over real HTTP that keeps the rules of PS3.4 CC.2.1 and PS3.18 11.

No such server can be installed here: dcm4chee-arc is in no registry that we reach, and dicomweb-client speaks no UPS.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydicom.dataset import Dataset

from alert_receivers import listening

FINAL = ("COMPLETED", "CANCELED")


@dataclass
class WorklistServer:
    """Workitems by UID; `history` holds (UID, state) of every change of state, in order.

    Parameters
    ----------
    answers
        Status and body of every answer, of a server that is none; None: those of the standard.
    """

    token: str = ""
    items: dict[str, Dataset] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    history: list[tuple[str, str]] = field(default_factory=list)
    progress: list[str] = field(default_factory=list)
    url: str = ""
    deaf: bool = False
    answers: tuple[int, bytes] | None = None

    def schedule(self, uid: str, *studies: str, label: str = "AI") -> None:
        item = Dataset()
        item.SOPInstanceUID, item.ProcedureStepState, item.WorklistLabel = uid, "SCHEDULED", label
        item.InputInformationSequence = []
        for study in studies:
            part = Dataset()
            part.StudyInstanceUID = study
            item.InputInformationSequence.append(part)
        self.items[uid] = item

    def state(self, uid: str) -> str:
        return str(self.items[uid].ProcedureStepState)

    def search(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        def matches(item: Dataset) -> bool:
            keys = {key: values[0] for key, values in query.items() if key not in {"limit", "includefield"}}
            return all(str(item.get(key, "")) == value for key, value in keys.items())

        return [each.to_json_dict() for each in self.items.values() if matches(each)]

    def change_state(self, uid: str, change: Dataset) -> int:
        """PS3.4 table CC.2.1-2: who may change which state."""
        now, wanted, transaction = self.state(uid), str(change.ProcedureStepState), str(change.TransactionUID)
        if now == "SCHEDULED" and wanted == "IN PROGRESS":
            self.owners[uid] = transaction
        elif now != "IN PROGRESS" or wanted not in FINAL or self.owners[uid] != transaction:
            return 409
        if wanted == "COMPLETED" and not self.is_complete(uid):
            return 409
        self.items[uid].ProcedureStepState = wanted
        self.history.append((uid, wanted))
        return 200

    def is_complete(self, uid: str) -> bool:
        """The attributes that the Final State needs (table CC.2.5-3)."""
        (done,) = self.items[uid].get("UnifiedProcedureStepPerformedProcedureSequence", []) or [Dataset()]
        needed = (
            "PerformedStationNameCodeSequence",
            "PerformedProcedureStepStartDateTime",
            "PerformedProcedureStepEndDateTime",
            "PerformedWorkitemCodeSequence",
            "OutputInformationSequence",
        )
        return all(each in done for each in needed)

    def update(self, uid: str, transaction: str, change: Dataset) -> int:
        if self.state(uid) != "IN PROGRESS" or self.owners.get(uid) != transaction:
            return 409
        self.items[uid].update(change)
        for each in change.get("ProcedureStepProgressInformationSequence", []):
            if "ProcedureStepProgress" in each:
                self.progress.append(f"{float(each.ProcedureStepProgress):g}")
        return 200

    @contextmanager
    def running(self, port: int = 0) -> Iterator[WorklistServer]:
        server = ThreadingHTTPServer(("127.0.0.1", port), type("Service", (_Service,), {"server_": self}))
        self.url = f"http://127.0.0.1:{server.server_port}"
        with listening(server):
            yield self


class _Service(BaseHTTPRequestHandler):
    server_: WorklistServer

    def handle_request(self) -> None:
        parts = urlsplit(self.path)
        path, query = parts.path.strip("/").split("/"), parse_qs(parts.query)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        here = self.server_
        if here.token and self.headers.get("Authorization") != f"Bearer {here.token}":
            self.answer(401)
        elif here.deaf:
            self.answer(503)
        elif here.answers is not None:
            self.answer(*here.answers)
        elif path == ["workitems"]:
            found = here.search(query)
            self.answer(200 if found else 204, found)
        elif path[1] not in here.items:
            self.answer(404)
        elif self.command == "GET":
            self.answer(200, [here.items[path[1]].to_json_dict()])
        elif self.command == "PUT" and path[2] == "state":
            self.answer(here.change_state(path[1], Dataset.from_json(json.loads(body)[0])))
        else:
            self.answer(here.update(path[1], query["transaction-uid"][0], Dataset.from_json(json.loads(body)[0])))

    do_GET = do_PUT = do_POST = handle_request  # noqa: N815 - names of the standard library

    def answer(self, status: int, content: list[dict[str, Any]] | bytes = b"") -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode() if content else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/dicom+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        return
