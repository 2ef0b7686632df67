"""Trained models evaluated fast: the same numbers in less time and memory.

A model's learned functions are read from its modules once: radial networks become splines, learned
products become polynomials of the species present. Loops over edges, atoms and triplets are kernels
in C++ (:mod:`~falsemetal.kernels`), each beside its formula and, but for symmetry
functions, its plain form in PyTorch, which runs on a GPU and without a compiler.
"""
