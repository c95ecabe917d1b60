"""A study is found, locked, and refused while a conflict stands."""

from __future__ import annotations

import pytest

from ledger_studies import BOB, STUDY, complete_study, stored_instance
from node.storage.database import reading
from node.storage.ledger.ledger import Ledger
from node.storage.ledger.transitions import ConflictStands, require_no_conflict, require_study


def test_a_study_that_is_not_known_names_the_command_that_lists_them(ledger: Ledger) -> None:
    with reading(ledger.engine) as db, pytest.raises(LookupError, match="studies list"):
        require_study(db, STUDY)


def test_a_conflict_names_the_command_that_ends_it(ledger: Ledger) -> None:
    complete_study(ledger)
    with reading(ledger.engine) as db:
        require_no_conflict(require_study(db, STUDY))
    ledger.receiving.instances_stored([stored_instance(2, patient=BOB)], 200)
    with reading(ledger.engine) as db, pytest.raises(ConflictStands, match="studies resolve 1"):
        require_no_conflict(require_study(db, STUDY))
