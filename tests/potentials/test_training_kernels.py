"""Kernels of a training give the loss and all its gradients as the plain model does."""

import copy

import pytest
import torch
from small_models import SETTINGS, small_model, water_layer
from test_evaluator import LARGE, polar

from falsemetal.potentials.fast import fused, linearised
from falsemetal.potentials.graph import build_graph, collate
from falsemetal.potentials.kinds import MACEKind
from falsemetal.potentials.mace.model import ShortRangedMACE, predict
from falsemetal.potentials.mace.split_charge import SplitChargeMACE
from falsemetal.potentials.store import build_model


def loss_and_gradients(model: ShortRangedMACE) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    layers = [water_layer(n, slab=slab) for n, slab in ((6, True), (9, False))]
    graph = collate([build_graph(layer, model.elements, model.r_cut_A) for layer in layers])
    energies, forces = predict(model, graph, create_graph=True)
    weights = torch.linspace(-1.0, 1.0, forces.numel(), dtype=torch.float64).view_as(forces)
    loss = energies.square().sum() + (forces - weights).square().sum()
    parameters = dict(model.named_parameters())
    found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    return loss, dict(zip(parameters, found, strict=True))


def check(model: ShortRangedMACE) -> None:
    model = model.requires_grad_(True)
    fast = copy.deepcopy(model)
    fast.prepare_training()
    (interaction, *_) = fast.mace.interactions
    assert isinstance(interaction.conv_tp.forward, fused.FusedConvolution)
    assert isinstance(interaction.conv_tp_weights.forward, linearised._Network)
    assert list(fast.state_dict()) == list(model.state_dict())
    loss, expected = loss_and_gradients(model)
    # an average is a copy
    for form in (fast, copy.deepcopy(fast)):
        found_loss, found = loss_and_gradients(form)
        assert torch.isclose(found_loss, loss, rtol=1e-12)
        for name, gradient in expected.items():
            if gradient is not None:
                scale = float(gradient.abs().max()) + 1e-9
                assert torch.allclose(found[name], gradient, rtol=0.0, atol=1e-10 * scale), name


@pytest.mark.parametrize("name", SETTINGS)
def test_every_kind_of_model(name) -> None:
    check(polar(small_model(name)))


def test_an_architecture_with_every_kind_of_path() -> None:
    statistics = small_model("mace-1").statistics
    settings = MACEKind(kind="mace", **LARGE)
    check(build_model(settings, statistics, dtype=torch.float64, seed=4))


def test_without_a_compiler_the_plain_model_is_trained(monkeypatch) -> None:
    for module in (fused, linearised):
        monkeypatch.setattr(module, "build", lambda *_, **__: None)
    model = small_model("split-2")
    assert isinstance(model, SplitChargeMACE)
    before = [type(part.forward) for part in model.modules()]
    model.prepare_training()
    assert [type(part.forward) for part in model.modules()] == before
