"""Bundles with the demo model's network: one that answers another question, one of single breasts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from calibrations import calibrated
from mome_core.model.architecture import Head
from mome_core.model.checkpoint import Description, load_checkpoint, save_checkpoint
from mome_core.model.mome import Mome
from mome_core.preprocessing.recipe import UnitOfAnalysis
from mome_core.results import Endpoint
from node.models import find_bundle


def second_bundle(folder: Path, endpoint: Endpoint = Endpoint.TRIPLE_NEGATIVE) -> Path:
    """Written to the folder, which it gives back."""
    demo = load_checkpoint(find_bundle("demo"))
    (answer,) = demo.architecture.answers
    network = Mome(replace(demo.architecture, answers=(Head(endpoint, answer.classes, answer.positive_class),)))
    renamed = {name.replace(answer.endpoint, endpoint): value for name, value in demo.network.state_dict().items()}
    network.load_state_dict(renamed)
    about = Description("second", "1", "The demo model under another question.")
    save_checkpoint(folder, network, demo.recipe, about, [calibrated(endpoints=[endpoint])])
    return folder


def breast_bundle(folder: Path) -> Path:
    """The demo model as if it had learned from single breasts, written to the folder, which it gives back."""
    demo = load_checkpoint(find_bundle("demo"))
    recipe = replace(demo.recipe, unit=UnitOfAnalysis.BREAST)
    save_checkpoint(folder, demo.network, recipe, Description("breasts", "1", "Of breasts."), [calibrated()])
    return folder
