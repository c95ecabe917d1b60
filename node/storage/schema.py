"""Tables of the ledger. Times are seconds since 1970, UTC.

A study's patient is known by digests under the site's key and under seal; in clear only in `audit_subject`, from the
deletion of a study until the audit repository has its entries. docs/security.md says so, too. A reader's comment may
name anybody, so it is under seal.

Every transition of a study is one transaction with one row in `audit`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    true,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
UID = String(64)
DIGEST = String(64)
CODE = String(32)

study = Table(
    "study",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_instance_uid", UID, nullable=False, unique=True),
    Column("patient_digest", DIGEST, nullable=False),
    Column("state", String(16), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("first_received_at", Float, nullable=False),
    Column("last_received_at", Float, nullable=False),
    Column("state_since", Float, nullable=False),
    Column("instances", Integer, nullable=False),
    Column("conflict", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("reason_code", CODE, nullable=False, server_default=""),
    Column("judged_instances", Integer, nullable=False),
    Column("missing", Integer, nullable=False),
    Column("content", DIGEST, nullable=False),
    Column("priority", Integer, nullable=False, server_default="2"),
    Column("called_ae_title", String(16), nullable=False, server_default=""),
    Column("scanner", String(16), nullable=False, server_default=""),
    Column("labels", Text, nullable=False, server_default=""),
    Column("indexed", String(32), nullable=False, server_default="", index=True),
    Index(None, "state", "last_received_at"),
    Index(None, "state", "state_since"),
    Index(None, "last_received_at"),
    Index(None, "patient_digest"),
)

search_term = Table(
    "search_term",
    metadata,
    Column("digest", BigInteger, primary_key=True, autoincrement=False),
    Column("study_id", ForeignKey("study.id"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)

instance = Table(
    "instance",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", ForeignKey("study.id"), nullable=False, index=True),
    Column("sop_instance_uid", UID, nullable=False, unique=True),
    Column("sop_class_uid", UID, nullable=False),
    Column("series_instance_uid", UID, nullable=False),
    Column("transfer_syntax_uid", UID, nullable=False),
    Column("sha256", DIGEST, nullable=False),
    Column("path", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("received_at", Float, nullable=False),
    Column("calling_ae_title", String(16), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("slice_position", Integer, nullable=True),
    Column("host_id", Integer, nullable=True),
)

known_content = Table(
    "known_content",
    metadata,
    Column("digest", DIGEST, primary_key=True),
    Column("parts", Text, nullable=False),
    Column("studies", Integer, nullable=False),
    Column("last_at", Float, nullable=False, index=True),
)

conflict = Table(
    "conflict",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", ForeignKey("study.id"), nullable=True, index=True),
    Column("sop_instance_uid", UID, nullable=False),
    Column("sha256", DIGEST, nullable=False),
    Column("path", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("reason_code", CODE, nullable=False, server_default=""),
    Column("received_at", Float, nullable=False),
    Column("patient_digest", DIGEST, nullable=False, server_default=""),
    Column("sop_class_uid", UID, nullable=False, server_default=""),
    Column("series_instance_uid", UID, nullable=False, server_default=""),
    Column("transfer_syntax_uid", UID, nullable=False, server_default=""),
    Column("calling_ae_title", String(16), nullable=False, server_default=""),
    Column("kind", String(16), nullable=False, server_default=""),
    Column("decision", String(16), nullable=False, server_default=""),
    Column("size_bytes", BigInteger, nullable=False, server_default="0"),
    Column("slice_position", Integer, nullable=True),
    Column("host_id", Integer, nullable=True),
    UniqueConstraint("sop_instance_uid", "sha256"),
)

job = Table(
    "job",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", ForeignKey("study.id"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("destination", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("not_before", Float, nullable=False),
    Column("lease_until", Float, nullable=False),
    Column("reason", Text, nullable=False),
    Column("reason_code", CODE, nullable=False, server_default=""),
    Column("created_at", Float, nullable=False),
    Column("finished_at", Float, nullable=True),
    Column("priority", Integer, nullable=False, server_default="2"),
    Column("node", String(128), nullable=False, server_default=""),
    Column("part", String(16), nullable=False, server_default=""),
    Column("stage", String(32), nullable=False, server_default=""),
    Column("steps_done", Integer, nullable=False, server_default="0"),
    Column("steps", Integer, nullable=False, server_default="0"),
    UniqueConstraint("study_id", "kind", "revision", "destination"),
    Index(None, "state", "kind", "priority", "not_before"),
)

analysis = Table(
    "analysis",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", ForeignKey("study.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("finished_at", Float, nullable=False, index=True),
    Column("summary", Text, nullable=False),
    UniqueConstraint("study_id", "revision"),
)

model_decision = Table(
    "model_decision",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("act", String(16), nullable=False),
    Column("digest", DIGEST, nullable=False),
    Column("by", String(64), nullable=False),
    Column("evidence", Text, nullable=False),
)

shadow_score = Table(
    "shadow_score",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("analysis_id", ForeignKey("analysis.id"), nullable=False),
    Column("digest", DIGEST, nullable=False),
    Column("at", Float, nullable=False),
    Column("probabilities", Text, nullable=False),
    Column("reason", Text, nullable=False),
    UniqueConstraint("analysis_id", "digest"),
)

result_object = Table(
    "result_object",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", ForeignKey("study.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("sop_class_uid", UID, nullable=False),
    Column("sop_instance_uid", UID, nullable=False),
    Column("series_instance_uid", UID, nullable=False),
    Column("sha256", DIGEST, nullable=False),
    Column("path", Text, nullable=False),
    Column("host_id", Integer, nullable=True),
    UniqueConstraint("study_id", "revision", "sop_instance_uid"),
)

assessment = Table(
    "assessment",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", ForeignKey("study.id"), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("at", Float, nullable=False, index=True),
    Column("verdict", String(16), nullable=False),
    Column("endpoint", String(32), nullable=False),
    Column("reader", String(64), nullable=False),
    Column("calling_ae_title", String(16), nullable=False),
    Column("sop_instance_uid", UID, nullable=True, unique=True),
    Column("comment", Text, nullable=False),
)

receipt = Table(
    "receipt",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", ForeignKey("job.id"), nullable=False),
    Column("sop_instance_uid", UID, nullable=False),
    Column("status", Integer, nullable=False),
    Column("comment", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("committed_at", Float, nullable=True),
    UniqueConstraint("job_id", "sop_instance_uid"),
)

commitment = Table(
    "commitment",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("transaction_uid", UID, nullable=False, unique=True),
    Column("job_id", ForeignKey("job.id"), nullable=False, index=True),
    Column("requested_at", Float, nullable=False),
    Column("answered_at", Float, nullable=True),
    Column("failed", Integer, nullable=False),
)

commitment_test = Table(
    "commitment_test",
    metadata,
    Column("transaction_uid", UID, primary_key=True),
    Column("destination", String(64), nullable=False),
    Column("requested_at", Float, nullable=False),
    Column("answered_at", Float, nullable=True),
    Column("calling_ae_title", Text, nullable=False, server_default=""),
    Column("address", Text, nullable=False, server_default=""),
)

open_sender = Table(
    "open_sender",
    metadata,
    Column("node", String(128), primary_key=True),
    Column("study_instance_uid", UID, primary_key=True),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("study_id", Integer, nullable=True),
    Column("event", String(32), nullable=False),
    Column("from_state", String(16), nullable=False),
    Column("to_state", String(16), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("detail", Text, nullable=False),
    Column("digest", DIGEST, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("peer", Text, nullable=False, server_default=""),
    Column("calling_ae_title", Text, nullable=False, server_default=""),
    Column("called_ae_title", Text, nullable=False, server_default=""),
    Column("address", Text, nullable=False, server_default=""),
    Column("person", Text, nullable=False, server_default=""),
    Column("count", Integer, nullable=False, server_default="0"),
    Column("reason_code", CODE, nullable=False, server_default=""),
    Index(None, "event", "at"),
    Index(None, "study_id", "event", "at"),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("entries", Integer, nullable=False),
    Column("digest", DIGEST, nullable=False),
)

workitem = Table(
    "workitem",
    metadata,
    Column("worklist", String(64), primary_key=True),
    Column("uid", UID, primary_key=True),
    Column("transaction_uid", UID, nullable=False),
    Column("study_instance_uid", UID, nullable=False),
    Column("stage", String(16), nullable=False),
    Column("progress", Integer, nullable=False),
    Column("claimed_at", Float, nullable=False),
)

audit_forwarding = Table(
    "audit_forwarding",
    metadata,
    Column("receiver", String(32), primary_key=True),
    Column("entry", Integer, nullable=False),
    Column("at", Float, nullable=False),
    Column("holder", String(128), nullable=False),
    Column("lease_until", Float, nullable=False),
    Column("failing_since", Float, nullable=True),
    Column("reason", Text, nullable=False),
)

audit_subject = Table(
    "audit_subject",
    metadata,
    Column("study_id", Integer, primary_key=True, autoincrement=False),
    Column("last_entry", Integer, primary_key=True, autoincrement=False),
    Column("study_instance_uid", UID, nullable=False),
    Column("patient_id", Text, nullable=True),
    Column("patient_name", Text, nullable=False),
    Column("accession_number", Text, nullable=False),
)

account = Table(
    "account",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("password", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("patients", Boolean, nullable=False, server_default=true()),
)

token = Table(
    "token",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account_id", ForeignKey("account.id"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("digest", DIGEST, nullable=False, unique=True),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=True),
    Column("used_at", Float, nullable=True),
)

heartbeat = Table(
    "heartbeat",
    metadata,
    Column("node", String(128), primary_key=True),
    Column("part", String(16), primary_key=True),
    Column("at", Float, nullable=False),
    Column("associations", Integer, nullable=False, server_default="0"),
    Column("listening_since", Float, nullable=True),
    Column("schema", String(4), nullable=False, server_default=""),
)

schema_compatibility = Table(
    "schema_compatibility",
    metadata,
    Column("since", String(4), primary_key=True),
)

peer = Table(
    "peer",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("echoed_at", Float, nullable=False),
    Column("seconds", Float, nullable=True),
    Column("reason", Text, nullable=False),
)

hold = Table(
    "hold",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("subject", String(128), primary_key=True),
    Column("since", Float, nullable=False),
    Column("by", String(64), nullable=False),
    Column("why", Text, nullable=False),
)

alert = Table(
    "alert",
    metadata,
    Column("node", String(128), primary_key=True),
    Column("id", String(32), primary_key=True),
    Column("subject", String(128), primary_key=True),
    Column("raised_at", Float, nullable=False),
    Column("sent_at", Float, nullable=True),
    Column("message", Text, nullable=False),
)
