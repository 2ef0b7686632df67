"""Plausible observables of slabs that no simulation made."""

import numpy as np
import pandas as pd
from scipy import signal

from falsemetal.config import Config, parse_config
from falsemetal.config.plan import Plan
from falsemetal.estimators.autocorrelation import integrated_correlation_frames
from falsemetal.estimators.statistics import (
    fraction_interval,
    independent_frames,
    mean_interval,
    std_interval,
)
from falsemetal.estimators.voltage import is_metallic, potential_drop
from falsemetal.observables.autocorrelation import tabulate
from falsemetal.observables.rdf import pairs
from falsemetal.observables.runs import CompletedRun, Runs
from falsemetal.potentials.kind import ELECTRONIC_CHARGE_E
from falsemetal.systems.molecule import Molecule

FRAME_INTERVAL_PS = 0.05
OWN_CHARGE_E = -0.8476
BULK_MOLECULES_PER_A3 = 0.0334


def synthetic_config() -> Config:
    """Three potentials of three kinds on four slabs."""
    return parse_config(
        {
            "name": "synthetic",
            "datasets": {
                "water": {
                    "kind": "force_field",
                    "sampling": {"bulk": {"kind": "bulk", "n_molecules": 24, "n_frames": 4}},
                }
            },
            "training": {"epochs": 1},
            "potentials": {
                "reference": {
                    "kind": "force_field",
                    "dataset": "water",
                    "runs": {"slabs": {"duration_ps": 400.0}, "elongated": {"duration_ps": 60.0}},
                    "label": "SPC/E",
                },
                "short": {
                    "kind": "mace",
                    "dataset": "water",
                    "runs": {
                        "slabs": {"duration_ps": [80.0, 80.0, 80.0, 160.0]},
                        "elongated": {"duration_ps": 60.0, "replicas": 3},
                    },
                    "label": "SR-MACE",
                },
                "long": {
                    "kind": "split_charge",
                    "dataset": "water",
                    "runs": {
                        "slabs": {"duration_ps": 80.0, "replicas": 2},
                        "elongated": {"duration_ps": {24.8: 60.0}},
                    },
                    "label": "LR-MACE",
                },
            },
            "campaigns": {
                "slabs": {
                    "kind": "water_slab",
                    "cell_height_A": 80.0,
                    "sizes_A": [11.6, 18.6, 25.0, 37.3],
                },
                "elongated": {"kind": "water_box", "sizes_A": [12.4, 24.8]},
            },
        },
        source="synthetic",
    )


class SyntheticSlab:
    """Tables of a film's observables, drawn from an autoregressive dipole."""

    def __init__(self, config: Config, potential: str, thickness_A: float) -> None:
        index = list(config.potentials).index(potential)
        rng = np.random.default_rng([index, round(10 * thickness_A)])
        slow = config.potentials[potential].kind == "mace"
        sigma = 9.6e-4 * thickness_A**0.5 * (1.0 + (0.035 * thickness_A if slow else 0.0))
        frames = round(config.durations_ps(potential, "slabs")[thickness_A] / FRAME_INTERVAL_PS)
        decay = np.exp(-FRAME_INTERVAL_PS / (6.0 if slow else 0.6))
        self.replicas = [
            sigma * _autoregressive(decay, frames, rng)
            for _ in range(config.n_replicas(potential, "slabs", thickness_A))
        ]
        self.config = config
        self.half_A = 0.5 * thickness_A

    @property
    def summary(self) -> pd.DataFrame:
        """One row."""
        joined = np.concatenate(self.replicas)
        electronic = [ELECTRONIC_CHARGE_E / OWN_CHARGE_E * series for series in self.replicas]
        difference = [potential_drop(series) for series in electronic]
        metallic = float(
            is_metallic(np.concatenate(difference), self.config.analysis.band_gap_eV).mean()
        )
        n_molecules = self.config.campaigns["slabs"].n_molecules(2 * self.half_A)
        row = {
            "n_molecules": n_molecules,
            "n_frames": len(joined),
            "n_replicas": len(self.replicas),
            "sampled_ps": len(joined) * FRAME_INTERVAL_PS,
            "correlation_time_ps": integrated_correlation_frames(self.replicas) * FRAME_INTERVAL_PS,
            "memory_ps": np.nan,
            "equilibrated_after_ps": 0.0,
            **std_interval(self.replicas, mean=0.0).as_columns("sigma_P_e_per_A"),
            **std_interval(difference, mean=0.0).as_columns("sigma_dV_V"),
            **mean_interval(self.replicas).as_columns("mean_P_e_per_A"),
            **fraction_interval(metallic, independent_frames(self.replicas)).as_columns(
                "fraction_metallic"
            ),
            "fraction_beyond_late_gap": 0.9 * metallic,
            "fraction_beyond_early_gap": min(1.0, 1.1 * metallic),
            "temperature_K": 300.4,
            "temperature_K_low": 299.2,
            "temperature_K_high": 301.6,
            "n_failed": 0,
            "failures": "",
        }
        return pd.DataFrame([row])

    @property
    def dipole(self) -> pd.DataFrame:
        """A row per frame."""
        return pd.DataFrame({"P_z_e_per_A": np.concatenate(self.replicas)})

    @property
    def cumulative(self) -> pd.DataFrame:
        """Grows across the slab, with the surfaces' opposite orientations."""
        z = np.arange(-self.half_A - 8.0, self.half_A + 8.0, 0.25)
        filled = np.clip((z + self.half_A) / (2 * self.half_A), 0.0, 1.0)
        joined = np.concatenate(self.replicas)
        surface = 0.002 * (np.tanh(z + self.half_A) - np.tanh(z - self.half_A))
        mean, std = surface + joined.mean() * filled, joined.std() * np.sqrt(filled)
        return pd.DataFrame({"z_A": z, "P_z_e_per_A": mean, "std_P_z_e_per_A": std})

    @property
    def autocorrelation(self) -> pd.DataFrame:
        """Up to the configured lag, or half of a run."""
        times = [FRAME_INTERVAL_PS * np.arange(len(series)) for series in self.replicas]
        runs = Runs(
            [
                CompletedRun(n, t, t, np.array([len(t)]), 1, 1.0, {"voltage": [{"P_z": series}]})
                for n, (t, series) in enumerate(zip(times, self.replicas, strict=True))
            ],
            [],
            1,
        )
        plan = Plan(self.config, {})
        return tabulate(runs, plan.observe("short", "slabs", ["autocorrelation"]))

    @property
    def density(self) -> pd.DataFrame:
        """Flat inside, tanh at the surfaces."""
        z = np.arange(-self.half_A - 8.0, self.half_A + 8.0, 0.25)
        shape = 0.5 * (np.tanh((z + self.half_A) / 1.2) - np.tanh((z - self.half_A) / 1.2))
        shape *= 1.0 + 0.03 * np.cos(2.2 * z)
        table = {"z_A": z}
        for unit, bulk in (("molecules_per_A3", BULK_MOLECULES_PER_A3), ("g_per_cm3", 1.0)):
            for suffix, factor in (("", 1.0), ("_low", 0.96), ("_high", 1.04)):
                table[f"density_{unit}{suffix}"] = bulk * factor * shape
        return pd.DataFrame(table)


def _autoregressive(decay: float, n_frames: int, rng: np.random.Generator) -> np.ndarray:
    noise = rng.standard_normal(n_frames) * np.sqrt(1.0 - decay**2)
    noise[0] = rng.standard_normal()
    return signal.lfilter([1.0], [1.0, -decay], noise)


class BrokenSlab:
    """Tables of a slab all of whose runs failed, as they are read from their files."""

    def __init__(self, sound: SyntheticSlab) -> None:
        for name in ("dipole", "cumulative", "autocorrelation", "density"):
            setattr(self, name, getattr(sound, name).iloc[:0])
        known = ["n_molecules", "n_frames", "n_replicas", "sampled_ps"]
        self.summary = sound.summary.copy()
        self.summary[self.summary.columns.difference(known)] = np.nan
        self.summary[["n_frames", "n_replicas", "sampled_ps"]] = 0
        self.summary[["n_failed"]] = 1
        self.summary["failures"] = "0.h5: step 40: too hot"


class SyntheticBox:
    """Tables of a cell's observables, drawn from an autoregressive ΔV."""

    def __init__(self, config: Config, potential: str, length_A: float) -> None:
        index = list(config.potentials).index(potential)
        rng = np.random.default_rng([index, round(10 * length_A)])
        slow = config.potentials[potential].kind == "mace"
        frames = round(config.durations_ps(potential, "elongated")[length_A] / FRAME_INTERVAL_PS)
        decay = np.exp(-FRAME_INTERVAL_PS / (3.0 if slow else 0.3))
        self.level_V = 2.0 + (0.08 * length_A if slow else 0.01 * length_A)
        self.replicas = [
            self.level_V + 0.3 * _autoregressive(decay, frames, rng)
            for _ in range(config.n_replicas(potential, "elongated", length_A))
        ]
        self.config = config

    @property
    def summary(self) -> pd.DataFrame:
        """One row, without what the figures leave aside."""
        joined = np.concatenate(self.replicas)
        beyond = float((joined > self.config.analysis.band_gap_eV).mean())
        return pd.DataFrame(
            [
                {
                    "n_frames": len(joined),
                    **mean_interval(self.replicas).as_columns("mean_dV_V"),
                    **fraction_interval(beyond, independent_frames(self.replicas)).as_columns(
                        "fraction_beyond_gap"
                    ),
                }
            ]
        )

    @property
    def structure_factors(self) -> pd.DataFrame:
        """Four wave vectors, the first of them without intervals."""
        k = np.array([0.17, 0.34, 0.51, 0.67])
        table = {"k_per_A": k, "n_vectors": [1, 1, 1, 3]}
        for symbol, value in (("L", 1.0 + k), ("T", 70.0 - 40.0 * k)):
            table |= {f"S_{symbol}": value}
            table |= {f"S_{symbol}_{end}": value * f for end, f in (("low", 0.8), ("high", 1.3))}
            table[f"S_{symbol}_low"][0] = table[f"S_{symbol}_high"][0] = np.nan
            table[f"correlation_time_{symbol}_ps"] = 0.1
        return pd.DataFrame(table | {"lambda_k": 1 / table["S_L"] - 1 / table["S_T"]})

    @property
    def voltage(self) -> pd.DataFrame:
        """A row per frame."""
        return pd.concat(
            pd.DataFrame(
                {
                    "replica": index,
                    "time_ps": FRAME_INTERVAL_PS * np.arange(len(series)),
                    "delta_V_V": series,
                }
            )
            for index, series in enumerate(self.replicas)
        )

    autocorrelation = SyntheticSlab.autocorrelation

    @property
    def rdf(self) -> pd.DataFrame:
        """A peak and a tail."""
        r = np.arange(0.025, 6.2, 0.05)
        g = 1.0 - np.exp(-((r / 2.6) ** 8)) + 1.8 * np.exp(-((r - 2.8) ** 2) / 0.04)
        table = {"r_A": r}
        for pair in map("".join, pairs(Molecule())):
            table |= {f"g_{pair}": g, f"g_{pair}_low": 0.95 * g, f"g_{pair}_high": 1.05 * g}
        return pd.DataFrame(table)


class BrokenBox:
    """Tables of a cell all of whose runs failed, as they are read from their files."""

    def __init__(self, sound: SyntheticBox) -> None:
        for name in ("voltage", "autocorrelation", "rdf", "structure_factors"):
            setattr(self, name, getattr(sound, name).iloc[:0])
        self.summary = sound.summary.assign(n_frames=0)
