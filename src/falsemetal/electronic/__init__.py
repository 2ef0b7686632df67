"""Electronic structure: frames chosen, jobs written and read, densities of states, band edges."""

# registers the engines
from falsemetal.electronic import aims as aims
from falsemetal.electronic import cp2k as cp2k
