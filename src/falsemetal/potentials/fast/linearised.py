r"""Radial networks of a training, with their derivative by the length beside them.

Positions are data, so that the loss needs no second derivative by a length. A radial function is
therefore :math:`R + R'\,(r - r_0)` at :math:`r_0 = r`: its value, its slope, and how both depend on
the weights are exact, and the network is never differentiated twice. Value and slope go through it
together.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import jvp

from falsemetal.kernels import Kernel, beside, build, with_gradient
from falsemetal.potentials.libraries import MACEBlock, nn

SOURCE = beside(__file__, "silu.cpp")


def linearise(embedding: MACEBlock, networks: Sequence[MACEBlock], dtype: torch.dtype) -> None:
    """Let an embedding of lengths, and all networks of what it gives, be linear in the lengths.

    Done where there is a compiler, nothing of the embedding is trained, and networks are of the
    kind that this knows.
    """
    kernel = build(SOURCE, dtype, {})
    known = all(map(_is_known, networks)) and getattr(embedding, "apply_cutoff", True)
    if kernel is None or not known or any(p.requires_grad for p in embedding.parameters()):
        return
    embedding.forward = _Embedding(embedding.forward)
    for network in networks:
        network.forward = _Network(network, kernel)


class _Embedding:
    """Radial features and their slopes, which are constant, and r − r₀ in the last column."""

    def __init__(self, forward: Callable[..., Any]) -> None:
        self.forward = forward

    def __call__(self, lengths: Tensor, *species: Tensor) -> tuple[Tensor, None]:
        fixed = lengths.detach()
        with torch.no_grad():
            found = jvp(lambda r: self.forward(r, *species)[0], (fixed,), (torch.ones_like(fixed),))
        return torch.cat([*found, lengths - fixed], 1), None


class _Network:
    """A network of e3nn on values and slopes at once."""

    def __init__(self, network: MACEBlock, kernel: Kernel) -> None:
        self.layers, self.kernel = list(network), kernel
        self.dtype = self.layers[0].weight.dtype

    def __call__(self, features: Tensor) -> Tensor:
        if features.dtype != self.dtype:
            raise ValueError(f"a network made for {self.dtype}")
        n = (features.shape[1] - 1) // 2
        x = torch.stack([features[:, :n], features[:, n : 2 * n]]).detach()
        for layer in self.layers:
            scale = (layer.var_out / (layer.h_in * layer.var_in)) ** 0.5
            if layer.act is None:
                x = x @ (scale * layer.weight)
            else:
                inner = x @ (layer.weight / (layer.h_in * layer.var_in) ** 0.5)
                x = layer.act.cst * layer.var_out**0.5 * self._silu(inner)
        values: Tensor = x[0] + x[1] * features[:, 2 * n :]
        return values

    def _silu(self, x: Tensor) -> Tensor:
        y = torch.empty_like(x)
        size = x[0].numel()
        self.kernel("forward", size, *x.detach(), *y)

        def gradient(by_y: Tensor) -> tuple[Tensor]:
            by_x = torch.empty_like(x)
            self.kernel("backward", size, *x.detach(), *by_y, *by_x)
            return (by_x,)

        return with_gradient(gradient, (y,), x)[0]


def _is_known(network: MACEBlock) -> bool:
    return isinstance(network, nn.FullyConnectedNet) and all(
        layer.act is None or layer.act.f is torch.nn.functional.silu for layer in network
    )
