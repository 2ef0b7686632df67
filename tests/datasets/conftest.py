import numpy as np
import pytest

from falsemetal.systems import cubic_cell, water_box


@pytest.fixture
def make_frames():
    """Labelled frames of a small box, energies and forces drawn from normal distributions."""

    def make(n_frames=20, *, config_type="bulk", trajectory="bulk-0", interval_ps=0.1, seed=1):
        rng = np.random.default_rng(seed)
        start = water_box(8, cell_lengths_A=cubic_cell(8, 0.997), seed=1)
        frames = []
        for index in range(n_frames):
            frame = start.copy()
            frame.positions += rng.normal(scale=0.02, size=frame.positions.shape)
            forces = rng.normal(scale=1.0, size=frame.positions.shape)
            frame.arrays["REF_forces"] = forces - forces.mean(axis=0)
            frame.info["REF_energy"] = -4.0 + 0.1 * rng.normal()
            frame.info["config_type"] = config_type
            if trajectory is not None:
                frame.info["trajectory"] = trajectory
            if interval_ps is not None:
                frame.info["time_ps"] = (index + 1) * interval_ps
            frames.append(frame)
        return frames

    return make
