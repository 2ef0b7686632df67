"""Datasets: labelled frames, checked, split and described by a card.

A frame is an :class:`ase.Atoms` with `REF_energy` (eV), `config_type` and, where they are known,
`trajectory` and `time_ps` in `info`, and with `REF_forces` (eV/Å) in `arrays`.
"""
