"""Which model bundle answers."""

from __future__ import annotations

from pathlib import Path

from node.errors import NotReady

SHIPPED = Path(__file__).parent / "models_shipped"


def find_bundle(name: str) -> Path:
    """The bundle's folder, from a path or the name of a shipped model; raises NotReady with what there is."""
    for place in (Path(name), SHIPPED / name):
        if (place / "manifest.json").is_file():
            return place
    shipped = ", ".join(sorted(each.name for each in SHIPPED.iterdir())) if SHIPPED.is_dir() else "none"
    raise NotReady(f"no model bundle at {name} (shipped models: {shipped}); see: mome-node model import --help")
