r"""Self-consistent charges, p = F(p; θ), of maps that no energy need stand behind.

A map F gives the charges, or charges and dipoles in a row, that atoms take in the potential of
others that have p. How p is found does not matter to what it is, nor to its derivatives
(:mod:`falsemetal.potentials.charges.implicit`):

.. math::

    (\mathbf 1 - \mathbf J_F)^T\mathbf a = \mathbf g, \qquad
    \frac{\mathrm dL}{\mathrm d\boldsymbol\theta}
        = \mathbf a\cdot\frac{\partial\mathbf F}{\partial\boldsymbol\theta},
    \qquad \mathbf g = \frac{\mathrm dL}{\mathrm d\mathbf p}.

Linear mixing diverges unless its share is below 2/(1 + ρ) for the largest eigenvalue ρ of
:math:`-\mathbf J_F`: some 5 in a dielectric and 25 beside a metal. Anderson's method and
Newton-Krylov, both SciPy's, do not care; the second finds what is too strongly curved for the
first.

With a total charge Q the map also takes the potential μ at which the electrons are held, in V (the
electrons' chemical potential is −μ), and μ is an unknown like p:

.. math::

    \mathbf p = \mathbf F(\mathbf p, \mu) + \mathbf f\,\delta, \qquad
    \delta = Q - \mathbf c\cdot\mathbf F(\mathbf p, \mu) = 0, \qquad
    \mathbf f = \frac{\partial\mathbf F}{\partial\mu}\Big/\mathbf c\cdot
        \frac{\partial\mathbf F}{\partial\mu},

where c is one at charges and zero at dipoles. The Fukui function f, taken once at the start, brings
every iterate to the total charge; at the solution δ is zero and f does not enter. A map that takes
the potential y and μ as y − μ gives the same p if both are shifted: only differences of μ mean
anything, and its zero is that of y. To hold the electrons at a given μ, make μ a parameter of the
map: then :math:`\mathrm d(\mathbf c\cdot\mathbf p)/\mathrm d\mu` is the capacitance in e/V.

A learned map may have several fixed points or an unstable one; nothing here finds that out.
"""

import contextlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, NoReturn

import numpy as np
import torch
from scipy import optimize
from scipy.linalg import LinAlgWarning
from torch import Tensor

from falsemetal.potentials.charges.equilibration import EquilibrationError
from falsemetal.potentials.charges.implicit import as_array, as_tensor, root_with_derivatives

TOLERANCE_E = 1e-8
"""Largest change of a charge; dipoles, in e·Å, count alike."""

MAX_EVALUATIONS = 1000

ANDERSON_SHARE = 0.2
"""Of the evaluations, after which Newton-Krylov goes on, if both are taken."""

DIVERGED_E = 1e6
"""Beyond it, or where it is no number, a search is given up."""

SMALLEST_CAPACITANCE_E_PER_V = 1e-10

ADVICE = {
    "both": "go on from the error's values or others, or allow more evaluations",
    "anderson": "go on from the error's values, allow more evaluations or take the method both",
    "newton": "go on from the error's values or others, or allow more evaluations",
    "mixing": "take the method anderson, as mixing diverges beside a metal",
}

ChargeMap = Callable[..., Tensor]
"""F(p, θ₁, …), or F(p, μ, θ₁, …) with a total charge: shape (n,), in e, of p of shape (n,)."""

Step = Callable[[Tensor], Tensor]
"""Step of p, shape (n,), from F(p) − p."""


class FixedPointError(EquilibrationError):
    """Charges that did not become self-consistent; the message says what to do.

    `values`, shape (n,), are the closest that were found, off by `residual_e`, and `level_V` the μ
    that goes with them, if it was sought: a start from which to go on.
    """

    def __init__(self, message: str, values: Tensor, residual_e: float) -> None:
        super().__init__(message)
        self.values, self.residual_e = values, residual_e
        self.level_V: float | None = None


@dataclass(frozen=True)
class Search:
    """How a fixed point is looked for, and when it counts as found.

    Attributes
    ----------
    method
        `anderson` (an evaluation of F a step, two where the first leads astray); `newton`,
        Newton-Krylov, for maps that are strongly curved (some twenty a step); `both`, where the
        second takes over if the first has not found it; `mixing`, to show that it diverges.
    tolerance_e
        Largest component of F(p) − p.
    history
        Steps that Anderson's method remembers.
    mixing
        Share of F(p) in the first step of Anderson's method, and in every one of mixing.
    """

    method: Literal["both", "anderson", "newton", "mixing"] = "both"
    tolerance_e: float = TOLERANCE_E
    max_evaluations: int = MAX_EVALUATIONS
    history: int = 20
    mixing: float = 0.3

    @property
    def stages(self) -> dict[str, int]:
        """Methods one after another, and evaluations up to the end of each."""
        most = self.max_evaluations
        if self.method == "both":
            return {"anderson": int(ANDERSON_SHARE * most), "newton": most}
        return {self.method: most}


class FixedPoint(NamedTuple):
    """Self-consistent charges, shape (n,), in e, and μ in V if it was sought.

    `residual_e` is the largest component of F(p) − p, `evaluations` how often F was called.
    """

    values: Tensor
    level_V: Tensor | None
    residual_e: float
    evaluations: int


def fixed_point(
    function: ChargeMap,
    start: Tensor,
    parameters: Sequence[Tensor] = (),
    *,
    precondition: Step | None = None,
    search: Search | None = None,
) -> FixedPoint:
    """Solve p = F(p, *parameters), where p is a function of the parameters.

    Parameters
    ----------
    function
        F, called with p of shape (n,), float64, and the parameters; as often differentiable as p is
        to be, and once more.
    start
        Charges to start from, shape (n,), float64; the result depends on them within the tolerance.
    parameters
        Tensors θ of any shape by which p can be differentiated, to any order.
    precondition
        Approximate inverse of 1 − J_F, applied to F(p) − p, which only changes how fast p is found.

    FixedPointError where the tolerance is not met.
    """

    def residual(values: Tensor, *theta: Tensor) -> Tensor:
        return function(values, *theta) - values

    values, watch = _find(residual, start, parameters, search or Search(), precondition)
    return FixedPoint(
        root_with_derivatives(residual, values, parameters),
        None,
        watch.residual_e,
        watch.evaluations,
    )


def fixed_point_of_total(
    function: ChargeMap,
    start: Tensor,
    total_e: Tensor,
    parameters: Sequence[Tensor] = (),
    *,
    charges: Tensor | None = None,
    level_V: float = 0.0,
    precondition: Step | None = None,
    search: Search | None = None,
) -> FixedPoint:
    """Solve p = F(p, μ, *parameters) and c·p = Q for p and μ, functions of Q and the parameters.

    Parameters
    ----------
    function, start, parameters, precondition
        As of :func:`fixed_point`; F also takes μ in V, of shape (). What the preconditioner adds
        to p is to have no total charge.
    total_e
        Q, shape ().
    charges
        c, shape (n,): one for components of p that are charges, else zero; None: all are.
    level_V
        Where the search for μ starts. Zero will do; the mean potential of the atoms makes it
        independent of the zero of potential.

    FixedPointError where the tolerance is not met; EquilibrationError where the total charge does
    not depend on μ.
    """
    weights = torch.ones_like(start) if charges is None else charges
    level = start.new_tensor(level_V)
    _, slope = torch.autograd.functional.jvp(
        lambda at: function(start, at, *(x.detach() for x in parameters)),
        level,
        torch.ones_like(level),
    )
    capacitance = float(weights @ slope)
    if not abs(capacitance) > SMALLEST_CAPACITANCE_E_PER_V:
        raise EquilibrationError(
            f"the potential μ does not change the total charge ({capacitance:.1e} e/V), so that it "
            f"cannot become {float(total_e):g} e; start from other charges or another μ, or, if "
            "the map keeps the total charge by itself, leave μ out"
        )
    fukui = slope / capacitance

    # all unknowns are charges, the last one of what μ holds
    def residual(unknowns: Tensor, total: Tensor, *theta: Tensor) -> Tensor:
        values, held = unknowns[:-1], unknowns[-1]
        found = function(values, level + held / capacitance, *theta)
        missing = total - weights @ found
        return torch.cat([found + fukui * missing - values, missing[None]])

    def step(change: Tensor) -> Tensor:
        of_values = change[:-1]
        if precondition is not None:
            of_values = precondition(of_values) + fukui * (weights @ of_values)
        return torch.cat([of_values, change[-1:]])

    unknowns = torch.cat([start, start.new_zeros(1)])
    every = (total_e, *parameters)
    try:
        found, watch = _find(residual, unknowns, every, search or Search(), step)
    except FixedPointError as error:
        error.level_V = level_V + float(error.values[-1]) / capacitance
        error.values = error.values[:-1]
        raise
    root = root_with_derivatives(residual, found, every)
    return FixedPoint(
        root[:-1], level + root[-1] / capacitance, watch.residual_e, watch.evaluations
    )


class _EndedError(Exception):
    """Ends a search of SciPy's."""


class _Watch:
    """Residuals as SciPy asks for them, of which it keeps the smallest."""

    def __init__(
        self,
        residual: ChargeMap,
        start: Tensor,
        parameters: Sequence[Tensor],
        search: Search,
        precondition: Step | None,
    ) -> None:
        self._residual, self._search, self._precondition = residual, search, precondition
        self._parameters = [x.detach() for x in parameters]
        self.values, self.residual_e = start, np.inf
        self.evaluations = self.limit = 0
        self._first = self._last = np.nan

    @property
    def found(self) -> bool:
        """Whether the smallest residual is within the tolerance."""
        return self.residual_e <= self._search.tolerance_e

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Step from F(p) − p; ends the search where that is small enough, or will never be."""
        if self.evaluations >= self.limit:
            raise _EndedError
        at = as_tensor(values, self.values)
        with torch.no_grad():
            change = self._residual(at, *self._parameters)
            step = change if self._precondition is None else self._precondition(change)
        self.evaluations += 1
        self._last = float(change.abs().max())
        if self.evaluations == 1:
            self._first = self._last
        if self._last < self.residual_e:
            self.values, self.residual_e = at, self._last
        if self.found or not self._last < DIVERGED_E:
            raise _EndedError
        return as_array(step)

    def fail(self) -> NoReturn:
        """Raise a FixedPointError."""
        raise FixedPointError(
            f"no self-consistent charges (method {self._search.method}): after {self.evaluations} "
            f"evaluations the closest are off by {self.residual_e:.1e} e, more than "
            f"{self._search.tolerance_e:.0e} e (at first {self._first:.1e}, at last "
            f"{self._last:.1e}); {ADVICE[self._search.method]}",
            self.values,
            self.residual_e,
        )


def _find(
    residual: ChargeMap,
    start: Tensor,
    parameters: Sequence[Tensor],
    search: Search,
    precondition: Step | None,
) -> tuple[Tensor, _Watch]:
    watch = _Watch(residual, start.detach(), parameters, search, precondition)
    for method, limit in search.stages.items():
        watch.limit = limit
        with contextlib.suppress(_EndedError, optimize.NoConvergence), warnings.catch_warnings():
            # steps that resemble each other, at the end
            warnings.simplefilter("ignore", LinAlgWarning)
            _seek(method, watch, search)
        if watch.found:
            return watch.values, watch
    watch.fail()


def _seek(method: str, watch: _Watch, search: Search) -> None:
    """Let SciPy look from the closest values that are known."""
    start = as_array(watch.values)
    # the watch alone tells when to end
    limits = {"f_tol": 0.0, "maxiter": search.max_evaluations}
    if method == "anderson":
        optimize.anderson(watch, start, M=search.history, alpha=search.mixing, **limits)
    elif method == "newton":
        optimize.newton_krylov(watch, start, **limits)
    else:
        optimize.linearmixing(watch, start, alpha=search.mixing, line_search=None, **limits)
