"""What is deleted leaves its number to no other study."""

from __future__ import annotations

import pytest

from ledger_studies import STUDY, complete_study, stored_instance
from node.audit import AuditEvent
from node.storage.ledger.ledger import Ledger


def test_the_number_of_a_purged_study_is_never_another_studys(ledger: Ledger) -> None:
    complete_study(ledger)
    ledger.retention.purge(STUDY, "anna", 300.0)
    ledger.receiving.instances_stored([stored_instance(study="1.2.4")], 400)
    found = ledger.reading.study("1.2.4")
    assert found.study.id == 2 and found.timeline == ()
    assert [e.study_id for e, _ in ledger.audit.entries() if e.event is AuditEvent.DELETED] == [1]


def test_of_files_whose_rows_are_gone_none_is_named(ledger: Ledger) -> None:
    complete_study(ledger)
    assert ledger.retention.named(["path", "other"]) == {"path"}
    assert ledger.retention.purge(STUDY, "anna", 300.0) == ["path"]
    assert ledger.retention.named(["path"]) == set()
    with pytest.raises(LookupError):
        ledger.retention.purge(STUDY, "anna", 301.0)
