"""Potentials: their kinds, trained models and how they are evaluated."""
