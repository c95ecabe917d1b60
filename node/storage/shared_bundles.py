"""Model bundles in the ledger: what is promoted on one host answers on the others, which fetch it once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, Engine, delete, insert, select

from node.storage.database import LedgerOvertaken, reading, writing
from node.storage.host_schema import bundle_part
from node.storage.postgres import may_be_idle

_PART_BYTES = 8 * 2**20


class SharedBundles:
    """Bundles by the digest of their manifest, which whoever fetches one compares again."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def has(self, digest: str) -> bool:
        """Whether this bundle is here."""
        table = bundle_part.c
        with reading(self.engine) as db:
            return db.execute(select(table.file).where(table.digest == digest).limit(1)).first() is not None

    def keep(self, digest: str, bundle: Path) -> None:
        """Keep the files of a bundle, instead of those that were kept of it before: a signature may have come later."""
        table = bundle_part
        try:
            with writing(self.engine) as db:
                db.execute(delete(table).where(table.c.digest == digest))
                for file in sorted(each for each in bundle.iterdir() if each.is_file()):
                    _insert(db, digest, file)
        except LedgerOvertaken:  # another host keeps the same one now
            return

    def fetch(self, digest: str, folder: Path) -> bool:
        """Write the files of a bundle into a new folder; False when it is not here."""
        if not self.has(digest):
            return False
        folder.mkdir(mode=0o700, parents=True)
        table = bundle_part.c
        parts = select(bundle_part).where(table.digest == digest).order_by(table.file, table.number)
        with reading(self.engine) as db:
            may_be_idle(db)
            for row in db.execution_options(yield_per=1).execute(parts):
                with (folder / Path(row.file).name).open("ab") as file:
                    file.write(row.content)
        return True


def _insert(db: Connection, digest: str, file: Path) -> None:
    for number, content in enumerate(_parts(file)):
        db.execute(insert(bundle_part).values(digest=digest, file=file.name, number=number, content=content))


def _parts(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while content := opened.read(_PART_BYTES):
            yield content
