"""A test for false metallization by machine-learned potentials of polar liquids."""

__version__ = "0.1.0"
