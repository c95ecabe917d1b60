"""How long a device works on a study: measured whole where that is quick, else by one version."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mome_core import device_time as measured
from mome_core.case import Modality
from mome_core.device_time import DeviceTime, device_time
from mome_core.estimator import Augmentation, Estimator
from mome_core.model.checkpoint import Checkpoint, Description, load_checkpoint, save_checkpoint
from mome_core.policy import default_policy
from mome_core.training.start import from_scratch
from training_examples import RECIPE, SMALL


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    place = tmp_path_factory.mktemp("bundles") / "untaught"
    save_checkpoint(place, from_scratch(SMALL, 1), RECIPE, Description("untaught", "1", "Knows nothing."))
    return load_checkpoint(place)


@pytest.mark.parametrize(
    ("patience_s", "asked"),
    [(0.0, [Augmentation.NONE]), (60.0, [Augmentation.NONE, Augmentation.NONE, Augmentation.PUBLISHED])],
    ids=["slow", "quick"],
)
def test_a_slow_network_is_asked_for_one_version_and_a_quick_one_for_all(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch, patience_s: float, asked: list[Augmentation]
) -> None:
    seen: list[Augmentation] = []

    def answered(_network: Any, arrays: Any, _recipe: Any, estimator: Estimator, **_: Any) -> None:
        assert set(arrays) == set(Modality)
        seen.append(estimator.augmentation)

    monkeypatch.setattr(measured, "version_log_odds", answered)
    found = device_time(checkpoint, replace(default_policy(checkpoint.network), saliency=False), patience_s)
    assert seen == asked and found.maps_s == 0.0 and found.seconds == found.scores_s


def test_maps_take_a_gradient_as_often_as_the_policy_needs_one(checkpoint: Checkpoint) -> None:
    found = device_time(checkpoint, default_policy(checkpoint.network), 0.0)
    assert found.scores_s > 0 and found.maps_s > 0 and found.seconds == found.scores_s + found.maps_s
    with pytest.raises(ValueError, match="takes some time"):
        DeviceTime(0.0, 0.0)
