"""Tables of the ledger about the hosts that share it: who they are, which files they hold or are to remove; models.

`host_id` of an instance, of what was set aside and of a result object is the host that keeps the file; without one it
is that which is known longest, or the only one.

`refetch` holds a row for each study that is being fetched anew because the host that kept its images has died. It has
no foreign key: a node of before it deletes studies, too.
"""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from node.storage import schema
from node.storage.schema import DIGEST, metadata

host = Table(
    "host",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("node", String(128), nullable=False),
    Column("name", String(128), nullable=False),
    Column("archive", String(36), nullable=False),
    Column("root", Text, nullable=False),
    Column("search_key", String(12), nullable=False),
    UniqueConstraint("node", "archive"),
)

instance_copy = Table(
    "instance_copy",
    metadata,
    Column("instance_id", ForeignKey(schema.instance.c.id), primary_key=True),
    Column("host_id", ForeignKey("host.id"), primary_key=True),
    Column("path", Text, nullable=False),
)

removal = Table(
    "removal",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("host_id", ForeignKey("host.id"), nullable=False),
    Column("path", Text, nullable=False),
)

refetch = Table(
    "refetch",
    metadata,
    Column("study_id", Integer, primary_key=True, autoincrement=False),
    Column("revision", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before", Float, nullable=False),
    Column("sent", Integer, nullable=False),
    Column("node", String(128), nullable=False),
    Column("reason", Text, nullable=False),
)

bundle_part = Table(
    "bundle_part",
    metadata,
    Column("digest", DIGEST, primary_key=True),
    Column("file", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
)
