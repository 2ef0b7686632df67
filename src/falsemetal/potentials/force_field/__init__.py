"""The flexible three-site water model through LAMMPS."""
