"""Pages, metrics and one sweep of the scheduler on ledgers that have seen 1,000, 10,000 and 100,000 studies.

What is active stays the same (some 40 studies), only history grows: the times must not grow with it.

    python benchmarks/dashboard.py sqlite
    python benchmarks/dashboard.py postgresql
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx2
import uvicorn
from sqlalchemy import text

from dicom_io.labels import Labels
from node.audit import AuditEvent
from node.dashboard.app import build_app
from node.dashboard.site import Site
from node.jobs import JobKind
from node.patient_search import RowLabels, digests_of, terms_of
from node.settings import Settings
from node.settings_sections import PatientDisplay
from node.storage import schema
from node.storage.accounts import AccountRole
from node.storage.search_index import SearchIndex

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "node"))

SIZES = (1_000, 10_000, 100_000)
INSTANCES, OBJECTS, ACTIVE, CHUNK = 5, 5, 40, 2_000
YEAR_SECONDS = 365 * 86_400.0
REPEATS = 40
PAGES = ("/", "/?state=DELIVERED", "/studies/{n}", "/queues", "/health", "/models", "/metrics", "/api/studies")
FAMILIES = [
    f"{a}{b}" for a in ("Muster", "Smith", "Novak", "Rossi", "Silva", "Kim") for b in ("", "son", "ova", "mann")
]
GIVEN = ("Anna", "Berta", "Clara", "Dora", "Emma", "Frida", "Greta", "Hanna")
SEARCHES = {  # what a person types, {n}: of one study
    "accession number": "ACC{n:07}",
    "patient ID": "PID{n}",
    "name, many": "Smith",
    "two names": "Novakova Anna",
    "beginning of a name": "mus",
    "scanner": "MRI1",
    "scanner and day": "MRI1 {day}",
    "part of a UID": "840.{n}",
    "study number": "{n}",
    "nobody": "Nobodysname",
}
LIMITS_MS = {"sweep": 100.0}
PAGE_LIMIT_MS = 200.0
SUMMARY = {
    "scores": [
        {
            "endpoint": "malignancy",
            "probability": 0.5,
            "threshold": 0.1,
            "spread": 0.1,
            "augmentations": 54,
            "contributions": {"DCE": 0.2, "DWI": -0.1, "T2": -0.1},
            "base_probability": 0.5,
            "model": {"name": "demo", "version": "1", "sha256": "a" * 64},
        }
    ],
    "series": [
        {"series_instance_uid": f"1.{n}", "role": "DCE_POST", "confidence": 1.0, "why": "w" * 90} for n in range(12)
    ],
    "timings_s": {"scores": 4.0, "saliency": 17.0},
}
PATH = (  # event, state before, state after: the life of a study that was delivered
    ("RECEIVED", "", ""),
    ("SETTLED", "RECEIVING", "STABLE"),
    ("CLAIMED", "STABLE", "ANALYZING"),
    ("OBJECTS_KEPT", "ANALYZING", "ANALYZED"),
    ("SENT", "", ""),
    ("ALL_DELIVERED", "ANALYZED", "DELIVERED"),
)
SEALED: dict[int, str] = {}
NO_SENDER = {"calling_ae_title": "", "count": 0}
STATES = ("RECEIVING", "STABLE", "ANALYZED", "FAILED")


def fill(site: Site, first: int, count: int, total: int) -> None:
    """Rows of so many studies, spread over a year that ends now; the newest ones are still on their way."""
    now, chance = time.time(), random.Random(first)
    rows: dict[Any, list[dict[str, Any]]] = {table: [] for table in schema.metadata.sorted_tables}
    for number in range(first, first + count):
        index(site, rows, number)
        at = now - 10 - (total - number) * YEAR_SECONDS / total
        active = total - number < ACTIVE
        state = chance.choice(STATES) if active else "DELIVERED"
        add_study(rows, number, state, at)
    with site.ledger.engine.begin() as db:
        for table in schema.metadata.sorted_tables:
            if rows[table]:
                db.execute(table.insert(), rows[table])


def index(site: Site, rows: dict[Any, list[dict[str, Any]]], number: int) -> None:
    """What the study is found by."""
    labels = Labels(
        patient_name=f"{FAMILIES[number % len(FAMILIES)]}^{GIVEN[number % len(GIVEN)]}",
        patient_id=f"PID{number}",
        accession_number=f"ACC{number:07}",
        study_date=day_of(number),
        study_description="MR breast with contrast",
        manufacturer="SIEMENS",
        model="MAGNETOM Vida",
        station=f"MR{number % 3}",
    )
    digests = digests_of(terms_of([labels], f"MRI{number % 3}"), site.search_key)
    rows[schema.search_term] += [{"digest": each, "study_id": number} for each in digests]
    SEALED[number] = RowLabels.of(labels, PatientDisplay.NAME).sealed(site.search_key)


def day_of(number: int) -> str:
    """A day of the year for each study."""
    return (date(2026, 1, 1) + timedelta(days=number % 365)).strftime("%Y%m%d")


def add_study(rows: dict[Any, list[dict[str, Any]]], number: int, state: str, at: float) -> None:
    """One study with its instances, jobs, results, receipts and history."""
    study = {
        "id": number,
        "study_instance_uid": f"1.2.840.{number}",
        "patient_digest": "p",
        "state": state,
        "revision": 1,
    }
    times = {"first_received_at": at - 60, "last_received_at": at, "state_since": at + 90}
    found = {"scanner": f"MRI{number % 3}", "labels": SEALED.pop(number), "indexed": "benchmark"}
    rows[schema.study].append(study | times | found | {"instances": INSTANCES, "conflict": False, "reason": ""})
    of_study = {"study_id": number}
    for n in range(INSTANCES):
        uids = {
            "sop_instance_uid": f"1.2.{number}.{n}",
            "series_instance_uid": f"1.{n}",
            "path": f"instances/x/{number}.{n}",
        }
        kept = {"sop_class_uid": "1.2", "transfer_syntax_uid": "1.2", "sha256": "s" * 64, "size_bytes": 500_000}
        rows[schema.instance].append(
            of_study | uids | kept | {"received_at": at, "calling_ae_title": f"MRI{number % 3}"}
        )
    done = {"RECEIVING": (), "STABLE": ("waiting",), "ANALYZED": ("done", "waiting"), "FAILED": ("done", "dead")}
    for n, job_state in enumerate(done.get(state, ("done", "done"))):
        job = {"id": 2 * number + n, "kind": ("analyze", "deliver")[n], "revision": 1, "destination": ("", "pacs")[n]}
        more = {"attempts": 1, "fence": 1, "not_before": at + 1e5, "lease_until": 0.0, "reason": "", "created_at": at}
        rows[schema.job].append(of_study | job | more | {"state": job_state, "finished_at": at})
    if state in {"DELIVERED", "ANALYZED", "FAILED"}:
        summary = {"revision": 1, "finished_at": at + 60, "summary": json.dumps(SUMMARY)}
        rows[schema.analysis].append(of_study | summary)
        for n in range(OBJECTS):
            uids = {"sop_class_uid": "1.2", "sop_instance_uid": f"2.25.{number}.{n}", "series_instance_uid": "1.9"}
            made = {"revision": 1, "kind": "overlay", "sha256": "s" * 64, "path": f"results/x/{number}.{n}"}
            rows[schema.result_object].append(of_study | uids | made)
            receipt = {"job_id": 2 * number + 1, "status": 0, "comment": "", "at": at, "committed_at": None}
            rows[schema.receipt].append(receipt | {"sop_instance_uid": f"2.25.{number}.{n}"})
    for event, before, after in PATH if state == "DELIVERED" else PATH[:1]:
        told = {"event": event, "from_state": before, "to_state": after, "revision": 1, "digest": "d" * 64}
        detail = f"{INSTANCES} instances from MRI{number % 3} at 10.0.0.5" if event == "RECEIVED" else ""
        fields = {"calling_ae_title": f"MRI{number % 3}", "count": INSTANCES} if event == "RECEIVED" else NO_SENDER
        rows[schema.audit].append(of_study | told | fields | {"at": at, "detail": detail})


@contextmanager
def served(site: Site) -> Iterator[httpx2.Client]:
    """The real server on a loopback port, and a program with a key."""
    server = uvicorn.Server(uvicorn.Config(build_app(site), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    key = site.access.new_key("benchmark", AccountRole.VIEWER, time.time(), patients=True)
    with httpx2.Client(
        base_url=f"http://127.0.0.1:{port}", headers={"authorization": f"Bearer {key}"}, timeout=60
    ) as client:
        yield client
    server.should_exit = True
    thread.join()


def timed(step: Callable[[], object]) -> tuple[float, float, float]:
    """Milliseconds of many repetitions: the first, the median, and the 95th percentile."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        step()
        times.append(1000 * (time.perf_counter() - started))
    return times[0], median(times), quantiles(times, n=20)[-1]


def measure(site: Site, studies: int) -> dict[str, tuple[float, float, float]]:
    """Every page over HTTP, and a sweep as the scheduler does it each second."""
    found: dict[str, tuple[float, float, float]] = {}
    with served(site) as client:

        def get(path: str) -> None:
            client.get(path.format(n=random.Random().randint(1, studies - ACTIVE))).raise_for_status()

        for path in PAGES:
            found[path] = timed(lambda path=path: get(path))  # type: ignore[misc]

        def look_for(text: str) -> None:
            number = random.Random().randint(1, studies - ACTIVE)
            sought = {"text": text.format(n=number, day=day_of(number))}
            client.post("/search", data=sought, follow_redirects=True).raise_for_status()

        for name, text in SEARCHES.items():
            found[f"search: {name}"] = timed(lambda text=text: look_for(text))  # type: ignore[misc]
    now = time.time()

    def sweep() -> None:
        site.ledger.gathering.settle(now - 1e9, now, node_name="node")
        site.ledger.jobs.claim(JobKind.ANALYZE, now - 2 * YEAR_SECONDS, 60.0)
        site.ledger.jobs.claim(JobKind.DELIVER, now - 2 * YEAR_SECONDS, 60.0, "pacs")
        SearchIndex(site.ledger.engine).unindexed("benchmark", 20)

    found["sweep"] = timed(sweep)
    return found


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database of this kind; an empty text for SQLite."""
    if kind == "sqlite":
        yield ""
        return
    from conftest import postgres_url

    fixture = postgres_url.__wrapped__()
    yield next(fixture)
    next(fixture, None)


def main(kind: str) -> bool:
    """Measure each size; whether every limit holds at the largest."""
    holds = True
    with tempfile.TemporaryDirectory() as name, database(kind, Path(name)) as url:
        site = Site.open(Settings(storage={"root": Path(name) / "root"}, database={"url": url}))
        site.ledger.audit.record(AuditEvent.LISTENING, time.time() - YEAR_SECONDS, "node")
        filled = 0
        print(f"{kind}: first, median and 95 % in ms, {REPEATS} repetitions, {ACTIVE} studies on their way")
        for size in SIZES:
            with site.ledger.engine.begin() as db:
                for table in reversed(schema.metadata.sorted_tables):
                    if table.name not in {"account", "token", "audit_head"}:
                        db.execute(text(f"DELETE FROM {table.name}"))  # noqa: S608 - names of our own tables
            for start in range(1, size + 1, CHUNK):
                fill(site, start, min(CHUNK, size + 1 - start), size)
            if kind == "postgresql":
                with site.ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
                    db.execute(text("ANALYZE"))
            filled = size
            for what, (first, middle, slow) in measure(site, size).items():
                limit = LIMITS_MS.get(what, PAGE_LIMIT_MS)
                word = "" if slow <= limit else f"  MORE THAN {limit:.0f} ms"
                holds = holds and (slow <= limit or size < SIZES[-1])
                print(f"  {filled:>7,} studies  {what:<29} {first:8.1f} {middle:8.1f} {slow:8.1f}{word}", flush=True)
    return holds


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1] if len(sys.argv) > 1 else "sqlite") else 1)
