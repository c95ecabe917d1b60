"""The REST API: JSON whose keys programs rely on."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

from fastapi.testclient import TestClient

from hostile_site import SUMMARY
from node.dashboard.site import Site
from node.storage.accounts import AccountRole

LogIn = Callable[[AccountRole], TestClient]


def test_the_worklist_is_paged_without_gaps(site: Site, logged_in: LogIn) -> None:
    browser, seen, before = logged_in(AccountRole.VIEWER), [], ""
    while True:
        page = browser.get("/api/studies", params={"limit": 2, "before": before}).json()
        seen += [each["id"] for each in page["studies"]]
        before = page["before"]
        if not before:
            break
    assert seen == [3, 2, 1]


def test_results_that_cannot_be_withdrawn_say_why(site: Site, logged_in: LogIn) -> None:
    answer = logged_in(AccountRole.OPERATOR).post("/api/studies/1/retract")
    assert answer.status_code == 409
    assert answer.json()["detail"]


def test_a_study_is_told_whole(logged_in: LogIn) -> None:
    study = logged_in(AccountRole.VIEWER).get("/api/studies/1").json()
    assert {"study", "jobs", "objects", "timeline", "summary", "possible", "assessments"} == set(study)
    assert study["study"]["state"] == "DELIVERED"
    assert study["possible"] == ["reprocess", "redeliver", "retract"]
    assert study["summary"]["scores"] == SUMMARY["scores"]
    assert study["jobs"][-1]["receipts"][0] == {
        "sop_instance_uid": "2.25.1",
        "status": 0,
        "comment": "",
        "committed_at": None,
    }


def test_a_study_without_an_analysis_has_an_empty_summary(site: Site, logged_in: LogIn) -> None:
    browser = logged_in(AccountRole.VIEWER)
    assert browser.get("/api/studies/3").json()["summary"] == {}
    assert browser.get(f"/api/uids/{site.overview.uid_of(3)}").json() == browser.get("/api/studies/3").json()


def test_a_measure_that_is_not_a_number_is_null(site: Site, logged_in: LogIn) -> None:
    saliency = {"endpoint": "malignancy", "modality": "DCE", "method": "gradient x input", "baseline": "", "steps": 1}
    with site.ledger.engine.begin() as db:
        summary = json.dumps(SUMMARY | {"saliency": [saliency | {"completeness_error": math.nan}]})
        db.exec_driver_sql("UPDATE analysis SET summary = ?", (summary,))
    answer = logged_in(AccountRole.VIEWER).get("/api/studies/1")
    assert answer.status_code == 200
    assert answer.json()["summary"]["saliency"][0]["completeness_error"] is None


def test_queues_peers_models_and_health_have_the_keys_that_programs_read(logged_in: LogIn) -> None:
    browser = logged_in(AccountRole.VIEWER)
    queues, peers = browser.get("/api/queues").json(), browser.get("/api/peers").json()
    assert {each["state"] for each in queues["dead"]} == {"dead"}
    assert set(queues) == {"depths", "open", "dead", "holds"}
    assert peers["destinations"] == [{"name": "pacs", "echo": None, "waiting": 0, "dead": 0}]
    assert peers["rejections"][0]["called"] == "MOMENODE"
    model, other = browser.get("/api/models").json()["models"]
    assert (model["role"], model["name"], other["role"]) == ("active", "demo", "earlier")
    assert other["week"]["malignancy"]["answers"] == 1
    health = browser.get("/api/health").json()
    assert {"parts", "alerts", "free_bytes", "by_hour", "delivered", "stages", "callers", "failures"} <= set(health)
    assert health["stages"] == [["scores", 4.2]]
