"""Committees of Behler-Parrinello networks in n2p2's files."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from falsemetal.potentials.kind import POTENTIALS, Labels, PotentialKind
from falsemetal.potentials.kinds.mace import fast_runner
from falsemetal.potentials.runners import AnyRunner, Cp2kRunner
from falsemetal.section import ASIDE, Name, PositiveFloat
from falsemetal.simulation.settings import Dynamics
from falsemetal.systems.boundary import Boundary

if TYPE_CHECKING:
    import torch

    from falsemetal.potentials.model import Model


@POTENTIALS.register("bpnnp")
class BPNNPKind(PotentialKind):
    """A committee of Behler-Parrinello networks in n2p2's files (paper, Fig. 3c)."""

    prepare: ClassVar[Literal["train", "fetch", "none"]] = "fetch"
    marker: ClassVar[str] = "D"
    ignores_fields: ClassVar[bool] = True

    kind: Literal["bpnnp"]
    dataset: Annotated[Name | None, ASIDE] = Field(
        None, description="Dataset whose test frames it is measured on, if a model is trained on it"
    )
    source: Name = Field(
        "bulkH2O-jcp2020-cnnp", description="Its files in data/sources.yaml, or in CP2K's data"
    )
    path: str | None = Field(None, description="Folder with nnp-1, nnp-2, … to take instead")
    engine: Annotated[Literal["native", "cp2k"], ASIDE] = Field(
        "native", description="native: our own, as all potentials; cp2k: CP2K with CSVR thermostat"
    )
    csvr_time_fs: Annotated[PositiveFloat, ASIDE] = Field(
        100.0, description="Time constant of CP2K's thermostat"
    )

    def runner(self, datasets: Mapping[str, Labels], dynamics: Dynamics) -> AnyRunner:
        """ASE with the fast form, or CP2K."""
        if self.engine == "cp2k":
            return Cp2kRunner(csvr_time_fs=self.csvr_time_fs)
        return fast_runner(dynamics)

    def find_fault_in(self, boundary: Boundary) -> str | None:
        """Tell that CP2K evaluates networks in periodic cells only."""
        if self.engine == "cp2k" and boundary is not Boundary.BULK:
            return (
                "CP2K evaluates networks in periodic cells only; remove it, or take engine: native"
            )
        return None

    def load(self, folder: Path, *, dtype: "torch.dtype", device: "torch.device | str") -> "Model":
        """Read the committee of a folder."""
        from falsemetal.potentials.bpnnp.committee import load_bpnnp
        from falsemetal.potentials.bpnnp.store import kept_committee

        return load_bpnnp(kept_committee(folder), dtype=dtype, device=device)

    def fetch(self, folder: Path, data: Path) -> dict[str, Any]:
        """Copy the committee's files: the user's own, CP2K's where they are whole, or published."""
        from falsemetal.potentials.bpnnp.fetch import fetch_committee

        return fetch_committee(self, folder, data)
