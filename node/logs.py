"""One line of JSON for each event, from our code and from the libraries; never a patient in it.

Our own records carry study and job numbers. Values that could hold a patient's data are replaced before they are
written, and control characters are escaped by JSON, so that one event stays one line.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

PATIENT_KEYS = frozenset({"patient_name", "patient_id", "birth_date", "accession_number", "PatientName", "PatientID"})


def configure_logs(process: str, level: int = logging.INFO) -> None:
    """Send everything that is logged in this process to stderr as JSON; called once, by an entry point."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            add_process(process),
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("pynetdicom", "pydicom", "apscheduler", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)  # pynetdicom prints data sets at debug level


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace values under keys that name a patient."""
    for key in PATIENT_KEYS & event.keys():
        event[key] = "(redacted)"
    return event


def add_process(process: str) -> Any:
    """A processor that says which process of the node speaks."""

    def add(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["process"] = process
        return event

    return add
