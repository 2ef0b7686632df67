"""Electronic structure: frames chosen, jobs written and read, densities of states, band edges."""
