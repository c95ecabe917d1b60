"""A bundle opens by its folder or the name of a shipped model, with the estimator that is asked for."""

from __future__ import annotations

import pytest

import mome_node
from mome_node import Checkpoint, NodeError


def test_the_estimator_that_is_named_answers(model: Checkpoint) -> None:
    last = model.estimators[-1].estimator.name
    assert mome_node.open_bundle("demo", device="cpu", estimator=last).estimator.name == last
    with pytest.raises(ValueError, match="was not validated with"):
        mome_node.open_bundle("demo", device="cpu", estimator="guess")


def test_a_bundle_that_is_not_there_is_said_with_those_that_are() -> None:
    with pytest.raises(NodeError, match="demo"):
        mome_node.open_bundle("nothing/here")
