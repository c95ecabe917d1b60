"""Which studies are held back by a sender that is still connected."""

from __future__ import annotations

import time

from sqlalchemy import select

from dicom_io.network.service import Peer
from node.service.open_senders import OpenSenders
from node.storage import schema
from node.storage.health import HealthStore
from node.storage.ledger.ledger import Ledger


def twins() -> tuple[Peer, Peer]:
    """Two associations of one scanner: equal, and not the same."""
    return Peer("MRI1", "MOMENODE", "10.0.0.7"), Peer("MRI1", "MOMENODE", "10.0.0.7")


def test_a_study_is_held_back_by_its_own_association_only(ledger: Ledger) -> None:
    senders, (one, other) = OpenSenders("node", HealthStore(ledger.engine)), twins()
    senders.stored(one, "1.1")
    senders.stored(other, "1.2")
    assert senders.pausing(time.monotonic()) == frozenset(), "they bring instances this very moment"
    later = time.monotonic() + 10
    assert senders.pausing(later) == {"1.1", "1.2"}
    senders.stored(other, "1.3")
    assert senders.pausing(later) == {"1.1", "1.3"}, "an association that went on holds back nothing behind it"
    senders.ended(one)
    assert senders.pausing(later) == {"1.3"}


def test_the_ledger_holds_what_was_told_last(ledger: Ledger) -> None:
    senders = OpenSenders("node", HealthStore(ledger.engine))
    senders.tell(frozenset({"1.1", "1.2"}))
    senders.tell(frozenset({"1.3"}))
    with ledger.engine.connect() as db:
        assert [row.study_instance_uid for row in db.execute(select(schema.open_sender))] == ["1.3"]
    OpenSenders("node", HealthStore(ledger.engine)).start()
    with ledger.engine.connect() as db:
        assert list(db.execute(select(schema.open_sender))) == []
