"""The tensors of a published file (PyTorch or safetensors) by name, and what becomes of each; nothing is executed."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from mome_core.errors import CheckpointRefused


@dataclass(slots=True)
class StateDict:
    """The tensors of a file, and what has become of each."""

    tensors: Mapping[str, Tensor]
    used: list[str] = field(default_factory=list)
    ignored: dict[str, str] = field(default_factory=dict)

    def take(self, name: str) -> Tensor:
        """The tensor, float32 if it has any floating-point type, counted as used."""
        if name not in self.tensors:
            raise CheckpointRefused(f"the file lacks {name}")
        self.used.append(name)
        tensor = self.tensors[name]
        return tensor.float() if tensor.is_floating_point() else tensor

    def take_affine(self, ours: str, theirs: str) -> dict[str, Tensor]:
        """Weight and bias under our name."""
        return {f"{ours}.{part}": self.take(f"{theirs}.{part}") for part in ("weight", "bias")}

    def require_all_accounted(self) -> None:
        """Raise CheckpointRefused naming the first key that was neither used nor ignored."""
        left = self.tensors.keys() - self.ignored.keys() - set(self.used)
        if left:
            raise CheckpointRefused(f"the file holds {min(left)}, which the model does not use ({len(left)} such keys)")

    def shape_of(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor, which is not counted as used."""
        if name not in self.tensors:
            raise CheckpointRefused(f"the file lacks {name}")
        return tuple(self.tensors[name].shape)


def read_keys(path: Path) -> StateDict:
    """The tensors of a file, without the wrapping of any training script; executes nothing from the file."""
    content = _safetensors(path) if _begins_as_safetensors(path) else _pickled(path)
    keys = StateDict({})
    for wrapper in ("state_dict", "model", "module"):
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            keys.ignored = {name: "not a weight" for name in content if name != wrapper}
            content = content[wrapper]
            break
    keys.tensors = {name.removeprefix("module."): tensor for name, tensor in _require_tensors(path, content).items()}
    return keys


def _begins_as_safetensors(path: Path) -> bool:
    """Whether eight bytes of a length are followed by JSON: a pickle and a zip file begin otherwise."""
    with path.open("rb") as file:
        return file.read(9)[8:] == b"{"


def _safetensors(path: Path) -> Any:
    """The content of a safetensors file."""
    try:
        return safetensors.torch.load_file(path)
    except SafetensorError as error:
        raise CheckpointRefused(f"{path.name} is damaged or truncated ({error})") from error


def _pickled(path: Path) -> Any:
    """The content of a file of torch.save, which never compresses: one that unpacks to more than itself is refused."""
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                unpacked = sum(each.file_size for each in archive.infolist())
        except (zipfile.BadZipFile, OSError) as error:
            raise CheckpointRefused(f"{path.name} is damaged or truncated") from error
        if unpacked > path.stat().st_size:
            raise CheckpointRefused(f"{path.name} unpacks to {unpacked >> 20} MiB, more than it is; it was not opened")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointRefused(
            f"{path.name} holds more than tensors, or is not a PyTorch file; it was not opened"
        ) from error
    except (RuntimeError, EOFError) as error:
        raise CheckpointRefused(f"{path.name} is damaged or truncated") from error


def _require_tensors(path: Path, content: Any) -> Mapping[str, Tensor]:
    """The content, when it is a mapping of floating-point tensors by name."""
    if not isinstance(content, Mapping) or not content:
        raise CheckpointRefused(f"{path.name} holds no tensors by name")
    for name, tensor in content.items():
        if not isinstance(tensor, Tensor):
            raise CheckpointRefused(f"{path.name}: {name} is not a tensor")
    return content
