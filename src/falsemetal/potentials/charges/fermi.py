r"""Zero of the electrons' chemical potential in a film.

The Coulomb sum of a cell with the dipole term of a film differs by a constant from the potential of
the isolated film, whose mean over the vacua on its two sides is zero. With the planar average
:math:`\bar\varphi(z) = -\frac{1}{2\varepsilon_0 S}\sum_i q_i|z - z_i|`, a total charge of zero and
k = 0 left out it is

.. math::

    \varphi_\text{cell} - \varphi_\text{isolated}
        = \frac{1}{2\varepsilon_0 V}\sum_i (q_i z_i^2 + 2\mu_{i,z} z_i).

It depends on the vacuum in the cell and on the origin along z, as λ does; their sum does not.
"""

from torch import Tensor

from falsemetal.units import EPSILON_0


def film_offset_V(
    charges: Tensor, dipoles: Tensor | None, positions: Tensor, volume_A3: Tensor
) -> Tensor:
    """Add this to a film's λ to count it from the mean of its two vacuum levels, in V.

    Charges, shape (n,), in e, sum to zero; dipoles, shape (n, 3), in e·Å, are those of atoms, if
    any; positions, shape (n, 3), Å, are unwrapped along z.
    """
    z = positions[:, 2].double()
    moment = (charges.double() * z.square()).sum()
    if dipoles is not None:
        moment = moment + 2.0 * (dipoles[:, 2].double() * z).sum()
    return moment / (2.0 * EPSILON_0 * volume_A3)
