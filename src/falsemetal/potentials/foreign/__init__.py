"""Potentials of other packages, as ASE calculators, here or in an interpreter of their own."""
