"""Reading the ledger."""

from __future__ import annotations

import pytest

from ledger_studies import REPORT, STUDY, analyzed_study, stored_instance
from node.storage.ledger.ledger import Ledger


def test_a_document_of_someone_else_about_an_answered_study_is_feedback(ledger: Ledger) -> None:
    analyzed_study(ledger)
    ledger.receiving.instances_stored(
        [stored_instance(9, sop_class=REPORT), stored_instance(1, study="8", sop_class=REPORT)], now=300
    )
    assert [(each.study_instance_uid, each.calling_ae_title) for each in ledger.reading.feedback()] == [(STUDY, "MR")]


def test_a_study_that_is_not_known_is_refused_with_the_way_on(ledger: Ledger) -> None:
    with pytest.raises(LookupError, match="mome-node studies list"):
        ledger.reading.study("9.9.9")


def test_instances_are_found_by_uid(ledger: Ledger) -> None:
    ledger.receiving.instances_stored([stored_instance(1), stored_instance(2, content="b")], 100)
    (found,) = ledger.reading.find_instances([f"{STUDY}.1.2", "9.9.9"])
    assert (found.sop_instance_uid, found.sha256) == (f"{STUDY}.1.2", "b")
