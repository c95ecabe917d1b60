"""The audit trail: whoever changes it afterwards is found out."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from node.audit import AuditBroken, AuditEvent
from node.storage.ledger.ledger import Ledger
from node.storage.records import StoredInstance

STUDY = "1.2.3"
SWAP = [
    "UPDATE audit SET id = 99 WHERE id = 3",
    "UPDATE audit SET id = 3 WHERE id = 4",
    "UPDATE audit SET id = 4 WHERE id = 99",
]
FORGERY = (
    "INSERT INTO audit (id, at, event, from_state, to_state, revision, detail, digest) "
    "VALUES (9, 9, 'SENT', '', '', 1, '', 'x')"
)


@pytest.fixture
def written(ledger: Ledger) -> Ledger:
    """A ledger with five entries."""
    image = StoredInstance(STUDY, "1.2.3.1", "1.2", "1.2.3.1.1", "1.2.1", "p", "a", "path", 10, "MR")
    ledger.audit.record(AuditEvent.STARTED, 1.0, "listener")
    ledger.receiving.instances_stored([image], 2.0)
    ledger.audit.record(AuditEvent.RECEIVED, 3.0, "1 instance from MR", STUDY)
    ledger.gathering.settle(4.0, 5.0)
    ledger.audit.record(AuditEvent.REJECTED, 6.0, "calling AE title not recognised")
    ledger.audit.record(AuditEvent.STOPPED, 7.0, "listener")
    return ledger


def test_an_untouched_trail_verifies(written: Ledger) -> None:
    assert written.audit.verify().entries == 5
    events = [(entry.event, study) for entry, study in written.audit.entries()]
    assert events == [("STARTED", ""), ("RECEIVED", STUDY), ("SETTLED", STUDY), ("REJECTED", ""), ("STOPPED", "")]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(["UPDATE audit SET detail = 'nothing' WHERE id = 4"], id="an entry changed"),
        pytest.param(["UPDATE audit SET at = 99 WHERE id = 1"], id="a time changed"),
        pytest.param(["DELETE FROM audit WHERE id = 2"], id="an entry removed"),
        pytest.param(["DELETE FROM audit WHERE id = 5"], id="the newest entry removed"),
        pytest.param(["DELETE FROM audit"], id="everything removed"),
        pytest.param(SWAP, id="two entries swapped"),
        pytest.param([FORGERY], id="an entry added"),
    ],
)
def test_a_trail_that_was_changed_is_found_out(written: Ledger, changes: list[str]) -> None:
    with written.engine.begin() as db:
        for statement in changes:
            db.execute(text(statement))
    with pytest.raises(AuditBroken):
        written.audit.verify()
