"""Coulomb energies of Gaussian multipoles: direct sums, particle mesh, potentials of cells."""
