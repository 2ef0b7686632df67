"""How fast a system forgets its dipole or ΔV (paper, eq. S9)."""

import numpy as np
import pandas as pd
from scipy import stats

from falsemetal.estimators.autocorrelation import autocorrelation, autocorrelation_error
from falsemetal.estimators.statistics import CONFIDENCE
from falsemetal.observables.registry import ObserveSpec
from falsemetal.observables.runs import Runs
from falsemetal.observables.voltage import fluctuating


def tabulate(runs: Runs, spec: ObserveSpec) -> pd.DataFrame:
    """Tabulate eq. S9 with 95 % intervals, about zero where a mirror plane makes the mean vanish.

    It ends at half of the longest run: beyond, few pairs of frames are left, all of the same ends
    of the run, for which the interval does not hold.
    """
    series = fluctuating(runs, spec)
    known = autocorrelation(series, mean=spec.known_mean)
    n_lags = round(spec.settings["maximum_lag_ps"] / runs.interval_ps) + 1
    n_lags = min((len(known) + 1) // 2, n_lags)
    error = autocorrelation_error(known, runs.n_frames, n_lags)
    half_width = stats.norm.ppf(0.5 * (1.0 + CONFIDENCE)) * error
    correlation = known[:n_lags]
    return pd.DataFrame(
        {
            "lag_ps": runs.interval_ps * np.arange(n_lags),
            "acf": correlation,
            "acf_low": np.maximum(correlation - half_width, -1.0),
            "acf_high": np.minimum(correlation + half_width, 1.0),
        }
    )
