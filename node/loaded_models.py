"""The bundles that answer a study together, loaded onto the device of the settings with the estimator that is set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mome_core.compute import best_device
from mome_core.inference import ActiveModel
from mome_core.model.checkpoint import Checkpoint, load_checkpoint
from mome_core.policy import default_policy
from node.errors import SettingsError
from node.model_trust import require_trusted
from node.models import require_other_endpoints, require_whole_studies
from node.settings import Settings


def device_named(settings: Settings) -> str:
    """The device of the settings, or the best of this machine."""
    return settings.model.device if settings.model.device != "auto" else best_device()


def load_models(
    settings: Settings, bundles: Sequence[Path], called_ae_title: str = "", loaded: dict[Path, Checkpoint] | None = None
) -> tuple[ActiveModel, ...]:
    """The bundles as they answer together studies that called this AE title.

    Raises CheckpointRefused, NotReady where nobody whom this site trusts vouches for one, and SettingsError where two
    of them answer one endpoint, or one lacks the estimator or is of single breasts.

    Parameters
    ----------
    loaded
        Those that need not be loaded again; what is loaded is added.
    """
    loaded, device = {} if loaded is None else loaded, device_named(settings)
    for each in bundles:
        if each not in loaded:
            checkpoint = load_checkpoint(each, device)
            require_whole_studies(checkpoint.identity.name, checkpoint.recipe.unit)
            require_trusted(each, str(checkpoint.manifest["manifest_sha256"]), settings.model)
            loaded[each] = checkpoint
    checkpoints = [_with_estimator(loaded[each], settings.estimator_of(called_ae_title)) for each in bundles]
    require_other_endpoints((each.identity.name, each.endpoints) for each in checkpoints)
    sharers = settings.worker.sharers(device.partition(":")[0])
    return tuple(ActiveModel(each, default_policy(each.network, sharers=sharers)) for each in checkpoints)


def _with_estimator(checkpoint: Checkpoint, name: str) -> Checkpoint:
    """The checkpoint with the named estimator, or its default for ""; SettingsError for another."""
    if not name:
        return checkpoint
    try:
        return replace(checkpoint, estimators=checkpoint.estimator_first(name))
    except ValueError as error:
        raise SettingsError(f"model.estimator: {error}") from error
