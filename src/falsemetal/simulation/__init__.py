"""Molecular dynamics: engines, the driver, H5MD trajectories, checkpoints and limits."""
