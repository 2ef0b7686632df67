"""Write clusters labelled by a force field whose charges are known: `config/charges-known.yaml`.

`python tools/make_clusters.py data/downloads/clusters.extxyz` writes 260 of them in some seconds,
to the last bit on one machine type.
"""

import sys
from pathlib import Path

from ase import Atoms

from falsemetal.datasets.io import write_frames
from falsemetal.potentials.charges.clusters import ELEMENTS, KNOWN, Clusters
from falsemetal.systems.charged import set_total_charge
from falsemetal.systems.labels import CHARGES, ENERGY, FORCES

SYMBOLS = ("C", "F")
"""Names of the two elements, for the checks: of about the size of the clusters' atoms."""

N_CLUSTERS, SEED = 260, 1


def labelled_clusters(number: int, seed: int) -> list[Atoms]:
    """Draw clusters and label them: energies in eV, forces in eV/Å, charges in e."""
    clusters = Clusters.draw(number, seed)
    labels = (label.detach().numpy() for label in KNOWN.labels(clusters))
    frames = []
    for sites, total, energy, forces, charges in zip(
        clusters.positions.numpy(), clusters.totals[:, 0].tolist(), *labels, strict=True
    ):
        frame = Atoms([SYMBOLS[element] for element in ELEMENTS.tolist()], positions=sites)
        frame.info |= {ENERGY: float(energy), "config_type": "cluster"}
        frame.arrays |= {FORCES: forces, CHARGES: charges}
        set_total_charge(frame, total)
        frames.append(frame)
    return frames


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_frames(path, labelled_clusters(N_CLUSTERS, SEED))
