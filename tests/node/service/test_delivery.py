"""What a destination may do to us: one copy of each object arrives in the end, or the failure is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    BasicTextSRStorage,
    Comprehensive3DSRStorage,
    EnhancedSRStorage,
)

from analyzed_report import STUDY, delivery_client
from dicom_io.errors import PeerFault
from node.dicom_settings import DicomSettings
from node.jobs import JobState
from node.reasons import ReasonCode
from node.service.delivery import DeliveryClient
from node.settings_sections import Destination
from node.states import StudyState
from node.storage.ledger.ledger import Ledger
from node.storage.records import StudyDetail
from ports import free_port

HERE = DicomSettings()
Behaviour = Callable[[Event, int], int]


@dataclass
class Pacs:
    """A destination that answers as it was told: `behaviour` gets the event and the number of the C-STORE."""

    port: int
    behaviour: Behaviour = lambda _event, _number: 0
    sop_class: str = BasicTextSRStorage
    calls: int = 0
    received: list[str] = field(default_factory=list)

    def on_store(self, event: Event) -> int:
        self.calls += 1
        status = self.behaviour(event, self.calls)
        if status == 0 or status >> 12 == 0xB:
            self.received.append(str(event.request.AffectedSOPInstanceUID))
        return status

    def start(self) -> AE:
        ae = AE("PACS")
        ae.require_called_aet = True
        ae.add_supported_context(self.sop_class)
        return ae.start_server(("127.0.0.1", self.port), block=False, evt_handlers=[(evt.EVT_C_STORE, self.on_store)])


@pytest.fixture
def pacs() -> Iterator[Pacs]:
    scp = Pacs(free_port())
    server = scp.start()
    yield scp
    server.shutdown()


@pytest.fixture
def courier(ledger: Ledger, tmp_path: Path, pacs: Pacs) -> DeliveryClient:
    return courier_with(BasicTextSRStorage, ledger, tmp_path, pacs)


def courier_with(sop_class: str, ledger: Ledger, tmp_path: Path, pacs: Pacs) -> DeliveryClient:
    destination = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=pacs.port)
    return delivery_client(ledger, tmp_path, destination, HERE, sop_class)


def deliver(courier: DeliveryClient, attempts: int) -> StudyDetail:
    """Work through so many due attempts; the study as it then stands."""
    import time

    for _ in range(attempts):
        time.sleep(0.01)
        assert courier.deliver_next()
    return courier.ledger.reading.study(STUDY)


def aborts_first(event: Event, number: int) -> int:
    if number == 1:
        event.assoc.abort()
    return 0


def test_an_honest_pacs_gets_the_object_once(courier: DeliveryClient, pacs: Pacs) -> None:
    detail = deliver(courier, 1)
    assert detail.study.state is StudyState.DELIVERED
    assert pacs.received == [detail.objects[0].sop_instance_uid]
    assert not courier.deliver_next()


@pytest.mark.parametrize("warning", [0xB000, 0xB006, 0xB007])
def test_a_warning_is_a_delivery_and_is_kept(courier: DeliveryClient, pacs: Pacs, warning: int) -> None:
    pacs.behaviour = lambda _event, _number: warning
    detail = deliver(courier, 1)
    assert detail.study.state is StudyState.DELIVERED
    assert detail.jobs[-1].receipts[0].status == warning
    assert pacs.calls == 1


@pytest.mark.parametrize("status", [0xA700, 0x0110])
def test_a_pacs_without_room_is_asked_until_it_has_some(courier: DeliveryClient, pacs: Pacs, status: int) -> None:
    pacs.behaviour = lambda _event, number: status if number <= 6 else 0
    detail = deliver(courier, 6)
    assert (detail.jobs[-1].state, detail.jobs[-1].reason_code) == (JobState.WAITING, ReasonCode.PEER_FULL)
    assert "see its disk" in detail.jobs[-1].reason
    detail = deliver(courier, 1)
    assert detail.study.state is StudyState.DELIVERED
    assert pacs.received == [detail.objects[0].sop_instance_uid]


@pytest.mark.parametrize("status", [0xC000, 0xA900, 0x0124])
def test_a_refusal_is_asked_again_a_few_times_and_then_seen(courier: DeliveryClient, pacs: Pacs, status: int) -> None:
    pacs.behaviour = lambda _event, _number: status
    detail = deliver(courier, 3)
    assert detail.study.state is StudyState.FAILED
    assert f"{status:04X}" in detail.study.reason
    assert not courier.deliver_next()
    pacs.behaviour = lambda _event, _number: 0
    courier.ledger.operator.redeliver(STUDY, ["pacs"], 0)
    assert deliver(courier, 1).study.state is StudyState.DELIVERED


def test_an_answer_that_was_lost_means_the_same_instance_again(courier: DeliveryClient, pacs: Pacs) -> None:
    pacs.behaviour = aborts_first
    detail = deliver(courier, 2)
    assert detail.study.state is StudyState.DELIVERED
    assert pacs.received == [detail.objects[0].sop_instance_uid] * 2


def test_a_pacs_that_does_not_know_us_or_is_down_is_tried_for_ever(courier: DeliveryClient, pacs: Pacs) -> None:
    wrong = courier.destination.model_copy(update={"ae_title": "OTHER"})
    down = courier.destination.model_copy(update={"port": free_port()})
    expected = ((wrong, PeerFault.CALLED_TITLE, "OTHER"), (down, PeerFault.PORT_CLOSED, "is pacs running?"))
    for destination, fault, words in expected:
        other = DeliveryClient(HERE, destination, courier.ledger, courier.archive)
        detail = deliver(other, 4)
        assert detail.study.state is StudyState.ANALYZED
        assert (detail.jobs[-1].reason_code, words in detail.jobs[-1].reason) == (fault, True)
    assert deliver(courier, 1).study.state is StudyState.DELIVERED
    assert pacs.calls == 1


def test_a_class_that_the_pacs_does_not_take_is_said(courier: DeliveryClient, pacs: Pacs) -> None:
    pacs.behaviour = lambda _event, _number: 0x0122
    detail = deliver(courier, 3)
    assert detail.study.state is StudyState.FAILED
    assert "0122" in detail.study.reason


def test_a_report_of_a_class_that_the_pacs_does_not_know_goes_in_an_older_one(ledger: Ledger, tmp_path: Path) -> None:
    pacs = Pacs(free_port(), sop_class=EnhancedSRStorage)
    server, courier = pacs.start(), courier_with(Comprehensive3DSRStorage, ledger, tmp_path, pacs)
    detail = deliver(courier, 1)
    server.shutdown()
    assert detail.study.state is StudyState.DELIVERED
    newest, older, oldest = detail.jobs[-1].receipts
    assert (newest.status, older.status, oldest.status) == (0x0122, 0x0122, 0)
    assert newest.sop_instance_uid == detail.objects[0].sop_instance_uid
    assert pacs.received == [oldest.sop_instance_uid]
    assert list(courier.archive.temporary.iterdir()) == []


def test_a_result_that_has_changed_on_disk_is_not_sent(courier: DeliveryClient, pacs: Pacs) -> None:
    place = courier.archive.root / courier.ledger.reading.study(STUDY).objects[0].path
    content = bytearray(place.read_bytes())
    content[-1] ^= 1
    place.write_bytes(content)
    detail = deliver(courier, 1)
    assert detail.study.state is StudyState.FAILED
    assert "changed on disk" in detail.study.reason
    assert pacs.calls == 0
    assert "INTEGRITY_LOST" in [entry.event for entry, _ in courier.ledger.audit.entries()]
