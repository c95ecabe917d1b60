"""The page of the queues, and what an operator does to them: pause, drain, hold, prioritise, cancel."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import RedirectResponse, Response

from node.dashboard.holding import DestinationVerb, NodeVerb, destination_holds, operate_destination, operate_node
from node.dashboard.queues import queue_report
from node.dashboard.rendering import page
from node.dashboard.rights import Operator, Viewer
from node.dashboard.site import CurrentSite
from node.jobs import Priority

router = APIRouter(include_in_schema=False)
_Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
_Name = Annotated[str, Path(max_length=64)]
_Why = Annotated[str, Form(max_length=200)]


@router.get("/queues")
def queues(request: Request, site: CurrentSite, _user: Viewer) -> Response:
    """Waiting, running and failed jobs, and what is held back."""
    node = site.ledger.holds.of_node(site.settings.node_name)
    return page(request, "queues.html", queues=queue_report(site), node_hold=node, destinations=destination_holds(site))


@router.get("/holds")
def holds(request: Request, _user: Viewer) -> Response:
    """What every page says of what is held back, by itself, for a page that is open."""
    return page(request, "holds.html")


@router.post("/queues/node/{verb}")
def operate(site: CurrentSite, verb: NodeVerb, user: Operator, why: _Why = "") -> Response:
    """Pause, resume or drain this node."""
    operate_node(site, user, verb, why.strip())
    return RedirectResponse("/queues", 303)


@router.post("/queues/destinations/{name}/{verb}")
def operate_on_destination(
    site: CurrentSite, name: _Name, verb: DestinationVerb, user: Operator, why: _Why = ""
) -> Response:
    """Hold back what goes to a destination, or let it go."""
    operate_destination(site, user, name, verb, why.strip())
    return RedirectResponse("/queues", 303)


@router.post("/queues/studies/{number}/priority")
def prioritise(site: CurrentSite, number: _Number, user: Operator, priority: Annotated[Priority, Form()]) -> Response:
    """Set how urgent a study is."""
    site.ledger.operator.prioritise(site.overview.uid_of(number), priority, user.name, time.time())
    return RedirectResponse("/queues", 303)


@router.post("/queues/studies/{number}/cancel")
def cancel(
    site: CurrentSite, number: _Number, user: Operator, destination: Annotated[str, Form(max_length=64)] = ""
) -> Response:
    """End the analysis of a study, or its delivery to a destination."""
    site.ledger.operator.cancel(site.overview.uid_of(number), user.name, time.time(), destination or None)
    return RedirectResponse("/queues", 303)
