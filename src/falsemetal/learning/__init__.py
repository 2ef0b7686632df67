"""Learning loops: potentials run, what they visit is labelled and learned (paper, S1.1.2)."""
