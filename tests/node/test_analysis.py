"""One study from files to summary: refusals with their code, what the ledger keeps, what the settings ask for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

import phantom
from calibrations import VALIDATION, a_score, calibration
from dicom_io.headers.read import read_series_headers
from dicom_io.headers.records import StudyHeaders
from dicom_io.study.classify import assign_roles
from mome_core.calibration import Call, WithheldCode
from mome_core.case import Modality
from mome_core.errors import Ineligibility
from mome_core.protocol import PartState
from mome_core.results import Contribution, Endpoint, ModelIdentity, QualityFlag, Result, Score, Severity
from node.analysis import (
    AnalysisOutcome,
    analyze_study,
    encoded,
    object_options,
    open_context,
    summarize,
    wanted_kinds,
)
from node.errors import SettingsError
from node.models import find_bundle
from node.settings import Settings
from node.settings_sections import ResultSettings
from node.summary import AnalysisSummary
from sr_templates.drawing import fonts
from sr_templates.kinds import DEFAULT_KINDS, Kind

DEMO = ModelIdentity("demo", "1", "a" * 64, "knows phantoms")
MOTION = QualityFlag("MOTION", Severity.WITHHOLD, "the breasts moved too far")


def headers() -> StudyHeaders:
    return read_series_headers([])


def outcome(result: Result) -> AnalysisOutcome:
    roles = assign_roles(headers())
    return AnalysisOutcome(
        headers(), roles, None, result, None, result.withheld, result.withheld_code, {"scores": 1.23456}
    )


def score(probability: float = 0.8) -> Score:
    shares = (Contribution(Modality.DCE, 0.4), Contribution(Modality.T2, -0.1))
    return a_score(DEMO, probability, contributions=shares)


def test_a_study_without_images_is_refused_with_its_code(tmp_path: Path) -> None:
    settings = Settings(storage={"root": tmp_path})
    found = analyze_study([], open_context(settings, [find_bundle("demo")]))
    assert found.code == Ineligibility.NO_MR_IMAGE
    assert found.reason
    assert found.objects is None, "there is no image that an object could refer to"
    summary = summarize(found)
    assert (summary.code, summary.reason, summary.scores) == (found.code, found.reason, ())
    assert {each.state for each in summary.protocol} == {PartState.MISSING}
    assert AnalysisSummary.from_json(json.loads(json.dumps(summary.to_json()))) == summary


def test_a_summary_holds_every_score_with_its_contributions() -> None:
    summary = summarize(outcome(Result((score(),), (), (Modality.DCE, Modality.T2), policy="8 versions")))
    (kept,) = summary.scores
    assert (kept.endpoint, kept.probability, kept.augmentations) == (Endpoint.MALIGNANCY, 0.8, 8)
    assert kept.contributions == {Modality.DCE: 0.4, Modality.T2: -0.1}
    assert kept.model.sha256 == DEMO.sha256
    assert (kept.call, kept.withheld_reason, kept.estimator.name) == (Call.POSITIVE, None, "flips-log-odds")
    assert kept.calibration is not None
    assert (kept.calibration.coalition, kept.calibration.sensitivity) == ("DCE+DWI+T2", VALIDATION.sensitivity)
    assert kept.without == {Modality.DCE: 0.5, Modality.T2: 0.5}
    assert summary.timings_s == {"scores": 1.235}
    assert AnalysisSummary.from_json(json.loads(json.dumps(summary.to_json()))) == summary


def test_a_score_that_the_bundle_may_not_give_keeps_its_reason_and_no_number() -> None:
    silent = calibration((Modality.T2,), withheld=WithheldCode.NOT_TOLD_APART)
    result = Result((a_score(DEMO, None, read_by=silent),), (), (Modality.T2,), withheld="No score: it cannot tell.")
    summary = summarize(outcome(result))
    (kept,) = summary.scores
    assert (kept.probability, kept.call) == (None, Call.WITHHELD)
    assert kept.withheld_reason is not None and kept.withheld_reason.code is WithheldCode.NOT_TOLD_APART
    assert (summary.code, summary.reason) == (WithheldCode.NOT_TOLD_APART, "No score: it cannot tell.")
    assert AnalysisSummary.from_json(json.loads(json.dumps(summary.to_json()))) == summary


def test_another_estimator_than_those_of_the_bundle_is_refused_by_its_setting(tmp_path: Path) -> None:
    settings = Settings(storage={"root": tmp_path}, model={"estimator": "full-group"})
    with pytest.raises(SettingsError, match=r"model\.estimator: demo was not validated with"):
        open_context(settings, [find_bundle("demo")])


def test_workers_that_share_the_processors_share_their_memory(tmp_path: Path) -> None:
    def memory(*devices: str) -> float:
        settings = Settings(storage={"root": tmp_path}, model={"device": "cpu"}, worker={"devices": devices})
        return open_context(settings, [find_bundle("demo")]).models[0].policy.arithmetic.memory_gib

    assert memory("cpu:0", "cpu:1") == memory() / 2
    assert memory("cuda:0", "cpu:0") == memory()


def test_a_withheld_score_has_the_code_of_the_flag_that_withheld_it() -> None:
    note = QualityFlag("NOTE", Severity.NOTE, "a note")
    summary = summarize(outcome(Result((), (), (Modality.DCE,), (note, MOTION), MOTION.message)))
    assert (summary.code, summary.reason) == ("MOTION", MOTION.message)
    assert [flag.code for flag in summary.flags] == ["NOTE", "MOTION"]


def test_the_kinds_of_the_settings_are_known_kinds() -> None:
    assert wanted_kinds(()) == DEFAULT_KINDS
    assert wanted_kinds(("report",)) == {Kind.REPORT}
    assert object_options(Settings().results).kinds == DEFAULT_KINDS
    with pytest.raises(SettingsError, match=r"results\.kinds: no kind cinema"):
        wanted_kinds(("report", "cinema"))


def test_pages_are_as_the_settings_say() -> None:
    wanted = {"page": "portrait", "identify": "study", "language": "fr"}
    assert str(object_options(ResultSettings.model_validate(wanted)).page) == "portrait study fr"


def test_a_language_that_no_font_can_draw_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    fonts.noto_cjk.cache_clear()
    monkeypatch.setattr(fonts, "_CJK_FOLDERS", ())
    with pytest.raises(SettingsError, match=r"results\.language: .* fonts-noto-cjk"):
        object_options(ResultSettings(language="ja"))
    fonts.noto_cjk.cache_clear()


def test_no_objects_make_no_files() -> None:
    assert list(encoded(None)) == []


@pytest.mark.slow
def test_a_study_without_a_breast_leaves_nothing_in_the_pacs_unless_the_site_wants_that(tmp_path: Path) -> None:
    paths, rng = phantom.study(tmp_path / "scanner", seed=5), np.random.default_rng(1)
    for path in paths:
        image = dcmread(path)
        image.PixelData = rng.integers(0, 900, len(image.PixelData) // 2, dtype=np.uint16).tobytes()
        image.save_as(path)
    for wanted in (False, True):
        settings = Settings(storage={"root": tmp_path / "root"}, results={"no_breast_report": wanted})
        found = analyze_study(paths, open_context(settings, [find_bundle("demo")]))
        assert found.code == Ineligibility.NO_BREAST
        assert (found.objects is not None) is wanted


@pytest.mark.slow
def test_a_breast_in_a_study_that_says_head_is_answered_with_a_flag(tmp_path: Path) -> None:
    paths = phantom.study(tmp_path / "scanner", seed=5)
    for path in paths:
        image = dcmread(path)
        image.BodyPartExamined, image.ProtocolName = "HEAD", "t1 dynamic"
        image.SeriesDescription = str(image.SeriesDescription).lower().replace("breast", "")
        image.save_as(path)
    settings = Settings(storage={"root": tmp_path / "root"})
    found = analyze_study(paths, open_context(settings, [find_bundle("demo")]), senders=("MR1", "MR2", "MR3"))
    assert found.result is not None and found.objects is not None, found.reason
    (report,) = found.objects.by_kind[Kind.REPORT]
    texts = [str(each.value) for each in report.iterall() if each.keyword == "TextValue"]
    assert any("3 AE titles (MR1, MR2, MR3)" in each for each in texts), "the report says who sent it"
    assert "SEVERAL_SENDERS" in [each.code for each in summarize(found).flags], "and so does the page"
    (flag,) = [each for each in found.result.flags if each.code == "OTHER_BODY_PART"]
    assert (flag.severity, "name the head" in flag.message) == (Severity.WARNING, True)
