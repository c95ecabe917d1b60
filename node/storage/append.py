"""The common case of receiving on SQLite: new instances of studies that are still arriving.

SQLAlchemy takes half a millisecond of Python for what SQLite does in a tenth of it; a whole instance takes four.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing

from sqlalchemy import Engine

from node.patient_digest import has_no_id
from node.states import StudyState
from node.storage.database import LedgerUnavailable
from node.storage.records import StoredInstance

_GROW = """
UPDATE study SET instances = instances + 1, last_received_at = ?
WHERE study_instance_uid = ? AND patient_digest = ? AND state = ?
"""
_INSERT = """
INSERT INTO instance (study_id, sop_instance_uid, sop_class_uid, series_instance_uid, transfer_syntax_uid, sha256, path,
                      size_bytes, received_at, calling_ae_title, kind, slice_position)
VALUES ((SELECT id FROM study WHERE study_instance_uid = :study_instance_uid), :sop_instance_uid, :sop_class_uid,
        :series_instance_uid, :transfer_syntax_uid, :sha256, :path, :size_bytes, :received_at, :calling_ae_title, :kind,
        :slice_position)
"""


def append(engine: Engine, batch: Sequence[StoredInstance], now: float) -> bool:
    """Rows for all of the batch, durable when this returns; False, and nothing done, when one needs a judgement.

    That is an instance whose UID is known, of another patient or without a patient ID, or of a study that is not there
    or was complete.
    Raises LedgerUnavailable.
    """
    try:
        with closing(engine.raw_connection()) as connection:  # closing takes back what was not committed
            cursor = connection.cursor()
            cursor.execute("BEGIN IMMEDIATE")
            for each in batch:
                if has_no_id(each.patient_digest):
                    return False
                cursor.execute(_GROW, (now, each.study_instance_uid, each.patient_digest, StudyState.RECEIVING))
                if cursor.rowcount != 1:
                    return False
                cursor.execute(_INSERT, {"study_instance_uid": each.study_instance_uid, **row_of(each, now)})
            connection.commit()
            return True
    except sqlite3.IntegrityError:
        return False
    except sqlite3.Error as error:
        raise LedgerUnavailable(f"the ledger's database refused a transaction ({type(error).__name__})") from error


def row_of(each: StoredInstance, now: float) -> dict[str, str | int | float | None]:
    """The columns of an instance's row, but for the ID of its study."""
    return {
        "sop_instance_uid": each.sop_instance_uid,
        "sop_class_uid": each.sop_class_uid,
        "series_instance_uid": each.series_instance_uid,
        "transfer_syntax_uid": each.transfer_syntax_uid,
        "sha256": each.sha256,
        "path": each.path,
        "size_bytes": each.size_bytes,
        "received_at": now,
        "calling_ae_title": each.calling_ae_title,
        "kind": each.kind,
        "slice_position": each.slice_position,
        "host_id": each.host_id,
    }
