"""Calculators with one fault each."""

import numpy as np
from ase.calculators.calculator import Calculator
from ase.calculators.lj import LennardJones

EPSILON_0 = 5.526349406e-3
"""In e/(V·Å); other interpreters, in which this file is run, know no falsemetal."""


class Soft(Calculator):
    """Pairs within 3 Å: short-ranged, cheap and smooth."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012
    sigma = 1.2

    def calculate(self, atoms=None, properties=None, system_changes=None) -> None:
        super().calculate(atoms, properties, system_changes)
        inner = LennardJones(sigma=self.sigma, epsilon=0.01, rc=3.0, smooth=True)
        copy = atoms.copy()
        copy.calc = inner
        self.results = {"energy": copy.get_potential_energy(), "forces": copy.get_forces()}


class Bonded(Calculator):
    """Molecules O, H, H held together by springs, blind to each other."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def calculate(self, atoms=None, properties=None, system_changes=None) -> None:
        super().calculate(atoms, properties, system_changes)
        molecules = self.atoms.positions.reshape(-1, 3, 3)
        energy, forces = 0.0, np.zeros_like(molecules)
        for one, other, length in ((0, 1, 1.0), (0, 2, 1.0), (1, 2, 1.63)):
            vectors = molecules[:, other] - molecules[:, one]
            edges = np.where(self.atoms.pbc, self.atoms.cell.lengths(), np.inf)
            vectors -= np.where(np.isfinite(edges), edges, 0.0) * np.round(vectors / edges)
            distances = np.linalg.norm(vectors, axis=1)
            stretched = (distances - length)[:, None] * vectors / distances[:, None]
            energy += 10.0 * float(((distances - length) ** 2).sum())
            forces[:, one] += 20.0 * stretched
            forces[:, other] -= 20.0 * stretched
        self.results = {"energy": energy, "forces": forces.reshape(-1, 3)}


class Failing(Soft):
    """Fails with a message of many lines."""

    def calculate(self, atoms=None, properties=None, system_changes=None) -> None:
        raise RuntimeError("CUDA out of memory\nand many more lines")


class LackingOxygen(Soft):
    """Does not know an element."""

    def calculate(self, atoms=None, properties=None, system_changes=None) -> None:
        raise KeyError("O")


class NotANumber(Soft):
    """Has no finite energy."""

    def calculate(self, atoms=None, properties=None, system_changes=None) -> None:
        super().calculate(atoms, properties, system_changes)
        self.results["energy"] = np.nan


class WithoutForces(Soft):
    """Has energies alone."""

    implemented_properties = ["energy"]  # noqa: RUF012

    def calculate(self, atoms=None, properties=None, system_changes=None) -> None:
        super().calculate(atoms, properties, system_changes)
        del self.results["forces"]


class Meddling(Soft):
    """Wraps the atoms that it is given, as the worst do."""

    def get_potential_energy(self, atoms=None, force_consistent=False):
        energy = super().get_potential_energy(atoms)
        atoms.positions -= 1.0
        return energy


class Random(Soft):
    """Answers differently each time."""

    generator = np.random.default_rng(0)

    def calculate(self, atoms=None, properties=None, system_changes=None) -> None:
        super().calculate(atoms, properties, system_changes)
        self.results["energy"] += self.generator.normal()


class NotPeriodic(Soft):
    """Does not see across the cell's faces."""

    def calculate(self, atoms=None, properties=None, system_changes=None) -> None:
        alone = atoms.copy()
        alone.pbc = False
        super().calculate(alone, properties, system_changes)


class NotExtensive(Soft):
    """Has an energy that grows faster than its atoms."""

    def calculate(self, atoms=None, properties=None, system_changes=None) -> None:
        super().calculate(atoms, properties, system_changes)
        self.results["energy"] += 1e-4 * len(atoms) ** 2


class OnlyBulk(Soft):
    """Refuses whatever is not periodic."""

    def calculate(self, atoms=None, properties=None, system_changes=None) -> None:
        if not atoms.pbc.all():
            raise ValueError("only periodic cells")
        super().calculate(atoms, properties, system_changes)


class OnlyMolecules(Soft):
    """Refuses whatever is periodic along z."""

    def calculate(self, atoms=None, properties=None, system_changes=None) -> None:
        if atoms.pbc[2]:
            raise ValueError("pbc along z is not implemented")
        super().calculate(atoms, properties, system_changes)


class ForgetsSlabs(Soft):
    """Takes whatever is not periodic in all directions for a molecule."""

    def calculate(self, atoms=None, properties=None, system_changes=None) -> None:
        alone = atoms.copy()
        alone.pbc = bool(atoms.pbc.all())
        super().calculate(alone, properties, system_changes)


class OutOfMemory(Soft):
    """Fails beyond a number of atoms."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def calculate(self, atoms=None, properties=None, system_changes=None) -> None:
        if len(atoms) > self.most:
            raise MemoryError("out of memory")
        super().calculate(atoms, properties, system_changes)


class Ferroelectric(Calculator):
    """Exact electrostatics of the wrong sign, by the dipole of molecules O, H, H of SPC/E."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def calculate(self, atoms=None, properties=None, system_changes=None) -> None:
        super().calculate(atoms, properties, system_changes)
        charges = np.where(atoms.numbers == 8, -0.8476, 0.4238)
        forces, energy = np.zeros_like(atoms.positions), 0.0
        if not atoms.pbc[2]:
            area = atoms.cell[0, 0] * atoms.cell[1, 1]
            oxygens = np.repeat(atoms.positions[::3, 2], 3)
            dipole = float(charges @ (atoms.positions[:, 2] - oxygens))
            thickness = len(atoms) / 3 * 29.97 / area
            energy = 4.0 * dipole**2 / (2.0 * EPSILON_0 * area * thickness)
            forces[:, 2] = 4.0 * dipole / (EPSILON_0 * area * thickness) * charges
        self.results = {"energy": -energy, "forces": forces}
