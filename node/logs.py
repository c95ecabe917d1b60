"""One line of JSON for each event, from our code and from the libraries; never a patient in it.

Our own records carry study and job numbers. Values that could hold a patient's data are replaced before they are
written, and control characters are escaped by JSON, so that one event stays one line.
"""

from __future__ import annotations

import logging
import sys
import traceback
import warnings
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from node.errors import words_of

_PATIENT_KEYS = frozenset({"patient_name", "patient_id", "birth_date", "accession_number", "PatientName", "PatientID"})


def configure_logs(process: str, level: int = logging.INFO) -> None:
    """Send everything that is logged in this process to stderr as JSON; called once, by an entry point."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _redact,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _explain_exception,
            _add_process(process),
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("pynetdicom", "apscheduler", "alembic", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)  # pynetdicom prints data sets at debug level
    logging.getLogger("pydicom").disabled = True  # it repeats the values that it finds invalid
    warnings.showwarning = _log_warning


def _log_warning(  # noqa: PLR0917 - the standard library calls it so
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A library's warning by kind and place; its text may hold a patient's name."""
    where = {"kind": category.__name__, "at": f"{filename}:{lineno}"}
    logging.getLogger("warnings").info("a library warned", extra=where)


def _explain_exception(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The exception of a record as kind, permitted words and places; each cause after its effect."""
    info = event.pop("exc_info", None)
    error = info[1] if isinstance(info, tuple) else info
    parts = []
    while isinstance(error, BaseException):
        places = "".join(traceback.format_tb(error.__traceback__))
        parts.append(f"{type(error).__name__}: {words_of(error)}\n{places}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if parts:
        event["exception"] = "caused by ".join(parts)
    return event


def _redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace values under keys that name a patient."""
    for key in _PATIENT_KEYS & event.keys():
        event[key] = "(redacted)"
    return event


def _add_process(process: str) -> Any:
    """A processor that says which process of the node speaks."""

    def add(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["process"] = process
        return event

    return add
