"""A reader says on the page of a study what the result is worth: by role, with our token, escaped, and audited."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from hostile_site import HOSTILE
from mome_core.assessment import Verdict
from node.audit import AuditEvent
from node.dashboard.site import Site
from node.storage.accounts import AccountRole

LogIn = Callable[..., TestClient]
PLACE = "/studies/1"


def test_an_operator_judges_and_the_comment_is_shown_as_text(site: Site, logged_in: LogIn) -> None:
    operator = logged_in(AccountRole.OPERATOR)
    before = operator.get(PLACE).text
    assert "Reader&#39;s verdict" in before or "Reader's verdict" in before
    assert 'maxlength="1000"' in before and all(f'value="{each}"' in before for each in Verdict)
    form = {"verdict": "disagree", "comment": f" benign at biopsy {HOSTILE} "}
    answer = operator.post(f"{PLACE}/assess", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PLACE}?done=assess")
    page = operator.get(answer.headers["location"]).text
    assert "Verdict saved." in page and "benign at biopsy &lt;script&gt;" in page and HOSTILE not in page
    uid = site.overview.uid_of(1)
    (kept,) = site.ledger.assessments.of_study(uid)
    assert (kept.verdict, kept.reader, kept.revision) == (Verdict.DISAGREE, "a operator", 1)
    assert "benign" not in kept.comment, "under seal"
    entries = [each for each, _ in site.ledger.audit.entries() if each.event is AuditEvent.ASSESSED]
    assert [each.detail for each in entries] == ["a operator: disagree"] and entries[0].fields.person == "a operator"
    blind = logged_in(AccountRole.OPERATOR, patients=False).get(PLACE).text
    assert "Disagree" in blind and "benign" not in blind, "a comment may name the patient"


def test_who_only_looks_sees_verdicts_and_gives_none(site: Site, logged_in: LogIn, stranger: TestClient) -> None:
    viewer, operator = logged_in(AccountRole.VIEWER), logged_in(AccountRole.OPERATOR)
    assert "assess" not in viewer.get(PLACE).text
    refused = [each.post(f"{PLACE}/assess", data={"verdict": "agree"}).status_code for each in (viewer, stranger)]
    assert refused == [403, 401]
    operator.headers["x-csrf-token"] = "forged"
    assert operator.post(f"{PLACE}/assess", data={"verdict": "agree"}).status_code == 403
    assert site.ledger.assessments.of_study(site.overview.uid_of(1)) == []


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        (PLACE, {"verdict": "perhaps"}, 422),
        (PLACE, {"verdict": "agree", "comment": "x" * 1001}, 422),
        (PLACE, {"verdict": "agree", "endpoint": "triple_negative"}, 404),
        (PLACE, {"verdict": "agree", "retract": "true"}, 409),
        ("/studies/2", {"verdict": "agree"}, 404),
        ("/studies/99", {"verdict": "agree"}, 404),
    ],
)
def test_what_cannot_be_said_is_refused_and_not_repeated(
    site: Site, logged_in: LogIn, path: str, form: dict[str, str], status: int
) -> None:
    answer = logged_in(AccountRole.OPERATOR).post(f"{path}/assess", data=form)
    assert answer.status_code == status and "xxx" not in answer.text
    assert site.ledger.assessments.since() == []


def test_a_result_of_a_wrong_side_is_withdrawn_on_request(
    site: Site, logged_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def withdraw(_settings: object, _archive: object, _ledger: object, uid: str, reason: str) -> tuple[str, ...]:
        asked.append((uid, str(reason)))
        return ()

    monkeypatch.setattr("node.dashboard.actions.withdraw", withdraw)
    operator = logged_in(AccountRole.OPERATOR)
    form = {"verdict": "wrong-side", "retract": "true"}
    assert operator.post(f"{PLACE}/assess", data=form).headers["location"] == f"{PLACE}?done=retract"
    uid = site.overview.uid_of(1)
    assert asked == [(uid, "safety")]
    assert [each.verdict for each in site.ledger.assessments.of_study(uid)] == [Verdict.WRONG_SIDE]


def test_a_program_judges_in_the_body_of_its_request(site: Site, logged_in: LogIn) -> None:
    operator = logged_in(AccountRole.OPERATOR)
    said = {"verdict": "agree", "endpoint": "malignancy", "comment": "seen at biopsy"}
    assert operator.post("/api/studies/1/assess", json=said).json() == {"said": "Verdict saved."}
    (shown,) = operator.get("/api/studies/1").json()["assessments"]
    assert (shown["verdict"], shown["endpoint"], shown["comment"]) == ("agree", "malignancy", "seen at biopsy")
    (blind,) = logged_in(AccountRole.VIEWER, patients=False).get("/api/studies/1").json()["assessments"]
    assert blind["comment"] == ""
