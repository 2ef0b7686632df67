"""The kinds of potentials, one file each."""

from falsemetal.potentials.kinds.bpnnp import BPNNPKind
from falsemetal.potentials.kinds.fixed_point import FixedPointKind
from falsemetal.potentials.kinds.force_field import ForceFieldKind
from falsemetal.potentials.kinds.foreign import AseKind, FoundationKind
from falsemetal.potentials.kinds.mace import MACEKind
from falsemetal.potentials.kinds.qeq import QEqKind
from falsemetal.potentials.kinds.response_charge import ResponseChargeKind
from falsemetal.potentials.kinds.split_charge import SplitChargeKind
from falsemetal.potentials.kinds.trajectory import TrajectoryKind

__all__ = [
    "AseKind",
    "BPNNPKind",
    "FixedPointKind",
    "ForceFieldKind",
    "FoundationKind",
    "MACEKind",
    "QEqKind",
    "ResponseChargeKind",
    "SplitChargeKind",
    "TrajectoryKind",
]
