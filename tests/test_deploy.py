"""What is shipped for installing and watching is valid, and names only metrics that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from node.settings import Settings, load_settings
from node.storage.archive import Archive
from node.storage.health import HealthStore
from node.storage.ledger.ledger import Ledger
from node.storage.overview import Overview
from node.watching.metrics import Meter, exposition
from places import ROOT

DEPLOY, DOCS = ROOT / "deploy", ROOT / "docs"
RULES = yaml.safe_load((DEPLOY / "monitoring" / "prometheus-rules.yaml").read_text())["groups"][0]["rules"]
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MOST_EXPOSED = 3.0


def tool(name: str) -> str:
    found = shutil.which(name, path=f"{Path(sys.executable).parent}:/usr/bin:/bin")
    if found is None:
        pytest.skip(f"{name} is not installed: what it checks was NOT checked")
    return found


def check(*command: str) -> str:
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout + told.stderr


def test_hadolint_has_no_complaint_about_the_dockerfile() -> None:
    check(tool("hadolint"), str(DEPLOY / "container" / "Dockerfile"))


def test_the_compose_files_follow_the_compose_specification() -> None:
    files = sorted(str(each) for each in (DEPLOY / "container").glob("compose*.yaml"))
    assert len(files) == 2
    check(tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", *files)


def test_the_kubernetes_manifests_are_valid() -> None:
    base = DEPLOY / "kubernetes" / "base"
    files = [base / each for each in yaml.safe_load((base / "kustomization.yaml").read_text())["resources"]]
    assert len(files) == 5
    check(tool("kubernetes-validate"), "--strict", *map(str, files))


def test_the_job_of_a_batch_is_valid() -> None:
    check(tool("kubernetes-validate"), "--strict", str(DEPLOY / "batch" / "indexed-job.yaml"))


@pytest.mark.parametrize("overlay", ["base", "gpu"])
def test_kustomize_builds_valid_manifests(overlay: str, tmp_path: Path) -> None:
    built = check(tool("kubectl"), "kustomize", str(DEPLOY / "kubernetes" / overlay))
    (tmp_path / "all.yaml").write_text(built)
    check(tool("kubernetes-validate"), "--strict", str(tmp_path / "all.yaml"))
    assert ("nvidia.com/gpu" in built) is (overlay == "gpu")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_finds_the_units_right_and_little_exposed(unit: Path, tmp_path: Path) -> None:
    analyze = tool("systemd-analyze")
    here = tmp_path / unit.name
    here.write_text(unit.read_text().replace("/opt/mome-node/bin/mome-node", sys.executable))
    assert check(analyze, "verify", str(here)) == ""
    exposed = re.search(r"exposure level for .*: ([\d.]+)", check(analyze, "security", "--offline=true", str(here)))
    assert exposed is not None
    assert float(exposed[1]) <= MOST_EXPOSED


def test_the_settings_of_the_container_are_valid() -> None:
    assert load_settings(DEPLOY / "kubernetes" / "base" / "mome-node.toml").dicom.host != "127.0.0.1"


@pytest.fixture
def metrics(tmp_path: Path) -> set[str]:
    settings = Settings(storage={"root": tmp_path})
    engine = Ledger(settings.database_url).engine
    meter = Meter(settings, Archive(tmp_path), Overview(engine), HealthStore(engine))
    described = re.findall(r"^# TYPE (\w+) (\w+)", exposition(meter)[0].decode(), re.MULTILINE)
    return {name for name, _ in described} | {f"{name}_bucket" for name, kind in described if kind == "histogram"}


def test_rules_and_dashboard_name_only_metrics_that_exist_and_every_metric_is_explained(metrics: set[str]) -> None:
    dashboard = json.loads((DEPLOY / "monitoring" / "grafana-dashboard.json").read_text())
    asked = [rule["expr"] for rule in RULES] + [t["expr"] for panel in dashboard["panels"] for t in panel["targets"]]
    named = set(re.findall(r"mome_\w+", " ".join(asked)))
    assert named <= metrics, named - metrics
    operate = (DOCS / "operate.md").read_text()
    assert [name for name in metrics if not name.endswith("_bucket") and f"`{name}`" not in operate] == []


def test_every_alert_has_its_place_in_the_runbook() -> None:
    operate = (DOCS / "operate.md").read_text()
    assert [rule["alert"] for rule in RULES if f"### {rule['alert']}\n" not in operate] == []
