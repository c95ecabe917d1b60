"""Every fault on the way to a destination has a remedy, which names the line of the settings where there is one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dicom_io.errors import PeerFault, PeerUnreachable
from node.audit import AuditFields
from node.reasons import ReasonCode
from node.remedies import command_to_allow, reason_for, refusal_remedy, remedy_for, status_words
from node.settings_sections import Destination

PACS = Destination(name="pacs", ae_title="PACZ", host="10.0.0.5", port=1104)
WEB = Destination(name="web", ae_title="PACS", host="10.0.0.5", port=104, web="https://pacs/dicom-web")


@pytest.mark.parametrize("fault", PeerFault)
def test_every_fault_has_a_remedy_in_one_sentence(fault: PeerFault) -> None:
    for to in (PACS, WEB):
        remedy = remedy_for(fault, to, "MOMENODE")
        assert remedy
        assert "{" not in remedy
        assert not remedy.endswith(".")


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        (PeerFault.HOST_UNKNOWN, 'host = "10.0.0.5"'),
        (PeerFault.PORT_CLOSED, "port = 1104"),
        (PeerFault.CALLED_TITLE, 'ae_title = "PACZ" of [[destinations]] "pacs"'),
        (PeerFault.CALLING_TITLE, "add AE title MOMENODE"),
        (PeerFault.TLS_EXPECTED, "tls = true"),
        (PeerFault.TLS_UNTRUSTED, 'authorities of [[destinations]] "pacs"'),
    ],
)
def test_the_line_to_change_is_named(fault: PeerFault, named: str) -> None:
    assert named in remedy_for(fault, PACS, "MOMENODE")


def test_a_destination_over_the_web_is_sent_to_its_address() -> None:
    assert 'web = "https://pacs/dicom-web"' in remedy_for(PeerFault.PORT_CLOSED, WEB, "MOMENODE")


def test_the_reason_has_the_fault_as_its_code_and_cause_and_remedy_as_its_words() -> None:
    reason = reason_for(PeerUnreachable("pacs: nothing listens", PeerFault.PORT_CLOSED), PACS, "MOMENODE")
    assert reason.code is PeerFault.PORT_CLOSED
    assert reason.words.startswith("pacs: nothing listens; check host")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0xA700, "A700: out of resources"),
        (0xA701, "A701: out of resources"),
        (0xC123, "C123: cannot understand"),
        (0x0122, "0122: SOP class not supported"),
        (0x0110, "0110: processing failure"),
        (0x4242, "4242: a status that is not standard"),
    ],
)
def test_a_status_is_given_with_its_meaning(status: int, words: str) -> None:
    assert status_words(status) == words


def test_a_refusal_is_for_want_of_room_for_the_class_or_for_the_log_of_the_pacs_to_say() -> None:
    assert "no room" in refusal_remedy(PACS, full=True, classes=False)
    assert "SOP classes" in refusal_remedy(PACS, full=False, classes=True)
    assert "log of pacs" in refusal_remedy(PACS, full=False, classes=False)


def test_a_command_lets_in_only_a_caller_that_is_what_was_wrong() -> None:
    rejected = AuditFields(calling_ae_title="MRI 2", address="10.0.0.9", reason=ReasonCode.CALLING_UNKNOWN)
    command = "mome-node peers allow 'MRI 2' --address 10.0.0.9"
    assert command_to_allow(rejected) == command
    assert command_to_allow(replace(rejected, reason=ReasonCode.NOT_A_CALLER)) == command
    assert command_to_allow(replace(rejected, reason=ReasonCode.DRAINING)) == ""
