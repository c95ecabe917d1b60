"""A PACS of pynetdicom that takes objects and reports on their storage commitment, well or in ways that go wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    BasicTextSRStorage,
    StorageCommitmentPushModel,
    Verification,
)

from node.settings_sections import Destination
from ports import free_port

_INSTANCE = UID("1.2.840.10008.1.20.1.1")


@dataclass
class CommittingPacs:
    """What it does when it is asked to commit itself.

    Parameters
    ----------
    reports_to
        Port to call back on; 0: it never calls.
    calls_itself, calls_us
        AE titles on the association of its report.
    keeps
        Whether its report says that it has the instances.
    """

    port: int = field(default_factory=free_port)
    reports_to: int = 0
    calls_itself: str = "PACS"
    calls_us: str = "MOMENODE"
    keeps: bool = True
    offers_commitment: bool = True
    action_status: int = 0
    stored: list[str] = field(default_factory=list)
    asked: int = 0
    outcomes: list[str] = field(default_factory=list)
    reported: threading.Event = field(default_factory=threading.Event)

    @property
    def destination(self) -> Destination:
        """As the settings of a node name it."""
        return Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=self.port, commitment=True)

    def on_store(self, event: Any) -> int:
        self.stored.append(str(event.request.AffectedSOPInstanceUID))
        return 0

    def on_action(self, event: Any) -> tuple[int, None]:
        self.asked += 1
        if self.action_status == 0 and self.reports_to:
            threading.Thread(target=self.report, args=(event.action_information,), daemon=True).start()
        return self.action_status, None

    def report(self, request: Dataset) -> None:
        """Call back on an association of its own."""
        information = Dataset()
        information.TransactionUID = request.TransactionUID
        for item in request.ReferencedSOPSequence:
            item.FailureReason = 0x0112
        kind = "ReferencedSOPSequence" if self.keeps else "FailedSOPSequence"
        setattr(information, kind, request.ReferencedSOPSequence)
        context, role = build_context(StorageCommitmentPushModel), build_role(StorageCommitmentPushModel, scp_role=True)
        association = AE(self.calls_itself).associate(
            "127.0.0.1", self.reports_to, [context], ae_title=self.calls_us, ext_neg=[role]
        )
        if not association.is_established:
            self.outcomes.append("rejected" if association.is_rejected else "no association")
        else:
            status, _ = association.send_n_event_report(
                information, 1 if self.keeps else 2, StorageCommitmentPushModel, _INSTANCE
            )
            self.outcomes.append(f"{status.Status:04X}" if status else "no answer")
            association.release()
        self.reported.set()


@contextmanager
def running(pacs: CommittingPacs) -> Iterator[CommittingPacs]:
    """Serve until the block ends."""
    ae = AE("PACS")
    ae.add_supported_context(Verification)
    ae.add_supported_context(BasicTextSRStorage)
    if pacs.offers_commitment:
        ae.add_supported_context(StorageCommitmentPushModel)
    handlers = [(evt.EVT_C_STORE, pacs.on_store), (evt.EVT_N_ACTION, pacs.on_action)]
    server = ae.start_server(("127.0.0.1", pacs.port), block=False, evt_handlers=handlers)
    try:
        yield pacs
    finally:
        server.shutdown()
