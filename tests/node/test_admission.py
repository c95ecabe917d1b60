"""Who may connect: callers, networks, and always our own destinations."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from dicom_io.network.service import ADDRESS_UNKNOWN, CALLED_UNKNOWN, CALLING_UNKNOWN, AssociationRejection, Peer
from node.admission import Admission
from node.dicom_settings import DicomSettings
from node.settings_sections import Destination

PACS = Destination(name="pacs", ae_title="PACS", host="10.0.0.5", port=104)


def peer(calling: str, called: str = "MOMENODE", address: str = "10.0.0.5") -> Peer:
    return Peer(calling, called, address)


@pytest.mark.parametrize(
    ("settings", "who", "refusal"),
    [
        ({}, peer("ANYONE"), None),
        ({"callers": ("MRI1",)}, peer("MRI1"), None),
        ({"callers": ("MRI1",)}, peer("MRI2"), CALLING_UNKNOWN),
        ({"callers": ("MRI1",)}, peer("PACS"), None),
        ({"networks": ("10.0.0.0/24",)}, peer("MRI1"), None),
        ({"networks": ("10.0.1.0/24",)}, peer("MRI1"), ADDRESS_UNKNOWN),
        ({"networks": ("10.0.1.0/24",)}, peer("PACS"), ADDRESS_UNKNOWN),
        ({"check_called_ae_title": True}, peer("MRI1", "OTHER"), CALLED_UNKNOWN),
        ({"check_called_ae_title": True}, peer("PACS", "OTHER"), CALLED_UNKNOWN),
        ({"check_called_ae_title": True}, peer("MRI1"), None),
    ],
)
def test_who_is_let_in(settings: dict[str, object], who: Peer, refusal: AssociationRejection | None) -> None:
    assert Admission(DicomSettings(**settings), [PACS]).refusal(who) is refusal


def test_a_destination_that_is_no_caller_sends_only_what_we_asked_it_for() -> None:
    admission = Admission(DicomSettings(callers=("MRI1",)), [PACS])
    assert admission.may_store(peer("MRI1"), "")
    assert not admission.may_store(peer("PACS"), "")
    assert not admission.may_store(peer("PACS"), "WORKSTATION")
    assert admission.may_store(peer("PACS"), "MOMENODE")
    assert Admission(DicomSettings(), [PACS]).may_store(peer("PACS"), "")


def test_a_network_that_is_none_is_named() -> None:
    with pytest.raises(ValidationError, match=r"(?s)networks.*10\.0\.0"):
        DicomSettings(networks=("10.0.0/33",))


def test_each_of_our_ae_titles_may_be_called_and_no_other() -> None:
    admission = Admission(DicomSettings(check_called_ae_title=True), [], ["MOMESTAT"])
    assert admission.refusal(Peer("MRI1", "MOMESTAT", "10.0.0.5")) is None
    assert admission.refusal(Peer("MRI1", "MOMENODE", "10.0.0.5")) is None
    assert admission.refusal(Peer("MRI1", "OTHER", "10.0.0.5")) is CALLED_UNKNOWN


def test_this_machine_itself_is_answered_and_then_told_why_not() -> None:
    admission = Admission(DicomSettings(networks=("10.0.1.0/24",)), [])
    assert [admission.allows_connection(each) for each in ("127.0.0.1", "10.0.1.9", "10.0.0.5")] == [True, True, False]
    assert admission.refusal(peer("MRI1", address="127.0.0.1")) is ADDRESS_UNKNOWN
