r"""Planar average of the potential of Gaussian charges and dipoles in a film.

With :math:`u = z - z_i` and the width σ

.. math::

    \bar\varphi(z) = \frac{1}{2\varepsilon_0 S}\sum_i \Big[ -q_i \Big(
        u \operatorname{erf}\frac{u}{\sqrt2\sigma}
        + \sqrt{\frac2\pi}\,\sigma e^{-u^2/2\sigma^2}\Big)
        + \mu_{z,i} \operatorname{erf}\frac{u}{\sqrt2\sigma} \Big]

for charges that add up to nothing, on the area S; zero is the mean of the two vacua.
"""

import math

import numpy as np
import torch

from falsemetal.arrays import FloatArray
from falsemetal.units import EPSILON_0


def planar_potential(
    at_A: FloatArray,
    heights_A: FloatArray,
    charges_e: FloatArray,
    dipoles_e_A: FloatArray | None = None,
    *,
    smearing_A: float,
    area_A2: float,
) -> FloatArray:
    """Potential in V at heights `at_A`, shape (m,), of charges (and dipoles along z) at others.

    Those, of shape (n,), and their `heights_A` are not wrapped along z.
    """
    apart = at_A[:, None] - heights_A
    towards = torch.erf(torch.from_numpy(apart / (math.sqrt(2.0) * smearing_A))).numpy()
    near = math.sqrt(2.0 / math.pi) * smearing_A * np.exp(-0.5 * (apart / smearing_A) ** 2)
    total = -(apart * towards + near) @ charges_e
    if dipoles_e_A is not None:
        total = total + towards @ dipoles_e_A
    found: FloatArray = total / (2.0 * EPSILON_0 * area_A2)
    return found
