"""DeLong and net benefit equal independent packages, where these are installed: pip install MLstatkit dcurves."""

from __future__ import annotations

import numpy as np
import pytest

from mome_core.training import metrics, statistics

THRESHOLDS = (0.05, 0.2, 0.5, 0.8)


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = (rng.random(150) < 0.4).astype(int)
    first, second = (1 / (1 + np.exp(-(rng.normal(size=150) + shift * labels))) for shift in (1.2, 0.6))
    return labels, first, second


@pytest.mark.parametrize("seed", range(5))
def test_delong_equals_mlstatkit(seed: int) -> None:
    oracle = pytest.importorskip("MLstatkit", reason="MLstatkit is not installed: DeLong was compared with nothing")
    labels, first, second = drawn(seed)
    _, p = oracle.Delong_test(labels, first, second)[:2]
    assert statistics.delong(labels, first, second).p_value == pytest.approx(p, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_net_benefit_equals_dcurves(seed: int) -> None:
    dcurves = pytest.importorskip("dcurves", reason="dcurves is not installed: net benefit was compared with nothing")
    pandas = pytest.importorskip("pandas")
    labels, first, _ = drawn(seed)
    told = dcurves.dca(
        data=pandas.DataFrame({"y": labels, "model": first}), outcome="y", modelnames=["model"], thresholds=THRESHOLDS
    )
    model = told[told["model"] == "model"].set_index("threshold")
    everyone = told[told["model"] == "all"].set_index("threshold")
    for threshold in THRESHOLDS:
        assert metrics.net_benefit(labels, first, threshold) == pytest.approx(model.net_benefit[threshold], abs=1e-6)
        odds = threshold / (1 - threshold)
        assert labels.mean() - (1 - labels.mean()) * odds == pytest.approx(everyone.net_benefit[threshold], abs=1e-6)
        avoided = model.net_intervention_avoided[threshold] if "net_intervention_avoided" in model else None
        spared = metrics.net_benefit_of_sparing(labels, first, threshold)
        gain = metrics.net_benefit(labels, first, threshold) - (labels.mean() - (1 - labels.mean()) * odds)
        assert spared * odds == pytest.approx(gain, abs=1e-6)
        if avoided is not None:
            assert gain / odds == pytest.approx(avoided, abs=1e-6)
