"""Molecules that have lost or gained satellites, against time (paper, Fig. S3)."""

import numpy as np
import pandas as pd

from falsemetal.arrays import FloatArray
from falsemetal.observables.registry import ObserveSpec
from falsemetal.observables.runs import Block, Runs


def collect(block: Block, spec: ObserveSpec) -> dict[str, FloatArray]:
    """Find the shares of centres by their number of satellites, each of shape (n_frames,)."""
    counts = np.sum(list(block.molecules.counts.values()), axis=0)
    return {name: np.asarray((counts == n).mean(axis=1)) for n, name in enumerate(_species(spec))}


def tabulate(runs: Runs, spec: ObserveSpec) -> pd.DataFrame:
    """Tabulate a row per frame: of water the shares of oxygens in O, OH and H3O."""
    whole = sum(spec.liquid.satellites.values())
    shares = {
        f"share_{name}": runs.series("dissociation", name)
        for n, name in enumerate(_species(spec))
        if n != whole
    }
    return runs.frames(**shares)


def _species(spec: ObserveSpec) -> list[str]:
    """Name centres by their number of satellites, up to one more than is whole."""
    centre, satellite = "".join(spec.liquid.centres), "".join(spec.liquid.satellites)
    if not satellite:
        return [centre]
    most = sum(spec.liquid.satellites.values()) + 1
    return [centre, centre + satellite, *(f"{satellite}{n}{centre}" for n in range(2, most + 1))]
