"""Radial distributions of a periodic cell of a liquid (paper, Fig. S7)."""

from itertools import combinations_with_replacement

import numpy as np
import pandas as pd

from falsemetal.arrays import FloatArray
from falsemetal.estimators.rdf import radial_distribution
from falsemetal.estimators.statistics import mean_half_width
from falsemetal.observables.registry import ObserveSpec, interval
from falsemetal.observables.runs import Block, Runs
from falsemetal.systems.molecule import Molecule

PARTS = 4
"""Parts of a single run whose scatter stands for that of replicas."""


def pairs(liquid: Molecule) -> list[tuple[str, str]]:
    """Pair the liquid's elements, the centre first: of water O–O, O–H and H–H."""
    return list(combinations_with_replacement([*liquid.centres, *liquid.satellites], 2))


def _edges(cell: FloatArray, spec: ObserveSpec) -> FloatArray:
    """Edges of the bins, up to half the shortest cell edge at the latest."""
    width = spec.settings["rdf_bin_A"]
    reach = min(spec.settings["rdf_range_A"], 0.5 * float(np.diag(cell).min()))
    return np.asarray(width * np.arange(int(reach / width) + 1))


def collect(block: Block, spec: ObserveSpec) -> tuple[FloatArray, FloatArray]:
    """Find edges of the bins in Å and distributions by pair, shape (n_pairs, n_bins)."""
    edges = _edges(block.cell, spec)
    found = []
    for one, other in pairs(spec.liquid):
        others = None if one == other else block.of_element(other)
        found.append(radial_distribution(block.of_element(one), others, block.cell, edges_A=edges))
    return edges, np.array(found)


def tabulate(runs: Runs, spec: ObserveSpec) -> pd.DataFrame:
    """Tabulate `g_<pair>` by distance `r_A`.

    Intervals are Student's t over runs, or over four parts where there is one.
    """
    samples = []
    for run in runs.completed:
        of_blocks = np.array([found for _, found in run.collected["rdf"]])
        n_parts = 1 if len(runs.completed) > 1 else min(PARTS, len(of_blocks))
        samples += [
            np.average(of_blocks[part], axis=0, weights=run.block_frames[part])
            for part in np.array_split(np.arange(len(of_blocks)), n_parts)
        ]
    mean = np.mean(samples, axis=0)
    half_width = np.asarray(mean_half_width(np.std(samples, axis=0), len(samples)))
    edges = runs.completed[0].collected["rdf"][0][0]
    table = {"r_A": 0.5 * (edges[1:] + edges[:-1])}
    for index, (one, other) in enumerate(pairs(spec.liquid)):
        name = f"g_{one}{other}"
        table[name] = mean[index]
        table[f"{name}_low"] = np.maximum(mean[index] - half_width[index], 0.0)
        table[f"{name}_high"] = mean[index] + half_width[index]
    return pd.DataFrame(table)


def tabulate_nothing(runs: Runs, spec: ObserveSpec) -> pd.DataFrame:
    """Tabulate nothing, in the same columns."""
    columns = [end for pair in pairs(spec.liquid) for end in interval("g_" + "".join(pair))]
    return pd.DataFrame(columns=["r_A", *columns])
