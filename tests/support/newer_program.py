"""This program as a later release would be: a copy with one migration more."""

from __future__ import annotations

import shutil
from pathlib import Path

import node
from node.storage.schema_version import own_schema

_FUTURE = '''"""What a coming version changes."""
import sqlalchemy as sa
from alembic import op
revision = "9000"
down_revision = "{after}"
branch_labels = None
depends_on = None
{since}
def upgrade() -> None:
    op.add_column("study", sa.Column("laterality", sa.String(16), nullable=False, server_default=""))
'''


def newer_program(folder: Path, since: str = "") -> Path:
    """A copy of this program as a later release, with one migration more, which may end the work of older nodes."""
    shutil.copytree(Path(node.__file__).parent, folder / "node", ignore=shutil.ignore_patterns("models_shipped"))
    for each in ("dicom_io", "mome_core", "sr_templates"):
        (folder / each).symlink_to(Path(node.__file__).parents[1] / each)
    stated = f'compatible_since = "{since}"' if since else ""
    versions = folder / "node" / "storage" / "migrations" / "versions"
    (versions / "9000_future.py").write_text(_FUTURE.format(after=own_schema(), since=stated))
    return folder
