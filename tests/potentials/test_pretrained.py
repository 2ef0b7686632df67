"""Models that mace-torch saved, in the fast form where there is one, against its own calculator."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from e3nn import o3
from mace.calculators import MACECalculator
from mace.modules import blocks
from mace.modules.models import ScaleShiftMACE
from small_models import water_layer

from falsemetal.files import file_sha256
from falsemetal.potentials.calculator import ModelCalculator
from falsemetal.potentials.kinds.mace import MACEKind
from falsemetal.potentials.mace.model import DatasetStatistics
from falsemetal.potentials.mace.pretrained import load_pretrained
from falsemetal.potentials.store import ModelError, build_model, default_dtype, load_model
from falsemetal.potentials.store import save_model as save_folder

RESIDUAL = blocks.RealAgnosticResidualInteractionBlock
ARCHITECTURES = {
    # as MACE-MP-0 and MACE-OFF
    "fast": {"interaction_cls": RESIDUAL, "interaction_cls_first": RESIDUAL},
    "first layer not residual": {
        "interaction_cls": RESIDUAL,
        "interaction_cls_first": blocks.RealAgnosticInteractionBlock,
    },
    # as MACE-MPA-0 and MACE-OMAT-0
    "density": {
        "interaction_cls": blocks.RealAgnosticDensityResidualInteractionBlock,
        "interaction_cls_first": blocks.RealAgnosticDensityInteractionBlock,
        "distance_transform": "Agnesi",
        "pair_repulsion": True,
    },
    "last readout": {
        "interaction_cls": RESIDUAL,
        "interaction_cls_first": RESIDUAL,
        "use_last_readout_only": True,
    },
    "plain": {
        "interaction_cls": blocks.RealAgnosticAttResidualInteractionBlock,
        "interaction_cls_first": RESIDUAL,
    },
}


def save_model(path, dtype=torch.float64, n_heads=1, **architecture) -> ScaleShiftMACE:
    with default_dtype(dtype), torch.random.fork_rng():
        torch.manual_seed(1)
        energies = np.array([-1.0, -2.0, -3.0, -4.0])
        model = ScaleShiftMACE(
            atomic_inter_scale=0.8 if n_heads == 1 else [0.8] * n_heads,
            atomic_inter_shift=0.1 if n_heads == 1 else [0.1] * n_heads,
            r_max=4.0,
            num_bessel=8,
            num_polynomial_cutoff=5,
            max_ell=2,
            num_interactions=2,
            num_elements=4,
            hidden_irreps=o3.Irreps("4x0e+4x1o"),
            MLP_irreps=o3.Irreps("16x0e"),
            atomic_energies=energies if n_heads == 1 else np.stack([energies, 11.0 * energies]),
            avg_num_neighbors=9.0,
            atomic_numbers=[1, 6, 8, 11],
            correlation=3,
            gate=torch.nn.functional.silu,
            radial_MLP=[8, 8],
            **architecture,
        )
        torch.save(model, path)
    return model


@pytest.mark.filterwarnings("ignore:Environment variable TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_energies_and_forces_are_those_of_mace_torch(name, compiled, tmp_path, caplog) -> None:
    path = tmp_path / "a.model"
    save_model(path, **ARCHITECTURES[name])
    atoms = water_layer(8)
    theirs = atoms.copy()
    atoms.calc = ModelCalculator(load_pretrained(path, dtype=torch.float64), compiled=compiled)
    theirs.calc = MACECalculator(model_paths=str(path), device="cpu", default_dtype="float64")
    with caplog.at_level("INFO", logger="falsemetal"):
        energy = atoms.get_potential_energy()
    assert ("runs in its plain form" in caplog.text) == (name == "plain")
    assert energy == pytest.approx(theirs.get_potential_energy(), abs=1e-8)
    assert np.abs(theirs.get_forces()).max() > 0.01
    np.testing.assert_allclose(atoms.get_forces(), theirs.get_forces(), atol=1e-9)


def test_a_file_that_holds_no_model_is_named(tmp_path) -> None:
    path = tmp_path / "a.model"
    path.write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"a\.model: not a model that mace-torch has saved"):
        load_pretrained(path, dtype=torch.float64)
    torch.save(torch.nn.Linear(1, 1), path)
    with pytest.raises(ModelError, match=r"a\.model: holds a Linear"):
        load_pretrained(path, dtype=torch.float64)
    with pytest.raises(ModelError, match="nowhere"):
        load_pretrained(tmp_path / "nowhere.model", dtype=torch.float64)


@pytest.mark.filterwarnings("ignore:Environment variable TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
def test_one_of_several_heads_is_named(tmp_path) -> None:
    path = tmp_path / "a.model"
    save_model(path, n_heads=2, heads=["spice", "omat"], **ARCHITECTURES["fast"])
    for head, message in ((None, "several heads"), ("mp", "no head 'mp'")):
        with pytest.raises(ModelError, match=rf"a.model: the model has {message}.*: spice, omat"):
            load_pretrained(path, dtype=torch.float64, head=head)
    atoms = water_layer(4)
    for head in ("spice", "omat"):
        theirs = MACECalculator(
            model_paths=str(path), device="cpu", default_dtype="float64", head=head
        )
        model = load_pretrained(path, dtype=torch.float64, head=head)
        found = [
            potential.get_potential_energy(atoms) for potential in (ModelCalculator(model), theirs)
        ]
        assert found[0] == pytest.approx(found[1], abs=1e-8)


@pytest.mark.filterwarnings("ignore:Environment variable TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
def test_checkpoints_of_older_and_newer_mace_torch(tmp_path) -> None:
    """Models of before there were heads lack the attribute, and those in float32 are converted."""
    path, old = tmp_path / "a.model", tmp_path / "old.model"
    single = save_model(path, dtype=torch.float32, **ARCHITECTURES["fast"])
    del single.heads
    torch.save(single, old)
    atoms = water_layer(4)
    energies = [
        ModelCalculator(load_pretrained(file, dtype=torch.float64)).get_potential_energy(atoms)
        for file in (path, old)
    ]
    assert energies[0] == pytest.approx(energies[1], abs=1e-9)
    torch.save({"model": single.state_dict(), "optimizer": {}, "epoch": 3}, old)
    with pytest.raises(ModelError, match=r"old.model: a checkpoint of a training.*\.model file"):
        load_pretrained(old, dtype=torch.float64)
    torch.jit.script(torch.nn.Linear(1, 1)).save(str(old))
    with pytest.raises(ModelError, match=r"old.model: compiled, .* give what it was made of"):
        load_pretrained(old, dtype=torch.float64)


def test_weights_that_are_a_pickle_are_not_run(tmp_path) -> None:
    """A file of weights that would run code is refused in our own words."""
    settings = MACEKind(kind="mace", dataset="a", r_cut_A=4.0, channels=4, layers=1, l_max=0)
    statistics = DatasetStatistics((1, 8), 1.0, 9.0)
    model = build_model(settings, statistics, dtype=torch.float32)
    save_folder(model, settings, tmp_path, stamp={})
    torch.save(Trap(tmp_path / "run"), tmp_path / "weights.pt")
    description = json.loads((tmp_path / "model.json").read_text())
    description["weights_sha256"] = file_sha256(tmp_path / "weights.pt")
    (tmp_path / "model.json").write_text(json.dumps(description))
    with pytest.raises(ModelError, match=r"weights.pt: holds no weights.*train again") as told:
        load_model(tmp_path, dtype=torch.float32)
    assert "weights_only" not in str(told.value)
    assert not (tmp_path / "run").exists()


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)
