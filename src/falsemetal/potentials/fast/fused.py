r"""Convolutions of a training: the same kernel, for weights by edge, differentiable twice.

The loss of forces needs derivatives of derivatives. The sums of
:mod:`~falsemetal.potentials.fast.convolution` are linear in the weights R, the features h, the
harmonics Y and, contracted with g, in it, too: their gradients are sums of the same kind, and so
are the gradients of those,

.. math::

    \nabla\,(a\cdot\nabla_R T + b\cdot\nabla_h T + c\cdot\nabla_Y T)
        = \nabla\,[T(a, h, Y, g) + T(R, b, Y, g) + T(R, h, c, g)].
"""

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from falsemetal.kernels import Kernel, beside, build
from falsemetal.potentials.fast.convolution import (
    first_components,
    kernel_values,
    output_components,
    paths_of,
)
from falsemetal.potentials.libraries import MACEBlock, o3
from falsemetal.potentials.store import default_dtype

SOURCE = beside(__file__, "convolution.cpp")

Edges = tuple[Tensor, Tensor, Tensor, Tensor]
"""First, last, senders and intervals, as in :class:`~falsemetal.potentials.fast.edges.Edges`."""


def fuse_convolutions(mace: MACEBlock, dtype: torch.dtype) -> None:
    """Let a model's convolutions run by kernels, where they can, by mace-torch's own hook."""
    for interaction in mace.interactions:
        try:
            with default_dtype(dtype):
                fused = FusedConvolution(interaction.conv_tp, dtype)
        except NotImplementedError:
            continue
        if fused.kernel is not None:
            # not a module of its own, so that weights keep their names
            interaction.conv_tp.forward = fused
            interaction.conv_fusion = True


class FusedConvolution:
    """Product of MACE's messages and their sums over edges, as one function.

    `kernel` is None where there is none.
    """

    def __init__(self, product: o3.TensorProduct, dtype: torch.dtype) -> None:
        paths = paths_of(product)
        self.dtype, self.channels = dtype, product.irreps_in1[0].mul
        harmonics = first_components(str(ir) for _, ir in product.irreps_in2)
        values = kernel_values(paths, self.channels, harmonics, degree=0)
        self.kernel = build(SOURCE, dtype, values, width=self.channels)
        senders = list(first_components(path.sender for path in paths))
        irreps = product.irreps_in1
        places = {str(ir): part for (_, ir), part in zip(irreps, irreps.slices(), strict=True)}
        # where the kernel's components and channels stand among e3nn's channels and components
        self.inputs = torch.cat([_by_component(places[ir], self.channels) for ir in senders])
        outputs = torch.empty(product.irreps_out.dim, dtype=torch.int64)
        of_paths = zip(product.instructions, output_components(paths), strict=True)
        for path, components in of_paths:
            part = product.irreps_out.slices()[path.i_out]
            kernel_places = torch.tensor(list(components))[:, None] * self.channels
            outputs[_by_component(part, self.channels)] = (
                kernel_places + torch.arange(self.channels)
            ).flatten()
        self.outputs = outputs

    def __call__(self, h: Tensor, y: Tensor, weights: Tensor, edge_index: Tensor) -> Tensor:
        """Messages in e3nn's layout, (n, dimension).

        Features have the shape (n, dimension), harmonics (m, components), weights (m, paths ×
        channels), and edges, sorted by their receivers, (2, m).
        """
        senders, receivers = edge_index
        if h.dtype != self.dtype or bool((receivers.diff() < 0).any()):
            raise ValueError(f"a product made for {self.dtype} and edges sorted by receiver")
        ends = torch.bincount(receivers, minlength=len(h)).cumsum(0)
        first = torch.cat([ends.new_zeros(1), ends[:-1]])
        # weights are splines of degree 0, one interval for each edge
        edges = first, ends, senders.contiguous(), torch.arange(len(senders))
        given = weights, h.index_select(1, self.inputs), y.T
        arrays = [x.contiguous() for x in given]
        sums: Tensor = _Sums.apply(self, edges, *arrays)  # type: ignore[no-untyped-call]
        return sums.index_select(1, self.outputs)

    def sums(self, edges: Edges, weights: Tensor, h: Tensor, y: Tensor) -> Tensor:
        """Sum over edges, T's derivative by g, shape (n, outputs × channels)."""
        out = h.new_empty(len(h), len(self.outputs))
        cast(Kernel, self.kernel)("forward", *self._given(edges, weights, h, y), out)
        return out

    def gradients(
        self, edges: Edges, weights: Tensor, h: Tensor, y: Tensor, g: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Differentiate T by weights, features and harmonics."""
        by_weights, by_y = torch.empty_like(weights), torch.empty_like(y)
        given = self._given(edges, weights, h, y)
        by_h = cast(Kernel, self.kernel).add_up(h, "backward", *given, g, by_y, by_weights)
        return by_weights, by_h, by_y

    def _given(self, edges: Edges, weights: Tensor, h: Tensor, y: Tensor) -> tuple[Any, ...]:
        return len(h), len(weights), *edges, weights.new_empty(0), y, weights, h


class _Sums(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, work: FusedConvolution, edges: Edges, *arrays: Tensor) -> Tensor:
        ctx.work, ctx.edges = work, edges
        ctx.save_for_backward(*arrays)
        return work.sums(edges, *arrays)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
        given = ctx.work, ctx.edges, *ctx.saved_tensors, g.contiguous()
        return None, None, *_Gradients.apply(*given)  # type: ignore[no-untyped-call]


class _Gradients(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, work: FusedConvolution, edges: Edges, *arrays: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.work, ctx.edges = work, edges
        ctx.save_for_backward(*arrays)
        ctx.set_materialize_grads(False)
        return work.gradients(edges, *arrays)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *directions: Tensor | None) -> tuple[Any, ...]:
        *factors, g = ctx.saved_tensors
        found: list[Any] = [None] * 4
        for place, direction in enumerate(directions):
            if direction is None:
                continue
            turned = [*factors]
            turned[place] = direction.contiguous()
            terms = *ctx.work.gradients(ctx.edges, *turned, g), ctx.work.sums(ctx.edges, *turned)
            for index, term in enumerate(terms):
                if index != place:
                    found[index] = term if found[index] is None else found[index] + term
        return None, None, *found


def _by_component(part: slice, channels: int) -> Tensor:
    """Places in e3nn's layout of an irrep, channels within components."""
    return torch.arange(part.start, part.stop).view(channels, -1).T.flatten()
