"""The installed index of the Imaging Data Commons, read once."""

from __future__ import annotations

import pytest

from node.public.collections import COLLECTIONS
from node.public.index import IndexedSeries, read_index


@pytest.fixture(scope="session")
def idc() -> list[IndexedSeries]:
    """Every MR series of every collection that we know."""
    pytest.importorskip("idc_index_data")
    return read_index(COLLECTIONS)
