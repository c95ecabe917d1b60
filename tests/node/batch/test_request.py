"""What a batch asks: its name changes with all that changes a row, and with nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mome_core.model.bundle_files import manifest_digest
from node.batch.request import BatchRequest
from node.models import find_bundle
from places import ROOT

pytestmark = pytest.mark.slow


def name_of(request: BatchRequest) -> str:
    return request.identity(request.context())


def test_another_folder_asks_the_same_and_more_threads_something_else(tmp_path: Path) -> None:
    asked = BatchRequest((find_bundle("demo"),), tmp_path)
    assert name_of(asked) == name_of(replace(asked, out=tmp_path / "other"))
    assert name_of(asked) != name_of(replace(asked, threads=2))


def test_the_same_weights_calibrated_anew_ask_something_else(tmp_path: Path) -> None:
    asked = BatchRequest((find_bundle("demo"),), tmp_path)
    copied = Path(shutil.copytree(find_bundle("demo"), tmp_path / "recalibrated"))
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["version"] = "3.1"
    manifest["manifest_sha256"] = manifest_digest(manifest)
    (copied / "manifest.json").write_text(json.dumps(manifest))
    assert name_of(asked) != name_of(replace(asked, bundles=(copied,)))


def test_every_process_gives_a_study_the_same_name_whatever_the_order_of_its_sets(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path; from node.batch.request import BatchRequest; from node.models import find_bundle;"
        f"asked = BatchRequest((find_bundle('demo'),), Path({str(tmp_path)!r}), ('report', 'summary', 'pdf'));"
        "print(asked.identity(asked.context()))"
    )
    names = set()
    for seed in ("1", "2", "3"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        told = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        names.add(told.stdout.strip())
    assert len(names) == 1


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
