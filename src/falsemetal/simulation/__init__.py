"""Molecular dynamics: calculator, Langevin run, H5MD trajectory, checkpoint and resume."""
