"""The sections of the settings about models: what of them is refused, and what workers they mean."""

from __future__ import annotations

import pytest

from node.model_settings import ModelSettings, WorkerSettings


def test_a_key_in_the_settings_is_a_key() -> None:
    with pytest.raises(ValueError, match="us: no public Ed25519 key"):
        ModelSettings(trusted_keys={"us": "c2VjcmV0"})


def test_a_device_has_one_worker_and_processors_share_their_memory() -> None:
    with pytest.raises(ValueError, match="named twice"):
        WorkerSettings(devices=("cpu:0", "cpu:0"))
    two = WorkerSettings(devices=("cpu:0", "cpu:1"))
    assert two.parts == ("worker-cpu:0", "worker-cpu:1")
    assert (two.sharers("cpu"), two.sharers("cuda"), WorkerSettings().sharers("cpu")) == (2, 1, 1)
    assert (WorkerSettings().parts, WorkerSettings(devices="all").parts) == (("worker",), ())
