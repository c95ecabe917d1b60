"""Opens the ledger: studies, instances, jobs and receipts, by what is done with them."""

from __future__ import annotations

import random

from node.jobs import RetryPolicy
from node.storage.audit_trail import AuditTrail
from node.storage.database import check_database, open_engine
from node.storage.holds import Holds
from node.storage.ledger.assessments import Assessments
from node.storage.ledger.conflicts import Conflicts
from node.storage.ledger.deliveries import Deliveries
from node.storage.ledger.gathering import Gathering
from node.storage.ledger.jobs import JobQueue
from node.storage.ledger.operator import OperatorActions
from node.storage.ledger.patient_history import PatientHistory
from node.storage.ledger.reading import LedgerReader
from node.storage.ledger.receiving import Receiving
from node.storage.ledger.refetches import Refetches
from node.storage.ledger.retention import OldStudies
from node.storage.schema_version import migrate


class Ledger:
    """Safe for many threads and processes; each verb is one transaction. Times are seconds since 1970, UTC."""

    def __init__(self, url: str, retry: RetryPolicy | None = None) -> None:
        """Open the database and bring its schema up to date; raises NotReady when it is damaged or newer than us."""
        self.engine = open_engine(url)
        check_database(self.engine)
        migrate(self.engine)
        retry, rng = retry or RetryPolicy(), random.Random()
        self.receiving = Receiving(self.engine)
        self.gathering = Gathering(self.engine)
        self.jobs = JobQueue(self.engine, retry, rng)
        self.deliveries = Deliveries(self.engine, retry, rng)
        self.operator = OperatorActions(self.engine)
        self.conflicts = Conflicts(self.engine)
        self.assessments = Assessments(self.engine)
        self.history = PatientHistory(self.engine)
        self.holds = Holds(self.engine)
        self.retention = OldStudies(self.engine)
        self.refetches = Refetches(self.engine)
        self.reading = LedgerReader(self.engine)
        self.audit = AuditTrail(self.engine)
