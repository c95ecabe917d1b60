"""Which models answer a study: those of the AE title that it called, together, in one report."""

from __future__ import annotations

from collections import Counter
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread

import phantom
from calibrations import a_score
from dicom_io.files import dicom_files
from kept_studies import STUDY, keep
from mome_core.case import Modality
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.results import Endpoint, Result, Severity
from node import analyst
from node.analysis import analyze_study, encoded, open_context
from node.analyst import ContextsByAeTitle, make_analyst, revision_of
from node.answering import beside_refusals
from node.errors import NotReady, SettingsError
from node.models import find_bundle
from node.settings import Settings
from node.storage.archive import Archive
from node.storage.ledger.ledger import Ledger
from node.storage.records import KeptObject, StudyRevision
from second_bundle import second_bundle
from sr_templates.dicom.device import Revision
from sr_templates.kinds import Kind
from sr_templates.reading.report_numbers import read_numbers

BOTH = [Endpoint.MALIGNANCY, Endpoint.TRIPLE_NEGATIVE]


def settings_with(folder: Path, **sections: object) -> Settings:
    model = {"allow_unsigned": True, **sections.pop("model", {})}  # type: ignore[dict-item]
    settings = Settings(storage={"root": folder / "root"}, model=model, **sections)
    Archive(settings.storage.root)
    Ledger(settings.database_url)
    return settings


def answered_by(settings: Settings, called: str) -> list[str]:
    return [each.checkpoint.identity.name for each in ContextsByAeTitle(settings).of(called).models]


@pytest.mark.slow
def test_two_bundles_answer_one_study_in_one_report_with_one_set_of_maps_each(tmp_path: Path) -> None:
    phantom.study(tmp_path / "study")
    second = second_bundle(tmp_path / "second")
    settings = settings_with(tmp_path, model={"further": (str(second),)})
    analysis = make_analyst(settings)(dicom_files(tmp_path / "study"), StudyRevision("1.2.3", 1))
    assert [each.endpoint for each in analysis.summary.scores] == BOTH
    assert [each.model.name for each in analysis.summary.scores] == ["demo", "second"]
    assert {(each.endpoint, each.modality) for each in analysis.summary.saliency} == {
        (endpoint, modality) for endpoint in BOTH for modality in Modality
    }
    kinds = Counter(kind for kind, *_ in analysis.objects)
    assert kinds[Kind.REPORT] == kinds[Kind.SUMMARY] == 1
    assert kinds[Kind.SALIENCY_MAP] >= len(BOTH)
    report = next(content for kind, *_, content in analysis.objects if kind == Kind.REPORT)
    weights = [each.model.sha256 for each in analysis.summary.scores]
    assert set(read_numbers(report).weights) == set(weights)
    said = [str(each.value) for each in dcmread(BytesIO(report)).iterall() if each.keyword == "TextValue"]
    assert {f"Bilateral breast {each.words}" for each in BOTH} <= set(said)


def test_a_report_names_the_questions_that_a_bundle_beside_the_others_leaves_open(tmp_path: Path) -> None:
    context = open_context(settings_with(tmp_path), [find_bundle("demo"), second_bundle(tmp_path / "second")])
    used, refused = (Modality.T2,), context.models[1]
    answered = Result((a_score(context.models[0].checkpoint.identity),), (), used)
    why = StudyIneligible("No DCE was found", Ineligibility.NO_DYNAMIC)
    (flag,) = beside_refusals(answered, {refused: why}, used).flags
    assert (flag.code, flag.severity) == ("NOT_ANSWERED", Severity.WARNING)
    assert flag.message == f"Not answered: {Endpoint.TRIPLE_NEGATIVE.words} (No DCE was found)."
    assert beside_refusals(answered, {}, used).flags == ()


def test_each_ae_title_has_its_models_and_a_bundle_is_loaded_once(tmp_path: Path) -> None:
    second = str(second_bundle(tmp_path / "second"))
    entities = ({"ae_title": "MOMETNBC", "models": (second,)}, {"ae_title": "MOMEALL", "models": ("demo", second)})
    settings = settings_with(tmp_path, ae_titles=entities)
    assert answered_by(settings, "MOMENODE") == answered_by(settings, "ANYTHING") == ["demo"]
    assert answered_by(settings, "MOMETNBC") == ["second"]
    assert answered_by(settings, "MOMEALL") == ["demo", "second"]
    contexts = ContextsByAeTitle(settings)
    assert contexts.of("MOMEALL").models[1].checkpoint.network is contexts.of("MOMETNBC").models[0].checkpoint.network
    assert len(contexts.loaded) == 2


def test_an_ae_title_has_its_own_results(tmp_path: Path) -> None:
    entity = {"ae_title": "MOMERES", "results": {"kinds": ("report",)}}
    contexts = ContextsByAeTitle(settings_with(tmp_path, ae_titles=(entity,)))
    assert contexts.of("MOMERES").options.kinds == {Kind.REPORT}
    assert contexts.of("MOMENODE").options.kinds > {Kind.REPORT}


def test_two_bundles_for_one_question_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="demo and demo both answer malignancy"):
        ContextsByAeTitle(settings_with(tmp_path, model={"further": ("demo",)}))


def test_a_bundle_that_is_not_there_is_named(tmp_path: Path) -> None:
    entity = {"ae_title": "MOMERES", "models": ("nothere",)}
    with pytest.raises(NotReady, match="no model bundle at nothere"):
        ContextsByAeTitle(settings_with(tmp_path, ae_titles=(entity,)))


def test_a_new_revision_names_the_report_that_it_supersedes() -> None:
    report = KeptObject("report", "1.88", "2.1", "2.2", "digest", "path")
    assert revision_of(StudyRevision("2.25.3", 1), "1.2.3").predecessor is None
    revision = revision_of(StudyRevision("2.25.3", 2, report), "1.2.3")
    assert revision.revision == 2
    assert revision.predecessor is not None
    assert revision.predecessor.sop_instance_uid == "2.1"
    assert revision.predecessor.study_instance_uid == "1.2.3"


def test_the_predecessor_of_a_split_study_is_named_under_the_uid_of_its_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_with(tmp_path)
    ((_, _, path),) = keep(settings, 1).reading.instances()
    told: list[Revision] = []

    def analysis(*_: object, run: Revision, **_more: object) -> None:
        told.append(run)
        raise NotReady("far enough")

    monkeypatch.setattr(analyst, "analyze_study", analysis)
    second = StudyRevision("2.25.3", 2, KeptObject("report", "1.88", "2.1", "2.2", "digest", "path"))
    with pytest.raises(NotReady, match="far enough"):
        make_analyst(settings)([settings.storage.root / path], second)
    assert told[0].predecessor and told[0].predecessor.study_instance_uid == STUDY


def test_a_study_that_nobody_can_analyse_has_the_reason_and_no_score(tmp_path: Path) -> None:
    bundles = [find_bundle("demo"), second_bundle(tmp_path / "second")]
    found = analyze_study([], open_context(settings_with(tmp_path), bundles))
    assert found.result is None
    assert list(encoded(found.objects)) == []
