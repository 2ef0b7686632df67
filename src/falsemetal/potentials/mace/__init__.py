"""MACE models, short-ranged and with split charges."""
