"""The numbers of a network: sizes, and the choices where the paper and its published code differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any

from mome_core.case import Modality
from mome_core.errors import CheckpointRefused
from mome_core.preprocessing.recipe import Recipe
from mome_core.results import Endpoint

_Grid = tuple[int, int, int]
PATCH = 16  # the tokenizer halves each axis four times


class TokenizerNorm(StrEnum):
    """Normalisation after each convolution of the tokenizers."""

    INSTANCE = "instance"
    BATCH = "batch"


class HeadKind(StrEnum):
    """How a head reads the CLS token."""

    LINEAR = "linear"
    COSINE = "cosine"


class EarlyAdapter(StrEnum):
    """What stands beside the frozen feed-forward of the early, per-modality layers."""

    EXPERT_PER_MODALITY = "expert_per_modality"
    SHARED = "shared"
    NONE = "none"


class LateAdapter(StrEnum):
    """What stands beside the frozen feed-forward of the late, joint layers."""

    SOFT_MIXTURE = "soft_mixture"
    SOFT_MIXTURE_NORMALISED = "soft_mixture_normalised"
    SHARED = "shared"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Head:
    """One question that the network answers.

    Parameters
    ----------
    classes, positive_class
        Two classes with index 1 positive in all tasks of the paper but subtyping, whose four classes answer
        TRIPLE_NEGATIVE by their index 3.
    """

    endpoint: Endpoint
    classes: int = 2
    positive_class: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.positive_class < self.classes or self.classes < 2:
            raise ValueError(
                f"{self.endpoint}: class {self.positive_class} of {self.classes} cannot be the positive one"
            )


SUBTYPE = Head(Endpoint.TRIPLE_NEGATIVE, classes=4, positive_class=3)


@dataclass(frozen=True, slots=True)
class Architecture:
    """MOME's sizes and choices; the defaults are the paper's base model as its published code builds it.

    Where paper and code differ (from `sub_layer_norm` on) the published checkpoints decide, so the defaults follow the
    code.

    Parameters
    ----------
    width, heads, ffn_width, layers
        Of the BEiT-3 backbone.
    sparse_layers
        How many first layers keep to one modality each; the others join all tokens.
    adapter_width
        Bottleneck of every adapter.
    soft_experts, soft_slots
        Of each soft mixture (Puigcerver et al., "From sparse to soft mixtures of experts").
    stem_widths
        Channels after the first two convolutions of a tokenizer; the third gives `width`.
    dce_channels
        Phases of the DCE array.
    dce_grid, dwi_grid, t2_grid
        Tokens along each axis; a recipe's sizes divided by 16.
    answers
        One head for each endpoint.
    drop_path
        Stochastic depth of the last layer, rising linearly from 0 in the first; training only.
    sub_layer_norm
        Layer norms before the attention's output projection and inside the feed-forward. The paper's equations omit
        them; the BEiT-3 weights need them.
    tokenizer_norm
        Instance norm; the code can also build batch norm, and no script uses it.
    head_kind
        Linear; COSINE is the code's additive-margin-softmax model (unit CLS token, no bias).
    early_adapter
        An expert per modality. SHARED and NONE are ablations.
    late_adapter
        The plain mixture (logits = X phi, no scale). SOFT_MIXTURE_NORMALISED is the cited method's form with unit
        vectors and a learnt scale, for new training only; SHARED (an MLP) and NONE are ablations.
    """

    width: int = 768
    heads: int = 12
    ffn_width: int = 3072
    layers: int = 12
    sparse_layers: int = 9
    adapter_width: int = 192
    soft_experts: int = 128
    soft_slots: int = 1
    stem_widths: tuple[int, int] = (64, 128)
    dce_channels: int = 6
    dce_grid: _Grid = (24, 16, 8)
    dwi_grid: _Grid = (16, 8, 2)
    t2_grid: _Grid = (24, 16, 3)
    answers: tuple[Head, ...] = (Head(Endpoint.MALIGNANCY),)
    drop_path: float = 0.15
    sub_layer_norm: bool = True
    tokenizer_norm: TokenizerNorm = TokenizerNorm.INSTANCE
    head_kind: HeadKind = HeadKind.LINEAR
    early_adapter: EarlyAdapter = EarlyAdapter.EXPERT_PER_MODALITY
    late_adapter: LateAdapter = LateAdapter.SOFT_MIXTURE

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of {self.heads} heads")
        if not 0 <= self.sparse_layers < self.layers:
            raise ValueError(f"{self.sparse_layers} sparse layers leave no joint one among {self.layers}")
        sizes = (self.width, self.ffn_width, self.adapter_width, self.soft_experts, self.soft_slots, self.dce_channels)
        if min(*sizes, *self.stem_widths, *self.dce_grid, *self.dwi_grid, *self.t2_grid) < 1:
            raise ValueError("every size of an architecture is at least 1")
        require_distinct_answers(self.answers)

    def grid(self, modality: Modality) -> _Grid:
        """Tokens along (axis 0, axis 1, slices) of one modality."""
        return {Modality.DCE: self.dce_grid, Modality.DWI: self.dwi_grid, Modality.T2: self.t2_grid}[modality]

    def tokens(self, modality: Modality) -> int:
        """Patch tokens of one modality, without CLS; axis 0 slowest, slices fastest."""
        axis0, axis1, slices = self.grid(modality)
        return axis0 * axis1 * slices

    def channels(self, modality: Modality) -> int:
        """Channels of the array: the phases of the DCE, one for the others."""
        return self.dce_channels if modality is Modality.DCE else 1

    def volume_shape(self, modality: Modality) -> tuple[int, int, int, int]:
        """(channels, axis 0, axis 1, slices) of the padded array that the tokenizer takes."""
        axis0, axis1, slices = self.grid(modality)
        return self.channels(modality), axis0 * PATCH, axis1 * PATCH, slices * PATCH

    def for_recipe(self, recipe: Recipe) -> Architecture:
        """This architecture on the volume sizes and phases of a recipe."""
        dce_grid, dwi_grid, t2_grid = (_grid_of(recipe, modality) for modality in Modality)
        return replace(self, dce_channels=recipe.dce_phases, dce_grid=dce_grid, dwi_grid=dwi_grid, t2_grid=t2_grid)

    def require_fits(self, recipe: Recipe) -> None:
        """Raise ValueError naming the modality whose recipe gives another array than the network takes."""
        for modality in Modality:
            expected = (recipe.channels(modality), *recipe.size(modality))
            if self.volume_shape(modality) != expected:
                raise ValueError(
                    f"{modality}: the network takes {self.volume_shape(modality)}, the recipe gives {expected}"
                )

    def usable(self, modalities: Iterable[Modality]) -> frozenset[Modality]:
        """Those of the modalities that it answers from: every one, and it needs no other."""
        return frozenset(modalities)

    def to_json(self) -> dict[str, Any]:
        """Plain values for the bundle's manifest."""
        return asdict(self)


def _grid_of(recipe: Recipe, modality: Modality) -> _Grid:
    """Tokens along each axis of a recipe's padded volume."""
    axis0, axis1, slices = recipe.size(modality)
    return axis0 // PATCH, axis1 // PATCH, slices // PATCH


def require_distinct_answers(answers: tuple[Head, ...]) -> None:
    """Raise ValueError unless each endpoint has one head, and there is at least one."""
    endpoints = [head.endpoint for head in answers]
    if not endpoints or len(set(endpoints)) < len(endpoints):
        raise ValueError(f"a network answers one or more distinct endpoints, got {endpoints}")


def heads_from_json(values: Any) -> tuple[Head, ...]:
    """Heads as the manifest writes them."""
    return tuple(Head(Endpoint(v["endpoint"]), int(v["classes"]), int(v["positive_class"])) for v in values)


def architecture_from_json(values: dict[str, Any]) -> Architecture:
    """The architecture that a manifest describes; CheckpointRefused names what it does not know or cannot be."""
    known = {field.name for field in fields(Architecture)}
    if unknown := sorted(set(values) - known):
        raise CheckpointRefused(f"the architecture has a field this version does not know: {unknown[0]}")
    enums: dict[str, Callable[[Any], Any]] = {
        "tokenizer_norm": TokenizerNorm,
        "head_kind": HeadKind,
        "early_adapter": EarlyAdapter,
        "late_adapter": LateAdapter,
        "answers": heads_from_json,
        "stem_widths": tuple,
        "dce_grid": tuple,
        "dwi_grid": tuple,
        "t2_grid": tuple,
    }
    try:
        return Architecture(**{key: enums[key](value) if key in enums else value for key, value in values.items()})
    except (TypeError, ValueError, KeyError) as error:
        raise CheckpointRefused(f"the manifest does not describe a valid architecture: {error}") from error


BASE = Architecture()
LARGE = Architecture(width=1024, heads=16, ffn_width=4096, layers=24, adapter_width=256)
