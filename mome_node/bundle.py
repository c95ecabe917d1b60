"""Model bundles at a prompt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mome_core.compute import best_device
from mome_core.model.checkpoint import Checkpoint, load_checkpoint
from node.models import find_bundle


def open_bundle(bundle: str | Path = "demo", *, device: str = "", estimator: str = "") -> Checkpoint:
    """Load a model bundle, verified: a folder, or the name of a model that came with the program.

    Whoever names a bundle here vouches for it: no signature is asked for, as with `mome-node infer --model`.

    Parameters
    ----------
    device
        "cpu", "cuda", "cuda:1" ...; empty for the best one of this machine.
    estimator
        One of those that the bundle was validated with, by name; empty for its default.

    Raises
    ------
    NodeError
        There is no such bundle.
    MomeError
        It is damaged, was changed, or holds no MOME.
    ValueError
        It was not validated with this estimator.

    Examples
    --------
    >>> model = open_bundle("demo")
    >>> model.endpoints
    (<Endpoint.MALIGNANCY: 'malignancy'>,)
    >>> model.identity.statement
    'Demo model: knows simulated patients (phantoms) and nothing else; says nothing about real ones.'
    """
    checkpoint = load_checkpoint(find_bundle(str(bundle)), device or best_device())
    return replace(checkpoint, estimators=checkpoint.estimator_first(estimator)) if estimator else checkpoint
