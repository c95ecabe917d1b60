"""Volumes to tokens: three strided convolutions for each modality.

B batch, C channels of the volume, N channels of a layer, XYZ voxels, T tokens, D width.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from mome_core.model.architecture import TokenizerNorm

_INSTANCE_NORM_EPSILON = 1e-5
_CHANNELS_LAST = torch.channels_last_3d  # convolutions take 0.6 times as long as in torch's default layout
_SLAB = 8  # slices of axis X at a time: products that stay in the cache cost a tenth of those that do not


class Tokenizer(nn.Module):
    """(B, C, X, Y, Z) -> (B, T, D): conv, norm, ReLU three times, then a max pooling; each halves every axis."""

    def __init__(self, channels: int, stem_widths: tuple[int, int], width: int, norm: TokenizerNorm) -> None:
        super().__init__()
        sizes = (channels, *stem_widths, width)
        self.convolutions = nn.ModuleList(
            nn.Conv3d(before, after, kernel_size=3, stride=2, padding=1, bias=False)
            for before, after in pairwise(sizes)
        )
        self.convolutions.to(memory_format=_CHANNELS_LAST)  # type: ignore[call-overload]  # torch's stubs lack it
        batch_norms = [nn.BatchNorm3d(after) for after in sizes[1:]] if norm is TokenizerNorm.BATCH else []
        self.batch_norms = nn.ModuleList(batch_norms)

    def forward(self, volume_BCXYZ: Tensor) -> Tensor:
        return self.after_first_convolution(self.first_convolution(volume_BCXYZ))

    def first_convolution(self, volume_BCXYZ: Tensor) -> Tensor:
        """(B, N, X / 2, Y / 2, Z / 2), the only part that is linear in the volume: no bias, nothing before it."""
        first_BNXYZ: Tensor = self.convolutions[0](volume_BCXYZ.contiguous(memory_format=_CHANNELS_LAST))
        return first_BNXYZ

    def first_transposed(self, first_BNXYZ: Tensor, shape: torch.Size) -> Tensor:
        """The transpose of `first_convolution`: gradients by its output become those by its volume of this shape."""
        weight: Any = self.convolutions[0].weight
        rest = [n - 2 * half + 1 for n, half in zip(shape[2:], first_BNXYZ.shape[2:], strict=True)]
        return nn.functional.conv_transpose3d(first_BNXYZ, weight, stride=2, padding=1, output_padding=rest)

    def after_first_convolution(self, first_BNXYZ: Tensor) -> Tensor:
        """(B, T, D) from the output of the first convolution, which is overwritten unless it needs a gradient."""
        x_BNXYZ = self.normalise(0, first_BNXYZ)
        for layer, convolution in enumerate(self.convolutions[1:], start=1):
            x_BNXYZ = convolution(x_BNXYZ.contiguous(memory_format=_CHANNELS_LAST))
            x_BNXYZ = self.normalise(layer, x_BNXYZ)
        x_BNXYZ = nn.functional.max_pool3d(x_BNXYZ, kernel_size=3, stride=2, padding=1)
        return x_BNXYZ.flatten(2).transpose(1, 2)  # axis X slowest, Z fastest

    def normalise(self, layer: int, x_BNXYZ: Tensor) -> Tensor:
        """Norm and ReLU after one convolution; overwrites its argument."""
        if not self.batch_norms:
            return _normalise_and_rectify(x_BNXYZ)
        return nn.functional.relu(self.batch_norms[layer](x_BNXYZ), inplace=True)


def _normalise_and_rectify(x_BNXYZ: Tensor) -> Tensor:
    """Instance norm without affine, then ReLU; overwrites its argument."""
    normalised: Tensor = NormaliseAndRectify.apply(x_BNXYZ)  # type: ignore[no-untyped-call]
    return normalised


class NormaliseAndRectify(torch.autograd.Function):
    """Instance norm and ReLU in one step that keeps one tensor for the backward pass, where two steps keep two.

    At full size that is 0.4 GB for the first layer of the DCE. Statistics are float32 for half precision too, over
    all voxels (the padding's zeros take part, as in the published model), with the biased variance.
    """

    @staticmethod
    def forward(ctx: Any, x_BNXYZ: Tensor) -> Tensor:
        x = x_BNXYZ.float() if x_BNXYZ.dtype in (torch.float16, torch.bfloat16) else x_BNXYZ
        x.sub_(x.mean(dim=(2, 3, 4), keepdim=True))
        scale = torch.rsqrt(_mean_product(x, x) + _INSTANCE_NORM_EPSILON)
        normal = x.mul_(scale).to(x_BNXYZ.dtype)
        if ctx.needs_input_grad[0]:
            ctx.save_for_backward(normal, scale)
            return normal.relu()
        return normal.relu_()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_BNXYZ: Tensor) -> Tensor:
        normal, scale = ctx.saved_tensors
        gradient: Tensor = torch.ops.aten.threshold_backward(gradient_BNXYZ, normal, 0.0)  # 0 where the ReLU gave 0
        along = _mean_product(gradient, normal).to(normal.dtype)
        gradient.sub_(gradient.mean(dim=(2, 3, 4), keepdim=True)).addcmul_(normal, along, value=-1)
        return gradient.mul_(scale)


def _mean_product(a_BNXYZ: Tensor, b_BNXYZ: Tensor) -> Tensor:
    """Mean over the voxels of a * b, (B, N, 1, 1, 1)."""
    slabs = zip(torch.split(a_BNXYZ, _SLAB, dim=2), torch.split(b_BNXYZ, _SLAB, dim=2), strict=True)
    sums = [(a * b).sum(dim=(2, 3, 4), keepdim=True) for a, b in slabs]
    return torch.stack(sums).sum(dim=0) / a_BNXYZ[0, 0].numel()
