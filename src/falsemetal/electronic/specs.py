"""Specifications of the jobs that choose frames and compute their electrons."""

from typing import Any

from falsemetal.electronic.density_of_states import DensityOfStates
from falsemetal.electronic.engine import AnyEngine, SinglePoint
from falsemetal.electronic.settings import BandSearch, FrameChoice
from falsemetal.specs import Spec
from falsemetal.systems.molecule import Molecule


class SelectSpec(Spec):
    """Choice of frames from one size's runs; ΔV was computed by the liquid's charge `charge_e`."""

    choice: FrameChoice
    charge_e: float


class WriteJobSpec(Spec):
    """Inputs of one job, with so much vacuum on either side of a slab.

    Of the density of states it holds what
    :meth:`falsemetal.electronic.engine.EngineKind.inputs_from` leaves of it; no layer divides
    molecules of the liquid.
    """

    engine: AnyEngine
    point: SinglePoint
    vacuum_A: float
    density_of_states: DensityOfStates
    liquid: Molecule


class RunJobSpec(Spec):
    """A job that is written: of its engine's settings its inputs tell all but the kind."""

    engine: AnyEngine

    def identity(self, *, extent: bool = True) -> dict[str, Any]:
        """Tell what a result depends on beside the job's files."""
        return super().identity(extent=extent) | {"engine": self.engine.kind}


class ReadJobSpec(RunJobSpec):
    """What is told of a job that is written, wherever it was run.

    ΔV and P_z are told by `electronic_charge_e`, of the liquid's centre; band edges are the
    liquid's.
    """

    density_of_states: DensityOfStates
    band_search: BandSearch
    electronic_charge_e: float
    liquid: Molecule
