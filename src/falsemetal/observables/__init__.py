"""Observables of trajectories: tidy tables with intervals."""
