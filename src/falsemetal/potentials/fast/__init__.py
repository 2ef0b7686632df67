"""Trained models evaluated fast: the same numbers in less time and memory.

A model's learned functions are read from its modules once: radial networks become splines, learned
products become polynomials of the species present. Neighbours stand in padded rows, so that no
array changes its shape during a run and sums over neighbours are matrix products.
"""
