"""Where things lie: this repository, its documents, the shared folder beside it, the programs beside our Python."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SHARED = ROOT.parent / "shared"
REAL = SHARED / "data" / "real_mr"
BIN = Path(sys.executable).parent
