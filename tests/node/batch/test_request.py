"""What a batch asks: its name changes with all that changes a row, and with nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from node.batch.request import BatchRequest
from node.models import find_bundle

pytestmark = pytest.mark.slow


def name_of(request: BatchRequest) -> str:
    return request.identity(request.context())


def test_another_folder_or_more_threads_ask_the_same(tmp_path: Path) -> None:
    asked = BatchRequest((find_bundle("demo"),), tmp_path)
    assert name_of(asked) == name_of(replace(asked, out=tmp_path / "other", threads=2))


def test_objects_and_a_sites_rules_ask_something_else(tmp_path: Path) -> None:
    asked = BatchRequest((find_bundle("demo"),), tmp_path)
    rules = tmp_path / "site.toml"
    rules.write_text('[series.rules]\n"*tirm*" = "T2"\n')
    names = {name_of(each) for each in (asked, replace(asked, kinds=("report",)), replace(asked, config=rules))}
    assert len(names) == 3


def test_without_objects_nothing_is_explained(tmp_path: Path) -> None:
    asked = BatchRequest((find_bundle("demo"),), tmp_path)
    assert not any(each.policy.saliency for each in asked.context().models)
    assert all(each.policy.saliency for each in replace(asked, kinds=("report",)).context().models)
