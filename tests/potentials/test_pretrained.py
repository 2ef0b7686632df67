"""Models that mace-torch saved, in the fast form where there is one, against its own calculator."""

import numpy as np
import pytest
import torch
from e3nn import o3
from mace.calculators import MACECalculator
from mace.modules import blocks
from mace.modules.models import ScaleShiftMACE
from small_models import water_layer

from falsemetal.potentials.calculator import ModelCalculator
from falsemetal.potentials.mace.pretrained import load_pretrained
from falsemetal.potentials.store import ModelError, default_dtype

RESIDUAL = blocks.RealAgnosticResidualInteractionBlock
ARCHITECTURES = {
    # as MACE-MP-0 and MACE-OFF
    "fast": {"interaction_cls": RESIDUAL, "interaction_cls_first": RESIDUAL},
    "first layer not residual": {
        "interaction_cls": RESIDUAL,
        "interaction_cls_first": blocks.RealAgnosticInteractionBlock,
    },
    "plain": {
        "interaction_cls": blocks.RealAgnosticDensityResidualInteractionBlock,
        "interaction_cls_first": blocks.RealAgnosticDensityInteractionBlock,
        "distance_transform": "Agnesi",
        "pair_repulsion": True,
    },
}


def save_model(path, **architecture) -> None:
    with default_dtype(torch.float64), torch.random.fork_rng():
        torch.manual_seed(1)
        model = ScaleShiftMACE(
            atomic_inter_scale=0.8,
            atomic_inter_shift=0.1,
            r_max=4.0,
            num_bessel=8,
            num_polynomial_cutoff=5,
            max_ell=2,
            num_interactions=2,
            num_elements=4,
            hidden_irreps=o3.Irreps("4x0e+4x1o"),
            MLP_irreps=o3.Irreps("16x0e"),
            atomic_energies=np.array([-1.0, -2.0, -3.0, -4.0]),
            avg_num_neighbors=9.0,
            atomic_numbers=[1, 6, 8, 11],
            correlation=3,
            gate=torch.nn.functional.silu,
            radial_MLP=[8, 8],
            **architecture,
        )
        torch.save(model, path)


@pytest.mark.filterwarnings("ignore:Environment variable TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_energies_and_forces_are_those_of_mace_torch(name, tmp_path) -> None:
    path = tmp_path / "a.model"
    save_model(path, **ARCHITECTURES[name])
    atoms = water_layer(8)
    theirs = atoms.copy()
    atoms.calc = ModelCalculator(load_pretrained(path, dtype=torch.float64), compiled=False)
    theirs.calc = MACECalculator(model_paths=str(path), device="cpu", default_dtype="float64")
    assert atoms.get_potential_energy() == pytest.approx(theirs.get_potential_energy(), abs=1e-8)
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
