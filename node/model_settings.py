"""The sections of the settings about models: which answer, on which devices, and what a candidate must prove."""

from __future__ import annotations

import base64
import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from node.settings_sections import SettingsSection

_ED25519, _ED25519_BYTES = bytes.fromhex("302a300506032b6570032100"), 44
"""How the SubjectPublicKeyInfo of every Ed25519 key begins, and its length (RFC 8410)."""


class ModelSettings(SettingsSection):
    """Which model analyses studies, by which of the estimators that it was validated with."""

    path: str = Field(
        default="demo",
        description="bundle folder or name of a shipped model, until `mome-node model promote`",
    )
    estimator: str = Field(
        default="",
        description="which versions are averaged: the bundle's default, or another that it was validated with",
    )
    further: tuple[str, ...] = Field(
        default=(), description="more bundles that answer the same study, each other endpoints, in the same report"
    )
    trusted_keys: dict[str, str] = Field(
        default_factory=dict,
        description="public keys (Ed25519) whose signature lets a bundle answer, by the name of their owner; "
        "see: mome-node model key",
    )
    allow_unsigned: bool = Field(default=False, description="let bundles answer that nobody has signed")
    device: str = Field(default="auto", description="auto, cpu, cuda, cuda:1, ...")

    @field_validator("trusted_keys")
    @classmethod
    def are_public_keys(cls, keys: dict[str, str]) -> dict[str, str]:
        """Refuse what is no Ed25519 key (its SubjectPublicKeyInfo in base64)."""
        for name, key in keys.items():
            try:
                known = base64.b64decode(key, validate=True)
            except ValueError:
                known = b""
            if len(known) != _ED25519_BYTES or not known.startswith(_ED25519):
                raise ValueError(f"{name}: no public Ed25519 key; it is the line that `mome-node model key` prints")
        return keys

    @field_validator("device")
    @classmethod
    def is_a_device(cls, device: str) -> str:
        """Refuse what no network runs on."""
        if not re.fullmatch(r"auto|cpu|cuda(:\d{1,2})?", device):
            raise ValueError(f'no device "{device}"; there is auto, cpu, cuda, cuda:1, ...')
        return device


_NumberedDevice = Annotated[str, Field(pattern=r"^(cpu|cuda):\d{1,2}$")]


class WorkerSettings(SettingsSection):
    """Which devices of this host analyse studies: one worker, with a model of its own, for each."""

    devices: tuple[_NumberedDevice, ...] | Literal["all"] = Field(
        default=(), description='["cuda:0", "cuda:1"], or "all" GPUs; empty: one worker on model.device'
    )

    @model_validator(mode="after")
    def each_device_has_one_worker(self) -> Self:
        """Refuse a device that is named twice: two models would share its memory."""
        if len(set(self.devices)) < len(self.devices) and self.devices != "all":
            raise ValueError("a device is named twice; each has one worker")
        return self

    def sharers(self, kind: str) -> int:
        """How many workers share the memory of one device: all on processors do, a GPU has one worker."""
        return max(1, sum(each.startswith("cpu") for each in self.devices)) if kind == "cpu" else 1

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the workers in heartbeats, where the settings say them; empty for all GPUs of the host."""
        if self.devices == "all":
            return ()
        return tuple(f"worker-{each}" for each in self.devices) if len(self.devices) > 1 else ("worker",)


class PromotionSettings(SettingsSection):
    """Acceptance criteria for a candidate model, on the locked test set."""

    margin: float = Field(
        default=0.05,
        gt=0,
        lt=0.5,
        description="non-inferiority margin in AUROC; its confidence grows with the attempts",
    )
    subgroup_margin: float = Field(default=0.1, gt=0, lt=0.5, description="largest loss of AUROC in any subgroup")
    fewest: int = Field(
        default=10,
        ge=2,
        description="minimum cases per class, in the set and in a subgroup",
    )
