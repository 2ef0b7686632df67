"""References: what samples configurations and labels them with energies and forces."""
