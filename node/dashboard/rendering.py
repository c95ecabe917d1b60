"""Pages from templates; every value is escaped, since any of them may come from an untrusted DICOM header."""

from __future__ import annotations

import time
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mome_core.protocol import PartState
from node import words
from node.dashboard import formatting
from node.dashboard.actions import Action
from node.dashboard.site import site_of
from node.jobs import JobKind, JobState, Priority
from node.states import StudyState
from node.storage.accounts import AccountRole
from node.storage.holds import HoldKind
from node.summary_words import score_call, score_points, score_proof, score_sum
from node.watching.problems import DELIVERY_WAITS, current_problems
from sr_templates.dicom.measurement_words import measurement_rows, not_measured_words
from sr_templates.dicom.score_words import explanation_words
from sr_templates.dicom.text import percent


@cache
def _environment() -> Environment:
    """Jinja2 with autoescape for everything, and an error for a value that the caller forgot."""
    jinja = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.filters |= {
        "hold": words.hold_words,
        "party": words.party_words,
        "local_time": words.local_time,
        "iso": formatting.iso,
        "duration": words.duration,
        "size": formatting.size,
        "percent": formatting.percent,
        "endpoint": formatting.endpoint_title,
        "probability": percent,
        "call": score_call,
        "proof": score_proof,
        "points": score_points,
        "sum_words": score_sum,
        "explanation": explanation_words,
        "measurements": measurement_rows,
        "not_measured": not_measured_words,
        "protocol": words.protocol_words,
        "person": formatting.person_name,
        "sentence": formatting.sentence,
        "lacks": words.lacking_words,
        "date": formatting.study_date,
    }
    jinja.globals |= {
        "StudyState": StudyState,
        "AccountRole": AccountRole,
        "Action": Action,
        "JobState": JobState,
        "JobKind": JobKind,
        "Priority": Priority,
        "HoldKind": HoldKind,
        "PartState": PartState,
        "part_words": words.PART_WORDS,
        "part_state_words": words.PART_STATE_WORDS,
        "state_words": words.STATE_WORDS,
        "state_meanings": formatting.STATE_MEANINGS,
        "credentials": formatting.credentials,
        "job_kinds": words.JOB_KIND_WORDS,
        "job_states": words.JOB_STATE_WORDS,
        "DELIVERY_WAITS": DELIVERY_WAITS,
        "version": version("mome-node"),
    }
    return jinja


def page(request: Request, name: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Render a template for the user of the request."""
    site, user = site_of(request), getattr(request.state, "user", None)
    common = {
        "user": user,
        "problems": current_problems(site.overview, site.watch) if user else [],
        "path": request.url.path,
        "query_string": request.url.query,
        "ae_title": site.settings.dicom.ae_title,
        "holds": site.ledger.holds.current() if user else [],
        "node_name": site.settings.node_name,
        "oidc": bool(site.settings.dashboard.oidc_issuer),
        "now": time.time(),
    }
    return HTMLResponse(_environment().get_template(name).render(common | values), status)
