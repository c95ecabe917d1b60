"""MLLP to an engine of python-hl7: only an accept for this very message counts, and no refusal repeats a patient."""

from __future__ import annotations

from pathlib import Path

import pytest

from certificates import Authority
from hl7_receiver import Answer, Hl7Engine, refuses
from node.integration_settings import Hl7Receiver
from node.integrations.er7 import encoded, message_header, segment
from node.integrations.errors import ReceiverRefused, ReceiverUnreachable
from node.integrations.mllp import Acknowledgement, probe, send_message
from ports import free_port

NAME = "ZZPHI"
MESSAGE = encoded(
    [
        message_header("A", "B", "C", "D", "20260101", "", ("ORU", "R01", "ORU_R01"), "ID-1", "P", "2.5.1"),
        segment("PID", "1", "", "x", "", NAME),
    ]
)


def receiver(port: int, **more: object) -> Hl7Receiver:
    return Hl7Receiver(name="ris", host="127.0.0.1", port=port, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("code", ["AA", "CA"])
def test_an_accept_is_taken_for_one(code: str) -> None:
    engine = Hl7Engine(lambda message: str(message.create_ack(code)))
    with engine.running():
        assert send_message(receiver(engine.port), MESSAGE, "ID-1") == Acknowledgement(code, "ID-1", "")
    assert str(engine.messages[0].segment("PID")(5)) == NAME


@pytest.mark.parametrize(
    ("code", "error", "lasting", "words"),
    [
        ("AE", "101", True, r"ris: answered AE \(error\), 101: a required field is missing"),
        ("AR", "200", True, r"ris: answered AR \(reject\), 200: message type is not supported"),
        ("AE", "207", False, r"ris: answered AE \(error\), 207: internal error"),
        ("AE", "206", False, "the record is locked"),
        ("AE", "", True, r"ris: answered AE \(error\)$"),
        ("CR", "999", True, r"ris: answered CR \(reject\)$"),
    ],
)
def test_a_refusal_is_told_in_our_words_and_names_no_patient(code: str, error: str, lasting: bool, words: str) -> None:
    engine = Hl7Engine(refuses(code, error))
    with engine.running(), pytest.raises(ReceiverRefused, match=words) as refusal:
        send_message(receiver(engine.port), MESSAGE, "ID-1")
    assert refusal.value.lasting is lasting
    assert NAME not in str(refusal.value)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(lambda _: None, "the connection ended before an acknowledgement", id="closed"),
        pytest.param(lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n", "no answer in time", id="another protocol"),
        pytest.param(lambda _: b"\x0b\x1c\r", "the answer is no HL7 acknowledgement", id="empty"),
        pytest.param(lambda _: b"\x0bMSH|^~\\&|A\rMSA|ZZ|ID-1\r\x1c\r", "is no HL7 acknowledgement", id="unknown code"),
        pytest.param(lambda _: b"\x0bMSH|^~\\&|A\rMSA|AA|ID-2\r\x1c\r", "is for another message", id="another message"),
        pytest.param(lambda _: b"x" * 100_000, "too long", id="endless"),
    ],
)
def test_what_is_no_acknowledgement_of_this_message_is_tried_again(answer: Answer, words: str) -> None:
    engine = Hl7Engine(answer)
    with engine.running(), pytest.raises(ReceiverUnreachable, match=words):
        send_message(receiver(engine.port, answer_seconds=1.0), MESSAGE, "ID-1")


def test_a_receiver_that_is_away_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReceiverUnreachable, match=r"ris: 127\.0\.0\.1 port \d+: Connection refused"):
        send_message(receiver(free_port()), MESSAGE, "ID-1")


def test_tls_is_spoken_and_a_stranger_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other", "elsewhere")
    engine = Hl7Engine(signed=authority.signs("ris"))
    with engine.running():
        trusted = receiver(engine.port, tls=True, authorities=authority.file)
        assert send_message(trusted, MESSAGE, "ID-1").code == "AA"
        assert probe(trusted) == "takes a connection by TLS"
        with pytest.raises(ReceiverUnreachable, match="its certificate is not trusted"):
            send_message(receiver(engine.port, tls=True, authorities=other.file), MESSAGE, "ID-1")
    assert len(engine.messages) == 1
