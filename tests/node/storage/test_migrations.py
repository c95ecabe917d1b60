"""A ledger of an older version is carried over: its audit trail still verifies, and its sentences become codes."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import pytest
from alembic import command
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, text

from node.audit import AuditBroken
from node.dashboard.peers import recent_rejections
from node.dashboard.site import Site
from node.jobs import JobKind, JobState
from node.reasons import ReasonCode
from node.settings import Settings
from node.storage.database import open_engine
from node.storage.health import HealthStore, OpenAlert
from node.storage.ledger.ledger import Ledger
from node.storage.schema_version import alembic_config
from node.watching.alerts import Alert
from node.watching.metrics import Meter, exposition

RECORDED = (  # study, event, state before, state after, words: as version 0.1 wrote them
    (None, "STARTED", "", "", "here"),
    (None, "LISTENING", "", "", "here"),
    (1, "RECEIVED", "", "", "120 instances from MRI at 3 T at 10.0.0.5"),
    (1, "SETTLED", "RECEIVING", "STABLE", "nothing came for 60 s"),
    (1, "CLAIMED", "STABLE", "ANALYZING", "attempt 1"),
    (1, "GAVE_UP", "ANALYZING", "FAILED", "analysis failed: MemoryError"),
    (2, "RECEIVED", "", "", "80 instances from MRI at 3 T at 10.0.0.5"),
    (2, "RECEIVED", "", "", "1 instances from WS at ::1"),
    (2, "CONFLICT", "", "", "an instance came twice with different content; the first is kept"),
    (2, "GAVE_UP", "RECEIVING", "FAILED", "an instance came twice with different content; the first is kept"),
    (3, "GAVE_UP", "STABLE", "FAILED", "given up after 3 attempts: the worker died each time"),
    (4, "GAVE_UP", "ANALYZED", "FAILED", "2 of 9 objects were refused (status A900)"),
    (4, "GAVE_UP", "ANALYZED", "FAILED", "something that nobody knows any more"),
    (4, "SENT", "", "", "9 objects to pacs"),
    (None, "REJECTED", "", "", "calling AE title not recognised: MRI 2 called NODE from 10.0.0.2"),
    (
        None,
        "REJECTED",
        "",
        "",
        "called AE title not recognised: X called Y from 10.0.0.3 (41 alerts before it were not written)",
    ),
    (None, "REJECTED", "", "", "words without an address"),
    (None, "FORGED_REPORT", "", "", "PACS at 10.0.0.9"),
    (None, "LOGGED_IN", "", "", "anna from 10.0.0.7, first login"),
    (None, "LOGIN_REFUSED", "", "", "from 10.0.0.8"),
)
EXPECTED = {  # what version 0.1 counted for this history
    ("mome_instances_received_total", "MRI at 3 T"): 200,
    ("mome_instances_received_total", "WS"): 1,
    ("mome_associations_total",): 3,
    ("mome_associations_rejected_total",): 44,
    ("mome_conflicts_total",): 1,
    ("mome_forged_reports_total",): 1,
    ("mome_logins_refused_total",): 1,
    ("mome_studies_settled_total",): 1,
    ("mome_studies_failed_total", "analysis"): 1,
    ("mome_studies_failed_total", "conflict"): 1,
    ("mome_studies_failed_total", "crash"): 1,
    ("mome_studies_failed_total", "refused"): 1,
    ("mome_studies_failed_total", "integrity"): 0,
    ("mome_studies_failed_total", "other"): 1,
}


def write_history(engine: Engine) -> None:
    """A database of schema 0006 with a failed study and the recorded audit trail, chained as version 0.1 did."""
    command.upgrade(alembic_config(engine), "0006")
    with engine.begin() as db:
        db.execute(
            text(
                "INSERT INTO study (study_instance_uid, patient_digest, state, revision, first_received_at, "
                "last_received_at, state_since, instances, conflict, reason) VALUES ('1.2.3', 'p', 'FAILED', 1, "
                "1, 1, 1, 0, :no, 'analysis failed: MemoryError')"
            ),
            {"no": False},
        )
        for number, state, reason in ((1, "dead", "analysis failed: MemoryError"), (7, "cancelled", "")):
            job = {"state": state, "reason": reason, "revision": number}
            db.execute(
                text(
                    "INSERT INTO job (study_id, kind, revision, destination, state, attempts, fence, not_before, "
                    "lease_until, reason, created_at) VALUES (1, 'analyze', :revision, '', :state, 3, 3, 1, 0, "
                    ":reason, 1)"
                ),
                job,
            )
        digest = ""
        for number, (study, event, before, after, words) in enumerate(RECORDED, 1):
            content = [digest, float(number), study, event, before, after, 1, words]
            digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
            names = ("at", "study_id", "event", "from_state", "to_state", "revision", "detail", "digest")
            row = dict(zip(names, (number, *content[2:], digest), strict=True))
            columns = ", ".join(names)
            db.execute(text(f"INSERT INTO audit ({columns}) VALUES (:{', :'.join(names)})"), row)  # noqa: S608 - ours
        db.execute(text("UPDATE audit_head SET entries = :n, digest = :d"), {"n": len(RECORDED), "d": digest})


@pytest.fixture
def carried_over(ledger: Ledger, tmp_path: Path) -> Ledger:
    """A ledger of schema 0006 that this version has opened."""
    if ledger.engine.dialect.name == "sqlite":
        url = f"sqlite:///{tmp_path}/old.db"
    else:
        url = ledger.engine.url.render_as_string(hide_password=False)
        with ledger.engine.begin() as db:
            db.execute(text("DROP SCHEMA public CASCADE"))
            db.execute(text("CREATE SCHEMA public"))
    engine = open_engine(url)
    write_history(engine)
    engine.dispose()
    return Ledger(url.replace("postgresql+psycopg", "postgresql"))


def test_an_old_audit_trail_verifies_and_goes_on(carried_over: Ledger) -> None:
    assert carried_over.audit.verify().entries == len(RECORDED)
    carried_over.operator.requeue("1.2.3", 100.0)
    assert carried_over.audit.verify().entries == len(RECORDED) + 1


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("UPDATE audit SET detail = 'nothing' WHERE id = 3", id="the words of an old entry"),
        pytest.param("UPDATE audit SET peer = 'elsewhere' WHERE id = 21", id="a field of a new entry"),
        pytest.param("UPDATE audit SET version = 1 WHERE id = 21", id="a new entry made old"),
        pytest.param("UPDATE audit SET version = 2 WHERE id = 3", id="an old entry made new"),
    ],
)
def test_a_change_of_a_carried_over_trail_is_found_out(carried_over: Ledger, change: str) -> None:
    carried_over.operator.requeue("1.2.3", 100.0)
    with carried_over.engine.begin() as db:
        db.execute(text(change))
    with pytest.raises(AuditBroken):
        carried_over.audit.verify()


def test_sentences_of_studies_and_jobs_become_codes(carried_over: Ledger) -> None:
    detail = carried_over.reading.study("1.2.3")
    assert detail.study.reason_code is ReasonCode.ANALYSIS_FAILED
    codes = [(job.kind, job.state, job.reason_code) for job in detail.jobs]
    assert codes == [
        (JobKind.ANALYZE, JobState.DEAD, ReasonCode.ANALYSIS_FAILED),
        (JobKind.ANALYZE, JobState.CANCELLED, None),
    ]


def test_metrics_of_an_old_history_are_what_they_were(carried_over: Ledger, tmp_path: Path) -> None:
    url = carried_over.engine.url.render_as_string(hide_password=False).replace("postgresql+psycopg", "postgresql")
    site = Site.open(Settings(storage={"root": tmp_path / "root"}, database={"url": url}))
    exposed, _ = exposition(Meter(site.settings, site.archive, site.overview, site.watch))
    families = text_string_to_metric_families(exposed.decode())
    samples = {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}
    assert {key: samples[key] for key in EXPECTED} == EXPECTED
    assert samples["mome_caller_silence_seconds", "MRI at 3 T"] == pytest.approx(time.time() - 7.0, abs=600)
    newest = recent_rejections(site)
    assert [(each.why, each.calling, each.called, each.address) for each in newest] == [
        ("words without an address", "", "", ""),
        ("called AE title not recognised", "X", "Y", "10.0.0.3"),
        ("calling AE title not recognised", "MRI 2", "NODE", "10.0.0.2"),
    ]
    assert newest[-1].command == "mome-node peers allow 'MRI 2' --address 10.0.0.2"
    site.ledger.engine.dispose()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("MOMENODE@vm:104: dead deliver pacs", ("MOMENODE@vm:104", "deliveries-failed", "pacs")),
        ("MOMENODE@vm:104: dead analyze", ("MOMENODE@vm:104", "analyses-failed", "")),
        ("MOMENODE@vm:104: down pacs", ("MOMENODE@vm:104", "destination-down", "pacs")),
        ("MOMENODE@vm:104: disk", ("MOMENODE@vm:104", "disk-low", "")),
        ("MOMENODE@vm:104: silent MRI at 3 T", ("MOMENODE@vm:104", "caller-silent", "MRI at 3 T")),
        ("MOMENODE@vm:104: process worker", ("MOMENODE@vm:104", "process-silent", "worker")),
        ("MOMENODE@vm:104: self-test", ("MOMENODE@vm:104", "self-test-failed", "")),
    ],
)
def test_an_open_alert_keeps_its_identity(tmp_path: Path, name: str, expected: tuple[str, str, str]) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/ledger.db")
    command.upgrade(alembic_config(engine), "0007")
    with engine.begin() as db:
        db.execute(
            text("INSERT INTO alert (name, raised_at, told_at, words) VALUES (:name, 1, 2, 'w')"), {"name": name}
        )
    command.upgrade(alembic_config(engine), "0008")
    (alert,) = HealthStore(engine).alerts()
    assert alert == OpenAlert(*expected, 1.0, 2.0, "w")
    assert expected[1] in {each.value.id for each in Alert}
