"""FHI-aims: inputs keyword by keyword against S1.0.5, readers on real outputs."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase.build import molecule
from ase.io import read
from checkouts import ROOT, SHARED, with_shared_data
from electronic_jobs import write_spec
from metal_jobs import ELECTRONIC, interface
from pydantic import ValidationError
from snakemake.utils import update_config

from falsemetal.config import parse_config
from falsemetal.config.plan import Plan
from falsemetal.electronic.aims import CONTROL, GEOMETRY, AimsEngine
from falsemetal.electronic.aims_input import FIELD
from falsemetal.electronic.aims_result import (
    GRADIENT,
    dipole_per_area,
    is_converged,
    read_aims,
    read_atom_projected,
    read_text,
)
from falsemetal.electronic.density_of_states import DensityOfStates
from falsemetal.electronic.engine import SinglePoint
from falsemetal.electronic.errors import JobError, ResultError
from falsemetal.electronic.job import write_job
from falsemetal.electronic.settings import Electronic
from falsemetal.electronic.structure import Layer
from falsemetal.systems.system import REGION
from falsemetal.units import EPSILON_0

OUTPUTS = SHARED / "dft-outputs/fhi-aims"
SLAB, LAYERED = OUTPUTS / "slab-dipole-correction", OUTPUTS / "atom-projected-dos"


@pytest.fixture
def species(tmp_path) -> Path:
    """Stands for the licensed folder: files of the right names, with their first line alone."""
    folder = tmp_path / "intermediate"
    folder.mkdir()
    for name in ("01_H", "08_O", "29_Cu"):
        (folder / f"{name}_default").write_text(f"  species        {name[3:]}\n")
    return folder


@pytest.fixture
def water():
    atoms = molecule("H2O", cell=[6.0, 6.0, 20.0], pbc=[True, True, False])
    atoms.center()
    atoms.set_array(REGION, np.array(3 * ["water"]))
    atoms.info = {"trajectory": "0.h5", "step": 0, "delta_V_V": 0.0, "charge_e": -0.5562}
    return atoms


def keywords(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            key, _, value = line.strip().partition(" ")
            found.setdefault(key, []).append(" ".join(value.split()))
    return found


def engine(species: Path) -> AimsEngine:
    return AimsEngine(kind="fhi-aims", species_directory=str(species), k_grid=(2, 2, 1))


def write(water, species, **changes) -> dict[str, str]:
    point = SinglePoint(**({"functional": "PBE"} | changes))
    return engine(species).write(water, [], DensityOfStates(), point)


def test_control_holds_what_the_paper_says(water, species) -> None:
    control = keywords(write(water, species)[CONTROL])
    assert control["xc"] == ["pbe"]
    assert control["k_grid"] == ["2 2 1"]
    assert control["occupation_type"] == ["gaussian 0.01"]
    assert control["relativistic"] == ["none"]
    assert control["use_dipole_correction"] == [".true."]
    assert control["output"] == ["atom_proj_dos -20 10 1001 0.05"]
    assert sorted(control["species"]) == ["H", "O"]
    assert keywords(write(water, species, functional="RPBE")[CONTROL])["xc"] == ["rpbe"]


def test_a_job_is_written_for_every_panel_of_the_paper(water, species, tmp_path) -> None:
    """Of Figures 2b, 3b, S1, S9 (slabs) and S11 (a periodic cell), by paper.yaml and overlay."""
    raw = yaml.safe_load((ROOT / "config/paper.yaml").read_text())
    update_config(raw, yaml.safe_load((ROOT / "config/overlays/fhi-aims.yaml").read_text()))
    raw["electronic"]["engine"]["species_directory"] = str(species)
    electronic = Electronic.model_validate(raw["electronic"])
    fields, campaigns = {}, {}
    for name, frames in electronic.frames.items():
        structure = water.copy()
        structure.pbc[2] = frames.campaign != "slabs"
        for point in frames.single_points:
            folder, field = tmp_path / name / point.name, point.field_V_per_A
            write_job(folder, structure, write_spec(electronic, point))
            control = keywords((folder / CONTROL).read_text())
            assert control["xc"] == [point.functional.lower()]
            assert control["relativistic"] == ["none"]
            assert control["occupation_type"][0].startswith("gaussian ")
            assert re.fullmatch(r"atom_proj_dos -20 \S+ 1001 \S+", control["output"][0])
            assert ("use_dipole_correction" in control) == (frames.campaign == "slabs")
            geometry = keywords((folder / GEOMETRY).read_text())
            assert geometry.get("homogeneous_field") == (["0.0 0.0 0.020000"] if field else None)
            fields.setdefault(name, []).append(field)
            campaigns.setdefault(frames.campaign, set()).add(point.functional)
    assert campaigns == {"slabs": {"PBE"}, "elongated": {"RPBE"}}
    assert fields["insulating"] == fields["closed"] == [0.0, 0.02]


def test_a_job_is_written_for_every_panel_of_copper_and_water(species, tmp_path) -> None:
    """Of Figures 2a, 2c, S1b (films) and S6 (a periodic cell), by overlay; keywords of S1.0.5."""
    raw = yaml.safe_load((ROOT / "config/interfaces-paper.yaml").read_text())
    overlay = ROOT / "config/overlays/fhi-aims-interfaces.yaml"
    update_config(raw, yaml.safe_load(overlay.read_text()))
    raw["electronic"]["engine"]["species_directory"] = str(species)
    plan = Plan(parse_config(raw, source="test"), {})
    for product, sets in {
        "fig2a": {"wide", "narrow"},
        "fig2c": {"wide", "narrow"},
        "figS1b": {"wide", "narrow"},
        "figS6": {"between"},
    }.items():
        paths = [path.split("/") for path in plan.inputs(product)]
        assert {parts[2] for parts in paths if parts[1] == "electronic"} == sets
    sizes = {name: (f.campaign, f.size_A) for name, f in plan.frame_sets.items()}
    assert set(sizes.values()) == {("interface", 29.16), ("periodic", 32.0)}
    for job in plan.jobs.values():
        confined = plan.frame_sets[job.frames].campaign == "periodic"
        folder = tmp_path / job.frames / str(job.frame)
        spec = plan.write_job(job.frames, str(job.frame), job.point.name)
        write_job(folder, interface(0.0, confined=confined), spec)
        control = keywords((folder / CONTROL).read_text())
        assert control.pop("use_dipole_correction", None) == (None if confined else [".true."])
        assert control.pop("set_vacuum_level", None) == (None if confined else ["0.0"])
        assert control.pop("output") == ["atom_proj_dos -20 10 1001 0.05"]
        assert sorted(control.pop("species")) == ["Cu", "H", "O"]
        assert control == {
            "xc": ["pbe"],
            "spin": ["none"],
            "relativistic": ["none"],
            "occupation_type": ["gaussian 0.01"],
            "k_grid": ["2 2 1"],
        }
        geometry = keywords((folder / GEOMETRY).read_text())
        assert len(geometry["lattice_vector"]) == 3
        assert FIELD not in geometry


def test_a_film_on_copper_in_a_field(species, tmp_path) -> None:
    settings = Electronic(engine=engine(species), frames=ELECTRONIC.frames)
    point = SinglePoint(functional="PBE", field_V_per_A=0.02, cubes=True)
    write_job(tmp_path, interface(0.0), write_spec(settings, point))
    geometry = keywords((tmp_path / GEOMETRY).read_text())
    assert geometry[FIELD] == ["0.0 0.0 0.020000"]
    assert keywords((tmp_path / CONTROL).read_text())["use_dipole_correction"] == [".true."]
    with pytest.raises(JobError, match="choose a slab"):
        write_job(tmp_path, interface(0.0, confined=True), write_spec(settings, point))


def test_inputs_bear_no_date_since_what_differs_is_computed_anew(water, species) -> None:
    files = write(water, species)
    assert files[CONTROL].split()[0] == "xc"
    assert files[GEOMETRY].split()[0] == "lattice_vector"


def test_bulk_has_no_dipole_correction(water, species) -> None:
    water.pbc = True
    assert "use_dipole_correction" not in keywords(write(water, species)[CONTROL])


def test_geometry_is_the_structure(water, species, tmp_path) -> None:
    (tmp_path / GEOMETRY).write_text(write(water, species)[GEOMETRY])
    atoms = read(tmp_path / GEOMETRY, format="aims")
    np.testing.assert_allclose(atoms.positions, water.positions, atol=1e-9)
    np.testing.assert_allclose(atoms.cell.array, water.cell.array)


def test_a_field_comes_with_cubes_of_density_and_potential(water, species) -> None:
    for field, lines in ((0.0, None), (0.02, ["0.0 0.0 0.020000"])):
        files = write(water, species, field_V_per_A=field, cubes=True)
        assert keywords(files[GEOMETRY]).get("homogeneous_field") == lines
        output = keywords(files[CONTROL])["output"]
        assert "cube total_density" in output
        assert "cube hartree_potential" in output


def test_cubes_are_in_atomic_units_and_tile_the_cell(water, species) -> None:
    control = keywords(write(water, species, field_V_per_A=0.02, cubes=True)[CONTROL])
    assert control["cube_content_unit"] == ["bohr"]
    lines = [line.split() for line in control["cube"]]
    assert [line[1] for line in lines if line[0] == "filename"] == [
        "density.cube",
        "potential.cube",
    ]
    counts = np.array([line[1] for line in lines if line[0] == "edge"][:3], int)
    steps = np.array([line[2:] for line in lines if line[0] == "edge"][:3], float)
    np.testing.assert_allclose(counts[:, None] * steps, water.cell.array, atol=1e-5)
    # FHI-aims takes the origin for the middle of the points: the first is the corner of the cell
    origin = np.array(next(line[1:] for line in lines if line[0] == "origin"), float)
    np.testing.assert_allclose(origin - 0.5 * (counts - 1) @ steps, 0.0, atol=1e-6)


def test_what_cannot_be_written_is_told(water, species) -> None:
    with pytest.raises(ValidationError, match="species_directory\n  Field required"):
        AimsEngine(kind="fhi-aims")
    with pytest.raises(ValidationError, match="nowhere: no folder; give species_defaults"):
        AimsEngine(kind="fhi-aims", species_directory=str(species / "nowhere"))
    fault = "revPBE0: FHI-aims has no keyword"
    frames = {"potential": "any", "campaign": "slabs", "size_A": 6.3, "quantiles": [0.5]}
    frames |= {"functionals": ["RPBE", "revPBE0"]}
    with pytest.raises(ValidationError, match=f"frames.some.functionals: {fault}"):
        Electronic(engine=engine(species), frames={"some": frames})
    (species / "08_O_default").unlink()
    with pytest.raises(JobError, match="has no 08_O_default"):
        write(water, species)


def test_a_home_folder_is_found_and_a_command_changes_no_result(
    species, water, monkeypatch
) -> None:
    monkeypatch.setenv("HOME", str(species.parent))
    at_home = AimsEngine(kind="fhi-aims", species_directory="~/intermediate", command="sh {cores}")
    assert at_home.species_directory == "~/intermediate"  # wherever that is
    texts = at_home.write(water, [], DensityOfStates(), SinglePoint(functional="PBE"))
    assert "species        H" in "".join(texts.values())
    assert at_home.find_fault() is None
    without = at_home.model_copy(update={"command": None})
    assert "electronic.engine.command: required" in without.find_fault()
    assert without.identity() == at_home.identity()
    absent = at_home.model_copy(update={"command": "no-such-program"})
    assert "no-such-program is not on PATH" in absent.find_fault()


@with_shared_data
def test_the_dipole_is_that_of_the_printed_gradient_and_jump() -> None:
    text = read_text(SLAB / "aims.out")
    height = read(SLAB / "geometry.in", format="aims").cell.lengths()[2]
    dipole = dipole_per_area(float(GRADIENT.findall(text)[-1]), height)
    # levels of an electron: the upper vacuum lies higher by what the potential drops
    upper, lower = (
        float(re.findall(rf'Potential vacuum level, "{side}" slab surface:\s+(\S+) eV', text)[-1])
        for side in ("upper", "lower")
    )
    assert dipole / EPSILON_0 == pytest.approx(lower - upper, abs=1e-4)


@with_shared_data
def test_both_energy_references_are_the_same_density() -> None:
    level, raw = (
        read_atom_projected(LAYERED / f"atom_proj_dos_N0001{end}.dat") for end in ("", "_raw")
    )
    assert (level.from_vacuum, raw.from_vacuum) == (False, True)
    np.testing.assert_allclose(level.density, raw.density)
    np.testing.assert_allclose(
        level.energies_eV + level.reference_eV, raw.energies_eV + raw.reference_eV, atol=1e-6
    )
    assert level.reference_eV == pytest.approx(-2.822463)


@pytest.fixture
def layered(tmp_path) -> Path:
    return Path(shutil.copytree(LAYERED, tmp_path / "job"))


def of_layers(folder: Path):
    structure = read(LAYERED / "geometry.in", format="aims")
    return read_aims(folder, structure, [Layer(0.0, "layer", np.array([0, 1]))])


@with_shared_data
def test_a_job_is_read_whole(layered) -> None:
    result = of_layers(layered)
    assert result.engine == "FHI-aims 210513"
    # from the middle of the gap
    assert result.homo_eV == pytest.approx(-result.lumo_eV)
    single = [read_atom_projected(layered / f"atom_proj_dos_{a}.dat") for a in ("N0001", "B0002")]
    np.testing.assert_allclose(result.density[0], single[0].density + single[1].density)
    # PBE's gap of a single layer of boron nitride
    assert result.lumo_eV - result.homo_eV == pytest.approx(4.6, abs=0.3)
    # the density vanishes within the gap
    inside = (result.energies_eV > result.homo_eV + 0.3) & (
        result.energies_eV < result.lumo_eV - 0.3
    )
    assert result.density[0][inside].max() < 1e-3 * result.density[0].max()


@with_shared_data
def test_two_spins_are_summed(layered) -> None:
    whole = of_layers(layered).density
    for atom in ("N0001", "B0002"):
        path = layered / f"atom_proj_dos_{atom}.dat"
        for spin in ("up", "dn"):
            shutil.copy(path, layered / f"atom_proj_dos_spin_{spin}{atom}.dat")
        path.unlink()
    np.testing.assert_allclose(of_layers(layered).density, 2.0 * whole)


@with_shared_data
def test_faulty_outputs_are_told_one_by_one(layered) -> None:
    text = (layered / "aims.out").read_text()

    def assert_told(message: str, content: str) -> None:
        (layered / "aims.out").write_text(content)
        with pytest.raises(ResultError, match=message):
            of_layers(layered)

    assert_told("cut short; run the job again", text[: len(text) // 2])
    assert_told("no output of FHI-aims", "CP2K| version")
    assert_told("of another input .*, where “", (SLAB / "aims.out").read_text())
    assert_told("where “k_grid 12 12 1” is", text.replace("k_grid   ", "k_grid 1 "))
    assert_told("where “homogeneous_field” is", f"{text}\nhomogeneous_field 0.0 0.0 0.02\n")
    (layered / "aims.out").write_text(text.replace("Self-consistency cycle converged.", ""))
    assert not is_converged(layered / "aims.out")
    (layered / "aims.out").write_text(text)
    assert is_converged(layered / "aims.out")
    table = (layered / "atom_proj_dos_N0001.dat").read_text()
    (layered / "atom_proj_dos_N0001.dat").write_text(table[:-40])
    with pytest.raises(ResultError, match=r"atom_proj_dos_N0001\.dat: no readable density"):
        of_layers(layered)
    (layered / "atom_proj_dos_N0001.dat").unlink()
    with pytest.raises(ResultError, match="copy back all files"):
        of_layers(layered)


def test_a_label_asks_for_forces_and_for_no_states(water, species) -> None:
    control = keywords(write(water, species, forces=True)[CONTROL])
    assert control["compute_forces"] == [".true."]
    assert "output" not in control
    states = keywords(write(water, species)[CONTROL])
    for key in ("xc", "spin", "relativistic", "k_grid", "occupation_type", "use_dipole_correction"):
        assert control[key] == states[key]


FORCES = """
  Total atomic forces (unitary forces cleaned) [eV/Ang]:
  |    1       0.100000000000000E+00       0.200000000000000E+00      -0.300000000000000E+00
  |    2      -0.100000000000000E+00      -0.200000000000000E+00       0.300000000000000E+00

"""


@with_shared_data
def test_labels_are_read_of_the_structure_that_they_were_asked_of(layered, species) -> None:
    structure = read(LAYERED / "geometry.in", format="aims")
    labels = engine(species).read_labels
    with pytest.raises(ResultError, match="no energy and forces"):
        labels(layered, structure)
    output = layered / "aims.out"
    output.write_text(
        output.read_text().replace(
            "  Final output of selected", FORCES + "  Final output of selected", 1
        )
    )
    energy, forces = labels(layered, structure)
    assert energy == pytest.approx(-2169.26122592486)
    assert forces == pytest.approx(np.array([[0.1, 0.2, -0.3], [-0.1, -0.2, 0.3]]))
    structure.rattle(0.01, seed=1)
    with pytest.raises(ResultError, match="another structure"):
        labels(layered, structure)
