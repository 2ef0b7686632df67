"""The short-ranged MACE model: a sum of local atomic energies."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from falsemetal.potentials.graph import Graph
from falsemetal.potentials.libraries import MACEBlock, blocks, models, o3
from falsemetal.potentials.mace.settings import MACEArchitecture
from falsemetal.potentials.model import Model, Prediction

POLYNOMIAL_CUTOFF = 5
READOUT_IRREPS = "16x0e"


@dataclass(frozen=True)
class DatasetStatistics:
    """What a model takes from its training set before training.

    Atomic numbers ascend; the forces' RMS is the scale of the energies that the network predicts;
    neighbours are those within the model's cutoff.
    """

    elements: tuple[int, ...]
    force_rms_eV_per_A: float
    mean_neighbours: float


@dataclass(frozen=True)
class LocalState:
    """What message passing leaves behind: atomic energies and the features of every layer."""

    node_energies: torch.Tensor
    features: list[torch.Tensor]
    edge_harmonics: torch.Tensor
    edge_radial: torch.Tensor


def feature_irreps(settings: MACEArchitecture, l_max: int) -> o3.Irreps:
    """Irreps of the node features, `channels` copies of every l up to l_max."""
    return o3.Irreps("+".join(f"{settings.channels}x{l}{'eo'[l % 2]}" for l in range(l_max + 1)))  # noqa: E741


class ShortRangedMACE(Model):
    """MACE energy of a batch of structures (Batatia et al., arXiv:2206.07697).

    The interaction, product and readout blocks are those of `mace-torch`; only the assembly of the
    graph and the accumulation of the energy in float64 are done here. Atomic energies are fitted at
    the start of a training; zero until then. With `keep_equivariant_features` the last layer keeps
    l > 0, where plain MACE drops them.
    """

    mace: MACEBlock

    def __init__(
        self,
        settings: MACEArchitecture,
        statistics: DatasetStatistics,
        *,
        keep_equivariant_features: bool = False,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.statistics = statistics
        self.elements = statistics.elements
        self.r_cut_A = settings.r_cut_A
        n_elements = len(statistics.elements)
        self.register_buffer("atomic_energies_eV", torch.zeros(n_elements, dtype=torch.float64))
        self.mace = models.ScaleShiftMACE(
            atomic_inter_scale=statistics.force_rms_eV_per_A,
            atomic_inter_shift=0.0,
            r_max=settings.r_cut_A,
            num_bessel=settings.n_bessel,
            num_polynomial_cutoff=POLYNOMIAL_CUTOFF,
            max_ell=settings.max_ell,
            interaction_cls=blocks.RealAgnosticResidualInteractionBlock,
            interaction_cls_first=blocks.RealAgnosticResidualInteractionBlock,
            num_interactions=settings.layers,
            num_elements=n_elements,
            hidden_irreps=feature_irreps(settings, settings.l_max),
            MLP_irreps=o3.Irreps(READOUT_IRREPS),
            atomic_energies=np.zeros(n_elements),
            avg_num_neighbors=statistics.mean_neighbours,
            atomic_numbers=list(statistics.elements),
            correlation=settings.correlation,
            gate=torch.nn.functional.silu,
            radial_MLP=list(settings.radial_mlp),
            keep_last_layer_irreps=keep_equivariant_features,
        )

    def prepare_training(self) -> None:
        """Let convolutions and radial networks run by kernels, on a CPU with a compiler."""
        from falsemetal.potentials.fast.fused import fuse_convolutions
        from falsemetal.potentials.fast.linearised import linearise

        parameter = next(self.parameters())
        if parameter.device.type == "cpu":
            fuse_convolutions(self.mace, parameter.dtype)
            linearise(self.mace.radial_embedding, self.radial_networks(), parameter.dtype)

    def radial_networks(self) -> list[MACEBlock]:
        """Networks whose inputs are the radial features of edges."""
        return [interaction.conv_tp_weights for interaction in self.mace.interactions]

    def forward(self, graph: Graph) -> torch.Tensor:
        """Energies in eV, shape (n_graphs,), float64; forces follow from their gradient."""
        return self.sum_atomic_energies(graph, self.message_passing(graph).node_energies)

    def message_passing(self, graph: Graph) -> LocalState:
        """Run all layers; `node_energies` has shape (n,), eV, without the atomic energies."""
        mace = self.mace
        # float32 would round a position in a large cell by 1e-6 Å: differences are taken before
        dtype = mace.r_max.dtype
        vectors = graph.edge_vectors().to(dtype)
        lengths = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
        node_attrs = torch.nn.functional.one_hot(graph.species, len(self.elements))
        node_attrs = node_attrs.to(dtype)
        harmonics = mace.spherical_harmonics(vectors)
        radial, envelope = mace.radial_embedding(
            lengths, node_attrs, graph.edge_index, mace.atomic_numbers
        )
        node_features = mace.node_embedding(node_attrs)
        features: list[torch.Tensor] = []
        for interaction, product in zip(mace.interactions, mace.products, strict=True):
            messages, skip = interaction(
                node_attrs=node_attrs,
                node_feats=node_features,
                edge_attrs=harmonics,
                edge_feats=radial,
                edge_index=graph.edge_index,
                cutoff=envelope,
            )
            node_features = product(node_feats=messages, sc=skip, node_attrs=node_attrs)
            features.append(node_features)
        head = torch.zeros_like(graph.batch)
        readings = [
            readout(feature, head)[:, 0]
            for readout, feature in zip(mace.readouts, features, strict=True)
        ]
        node_energies = mace.scale_shift(torch.stack(readings).sum(0), head)
        return LocalState(node_energies, features, harmonics, radial)

    def sum_atomic_energies(self, graph: Graph, node_energies: torch.Tensor) -> torch.Tensor:
        """Add the atomic energies and sum over each structure, in float64."""
        per_atom = node_energies.double() + self.atomic_energies_eV[graph.species]
        total = torch.zeros(graph.n_graphs, dtype=torch.float64, device=per_atom.device)
        return total.index_add(0, graph.batch, per_atom)


def predict(
    model: Callable[[Graph], torch.Tensor], graph: Graph, *, create_graph: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Energies (g,) in eV and forces (n, 3) in eV/Å of a batch."""
    prediction, forces = _with_forces(
        lambda graph: Prediction(model(graph)), graph, create_graph=create_graph
    )
    return prediction.energies, forces


def predict_all(
    model: Model, graph: Graph, *, create_graph: bool = False
) -> tuple[Prediction, torch.Tensor]:
    """All that a model predicts for a batch, and forces (n, 3) in eV/Å."""
    return _with_forces(model.evaluate, graph, create_graph=create_graph)


def _with_forces(
    evaluate: Callable[[Graph], Prediction], graph: Graph, *, create_graph: bool
) -> tuple[Prediction, torch.Tensor]:
    graph.positions.requires_grad_(True)
    prediction = evaluate(graph)
    (gradient,) = torch.autograd.grad(
        prediction.energies.sum(), graph.positions, create_graph=create_graph
    )
    graph.positions.requires_grad_(False)
    return prediction if create_graph else prediction.detach(), -gradient
