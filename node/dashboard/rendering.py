"""Pages from templates; every value is escaped, since any of them may come from a stranger's DICOM header."""

from __future__ import annotations

import time
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from node.dashboard import formatting as words
from node.dashboard.rights import site_of
from node.states import StudyState
from node.storage.accounts import Role


@cache
def environment() -> Environment:
    """Jinja2 with autoescape for everything, and an error for a value that a page forgot."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "clock": words.clock,
        "iso": words.iso,
        "duration": words.duration,
        "size": words.size,
        "percent": words.percent,
        "endpoint": words.endpoint,
    }
    made.globals |= {
        "StudyState": StudyState,
        "Role": Role,
        "state_words": words.STATE_WORDS,
        "state_means": words.STATE_MEANS,
        "version": version("mome-node"),
    }
    return made


def page(request: Request, name: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page for whoever asks."""
    site = site_of(request)
    common = {
        "user": getattr(request.state, "caller", None),
        "path": request.url.path,
        "query": request.url.query,
        "ae_title": site.settings.dicom.ae_title,
        "oidc": bool(site.settings.dashboard.oidc_issuer),
        "now": time.time(),
    }
    return HTMLResponse(environment().get_template(name).render(common | values), status)
