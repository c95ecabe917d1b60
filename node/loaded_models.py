"""The bundles that answer a study together, loaded onto the device of the settings with the estimator that is set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mome_core.compute import best_device
from mome_core.inference import ActiveModel
from mome_core.model.checkpoint import Checkpoint, load_checkpoint
from mome_core.policy import default_policy
from mome_core.results import Endpoint
from node.errors import SettingsError
from node.settings import Settings


def device_named(settings: Settings) -> str:
    """The device of the settings, or the best of this machine."""
    return settings.model.device if settings.model.device != "auto" else best_device()


def estimator_named(settings: Settings, called_ae_title: str = "") -> str:
    """The estimator that is set for studies that called this AE title; empty for each bundle's own."""
    entity = settings.entity_called(called_ae_title)
    return entity.estimator if entity and entity.models else settings.model.estimator


def load_models(
    settings: Settings, bundles: Sequence[Path], called_ae_title: str = "", loaded: dict[Path, Checkpoint] | None = None
) -> tuple[ActiveModel, ...]:
    """The bundles as they answer together studies that called this AE title.

    Raises CheckpointRefused, and SettingsError where two of them answer one endpoint or one lacks the estimator.

    Parameters
    ----------
    loaded
        Those that need not be loaded again; what is loaded is added.
    """
    loaded, device = {} if loaded is None else loaded, device_named(settings)
    for each in bundles:
        if each not in loaded:
            loaded[each] = load_checkpoint(each, device)
    estimator = estimator_named(settings, called_ae_title)
    checkpoints = [_with_estimator(loaded[each], estimator) for each in bundles]
    _require_other_endpoints(checkpoints)
    sharers = settings.worker.sharers(device.partition(":")[0])
    return tuple(ActiveModel(each, default_policy(each.network, sharers=sharers)) for each in checkpoints)


def _require_other_endpoints(checkpoints: Sequence[Checkpoint]) -> None:
    """Raise SettingsError when two bundles answer the same endpoint: a report has one score for each."""
    known: dict[Endpoint, str] = {}
    for each in checkpoints:
        for endpoint in each.endpoints:
            if endpoint in known:
                both = f"{known[endpoint]} and {each.identity.name}"
                raise SettingsError(
                    f"models: {both} both answer {endpoint}; bundles of one study answer different ones"
                )
            known[endpoint] = each.identity.name


def _with_estimator(checkpoint: Checkpoint, name: str) -> Checkpoint:
    """The checkpoint with the named estimator, or its default for ""; SettingsError for another."""
    if not name:
        return checkpoint
    try:
        return replace(checkpoint, estimators=checkpoint.estimator_first(name))
    except ValueError as error:
        raise SettingsError(f"model.estimator: {error}") from error
