"""A report is reproduced by what its AE title was answered with."""

from __future__ import annotations

from pathlib import Path

import pytest

from kept_studies import STUDY, keep
from node import reproduction
from node.analysis import AnalysisContext, AnalysisOutcome
from node.errors import NodeError
from node.models import find_bundle, manifest_of
from node.settings import Settings
from second_bundle import second_bundle
from sr_templates.kinds import Kind
from sr_templates.reading.report_numbers import ReportedNumbers


def test_a_report_is_reproduced_with_the_models_and_results_of_the_ae_title_that_was_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = second_bundle(tmp_path / "second")
    entity = {"ae_title": "MOMETNBC", "models": (str(second),), "results": {"kinds": ("report",)}}
    settings = Settings(storage={"root": tmp_path / "root"}, ae_titles=(entity,), model={"allow_unsigned": True})
    (instance,) = keep(settings, 1, called="MOMETNBC").reading.instances(STUDY)
    stated = ReportedNumbers("1.2.of-two", {}, frozenset({"9.9", instance[0]}), (manifest_of(second).weights_sha256,))
    monkeypatch.setattr(reproduction, "read_numbers", lambda _: stated)

    def analysis(_paths: list[Path], context: AnalysisContext, *, senders: tuple[str, ...]) -> AnalysisOutcome:
        assert senders == ("MODALITY",)
        assert [each.checkpoint.identity.name for each in context.models] == ["second"]
        assert context.options.kinds == {Kind.REPORT}
        raise NodeError("far enough")

    monkeypatch.setattr(reproduction, "analyze_study", analysis)
    with pytest.raises(NodeError, match="far enough"):
        reproduction.reproduce_report(settings, find_bundle("demo") / "manifest.json")
