"""A reader says on the page of a study what the result is worth: by role, with our token, escaped, and audited."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydicom import dcmread
from pydicom.sr.coding import Code

from hostile_site import HOSTILE, delivered_site, log_in_to
from mome_core.assessment import Verdict
from node.audit import AuditEvent
from node.dashboard.site import Site
from node.jobs import JobState
from node.storage.accounts import AccountRole
from node.summary import AnalysisSummary
from sr_templates.dicom import codes
from sr_templates.kinds import Kind

LogIn = Callable[..., TestClient]
PLACE = "/studies/1"


def test_an_operator_judges_and_the_comment_is_shown_as_text(site: Site, logged_in: LogIn) -> None:
    operator = logged_in(AccountRole.OPERATOR)
    before = operator.get(PLACE).text
    assert "Reader&#39;s verdict" in before or "Reader's verdict" in before
    assert 'name="revision" value="1"' in before and '<option value="safety" selected>' in before
    assert 'maxlength="1000"' in before and all(f'value="{each}"' in before for each in Verdict)
    form = {"revision": 1, "verdict": "disagree", "comment": f" benign at biopsy {HOSTILE} "}
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
    refused = [
        each.post(f"{PLACE}/assess", data={"revision": 1, "verdict": "agree"}).status_code
        for each in (viewer, stranger)
    ]
    assert refused == [403, 401]
    operator.headers["x-csrf-token"] = "forged"
    assert operator.post(f"{PLACE}/assess", data={"revision": 1, "verdict": "agree"}).status_code == 403
    assert site.ledger.assessments.of_study(site.overview.uid_of(1)) == []


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        (PLACE, {"revision": 1, "verdict": "perhaps"}, 422),
        (PLACE, {"revision": 1, "verdict": "agree", "comment": "x" * 1001}, 422),
        (PLACE, {"verdict": "agree"}, 422),
        (PLACE, {"verdict": "agree", "revision": 2}, 409),
        (PLACE, {"revision": 1, "verdict": "agree", "endpoint": "triple_negative"}, 404),
        (PLACE, {"revision": 1, "verdict": "agree", "endpoint": "malignancies"}, 422),
        (PLACE, {"revision": 1, "verdict": "agree", "retract": "true"}, 409),
        ("/studies/2", {"revision": 1, "verdict": "agree"}, 404),
        ("/studies/99", {"revision": 1, "verdict": "agree"}, 404),
    ],
)
def test_what_cannot_be_said_is_refused_and_not_repeated(
    site: Site, logged_in: LogIn, path: str, form: dict[str, object], status: int
) -> None:
    answer = logged_in(AccountRole.OPERATOR).post(f"{path}/assess", data=form)
    assert answer.status_code == status and "xxx" not in answer.text
    assert site.ledger.assessments.since() == []


@pytest.mark.parametrize(
    ("form", "title"),
    [
        ({"verdict": "wrong-side"}, codes.REJECTED_FOR_PATIENT_SAFETY),
        ({"verdict": "not-usable", "reason": "wrong-patient"}, codes.INCORRECT_WORKLIST_ENTRY),
        ({"verdict": "not-usable", "reason": "quality"}, codes.REJECTED_FOR_QUALITY),
    ],
)
def test_a_misleading_result_is_withdrawn_on_request_for_the_reason_that_fits(
    tmp_path: Path, form: dict[str, str], title: Code
) -> None:
    site = delivered_site(tmp_path)
    operator = log_in_to(site, AccountRole.OPERATOR)
    asked = {"revision": "1", "retract": "true"} | form
    assert operator.post(f"{PLACE}/assess", data=asked).headers["location"] == f"{PLACE}?done=retract"
    uid = site.overview.uid_of(1)
    assert [str(each.verdict) for each in site.ledger.assessments.of_study(uid)] == [form["verdict"]]
    detail = site.ledger.reading.study(uid)
    (note,) = [each for each in detail.objects if each.kind == Kind.REJECTION]
    document = dcmread(site.archive.root / note.path)
    assert document.ConceptNameCodeSequence[0].CodeValue == title.value
    assert [each.destination for each in detail.jobs if each.state is JobState.WAITING] == ["pacs"]


def test_a_comment_may_be_as_long_as_the_field_of_the_page_whatever_a_line_break_is(
    site: Site, logged_in: LogIn
) -> None:
    """A browser counts one character and sends two."""
    form = {"revision": 1, "verdict": "agree", "comment": "x" * 499 + "\r\n" + "y" * 500}
    assert logged_in(AccountRole.OPERATOR).post(f"{PLACE}/assess", data=form).status_code == 303
    (kept,) = site.ledger.assessments.of_study(site.overview.uid_of(1))
    assert site.search_key.unseal(kept.comment) == "x" * 499 + "\n" + "y" * 500


def test_what_was_not_analysed_cannot_be_judged(tmp_path: Path) -> None:
    site = delivered_site(tmp_path, AnalysisSummary(reason="there is no pre-contrast phase"))
    operator = log_in_to(site, AccountRole.OPERATOR)
    assert "/assess" not in operator.get(PLACE).text
    assert operator.post(f"{PLACE}/assess", data={"revision": 1, "verdict": "agree"}).status_code == 404


def test_a_program_judges_in_the_body_of_its_request(site: Site, logged_in: LogIn) -> None:
    operator = logged_in(AccountRole.OPERATOR)
    said = {"revision": 1, "verdict": "agree", "endpoint": "malignancy", "comment": "seen at biopsy"}
    assert operator.post("/api/studies/1/assess", json=said).json() == {"said": "Verdict saved."}
    (shown,) = operator.get("/api/studies/1").json()["assessments"]
    assert (shown["verdict"], shown["endpoint"], shown["comment"]) == ("agree", "malignancy", "seen at biopsy")
    (blind,) = logged_in(AccountRole.VIEWER, patients=False).get("/api/studies/1").json()["assessments"]
    assert blind["comment"] == ""
