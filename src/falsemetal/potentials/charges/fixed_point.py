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
Newton-Krylov, both SciPy's, do not care.

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

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, NoReturn

import numpy as np
import torch
from scipy import optimize
from torch import Tensor

from falsemetal.potentials.charges.equilibration import EquilibrationError
from falsemetal.potentials.charges.implicit import as_array, as_tensor, root_with_derivatives

TOLERANCE_E = 1e-8
"""Largest change of a charge; dipoles, in e·Å, count alike."""

MAX_EVALUATIONS = 300

DIVERGED_E = 1e6
"""Beyond it, or where it is no number, a search is given up."""

SMALLEST_CAPACITANCE_E_PER_V = 1e-10

ADVICE = {
    "anderson": "go on from the error's values, allow more evaluations or take the method newton",
    "newton": "go on from the error's values, or allow more evaluations",
    "mixing": "take the method anderson, as mixing diverges beside a metal",
}

ChargeMap = Callable[..., Tensor]
"""F(p, θ₁, …), or F(p, μ, θ₁, …) with a total charge: shape (n,), in e, of p of shape (n,)."""


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
        `anderson` (one evaluation of F a step); `newton`, Newton-Krylov, for maps that are strongly
        curved (some ten evaluations a step); `mixing`, to show that it diverges.
    tolerance_e
        Largest component of F(p) − p.
    history
        Steps that Anderson's method remembers.
    mixing
        Share of F(p) in the first step of Anderson's method, and in every one of mixing.
    """

    method: Literal["anderson", "newton", "mixing"] = "anderson"
    tolerance_e: float = TOLERANCE_E
    max_evaluations: int = MAX_EVALUATIONS
    history: int = 8
    mixing: float = 0.3


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

    FixedPointError where the tolerance is not met.
    """

    def residual(values: Tensor, *theta: Tensor) -> Tensor:
        return function(values, *theta) - values

    values, watch = _find(residual, start, parameters, search or Search())
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
    search: Search | None = None,
) -> FixedPoint:
    """Solve p = F(p, μ, *parameters) and c·p = Q for p and μ, functions of Q and the parameters.

    Parameters
    ----------
    function, start, parameters
        As of :func:`fixed_point`; F also takes μ in V, of shape ().
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

    unknowns = torch.cat([start, start.new_zeros(1)])
    every = (total_e, *parameters)
    try:
        found, watch = _find(residual, unknowns, every, search or Search())
    except FixedPointError as error:
        error.level_V = level_V + float(error.values[-1]) / capacitance
        error.values = error.values[:-1]
        raise
    root = root_with_derivatives(residual, found, every)
    return FixedPoint(
        root[:-1], level + root[-1] / capacitance, watch.residual_e, watch.evaluations
    )


class _FoundError(Exception):
    """Ends SciPy's search: its own test leaves out the start."""


class _Watch:
    """Residuals as SciPy asks for them, of which it keeps the smallest."""

    def __init__(
        self, residual: ChargeMap, start: Tensor, parameters: Sequence[Tensor], search: Search
    ) -> None:
        self._residual, self._start, self._search = residual, start, search
        self._parameters = [x.detach() for x in parameters]
        self.values, self.residual_e = start, np.inf
        self.evaluations = 0
        self._first = self._last = np.nan

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """F(p) − p; raises where it is within the tolerance or will never be."""
        if self.evaluations >= self._search.max_evaluations:
            self.fail()
        at = as_tensor(values, self._start)
        with torch.no_grad():
            found = as_array(self._residual(at, *self._parameters))
        self.evaluations += 1
        self._last = float(np.abs(found).max())
        if self.evaluations == 1:
            self._first = self._last
        if not self._last < DIVERGED_E:
            self.fail()
        if self._last < self.residual_e:
            self.values, self.residual_e = at, self._last
        if self._last <= self._search.tolerance_e:
            raise _FoundError
        return found

    def fail(self) -> NoReturn:
        """Raise a FixedPointError."""
        raise FixedPointError(
            f"no self-consistent charges by {self._search.method}: after {self.evaluations} "
            f"evaluations the closest are off by {self.residual_e:.1e} e, more than "
            f"{self._search.tolerance_e:.0e} e (at first {self._first:.1e}, at last "
            f"{self._last:.1e}); {ADVICE[self._search.method]}",
            self.values,
            self.residual_e,
        )


def _find(
    residual: ChargeMap, start: Tensor, parameters: Sequence[Tensor], search: Search
) -> tuple[Tensor, _Watch]:
    start = start.detach()
    watch = _Watch(residual, start, parameters, search)
    limits = {"f_tol": search.tolerance_e, "maxiter": search.max_evaluations}
    try:
        if search.method == "anderson":
            optimize.anderson(
                watch, as_array(start), M=search.history, alpha=search.mixing, **limits
            )
        elif search.method == "newton":
            optimize.newton_krylov(watch, as_array(start), **limits)
        else:
            optimize.linearmixing(
                watch, as_array(start), alpha=search.mixing, line_search=None, **limits
            )
    except _FoundError:
        return watch.values, watch
    except optimize.NoConvergence:
        pass
    watch.fail()
