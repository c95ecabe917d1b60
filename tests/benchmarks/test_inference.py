"""The benchmark runs: small sizes, every job, both sides."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from places import ROOT


@pytest.mark.slow
def test_the_benchmark_compares_both_sides_at_small_size(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    options = ["--size", "small", "--threads", "1", "--jobs", "forward,shapley,ig_step", "--json", str(report)]
    command = [sys.executable, "-m", "benchmarks.inference", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "seven coalitions / one forward" in done.stdout
    measurements = json.loads(report.read_text())["measurements"]
    assert {(m["side"], m["job"]) for m in measurements} == {
        (side, job) for side in ("ours", "baseline") for job in ("forward", "shapley", "ig_step")
    }
    by_key = {(m["side"], m["job"]): m for m in measurements}
    assert by_key["ours", "shapley"]["gflop"] < 0.5 * by_key["baseline", "shapley"]["gflop"]
