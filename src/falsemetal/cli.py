"""The command `falsemetal`."""

import json
import logging
import os
import shlex
import sys
import warnings
from contextlib import redirect_stdout
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    name="falsemetal",
    help="Does a machine-learned potential put a polar liquid into a state that its electrons "
    "could never be in?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

FAILED = 2
"""Exit code of wrong usage and of calculators that fail; 1 is a crash of Python itself."""


class Device(StrEnum):
    """Where a calculator computes."""

    CPU = "cpu"
    CUDA = "cuda"


class Precision(StrEnum):
    """Precision of a calculator."""

    FLOAT32 = "float32"
    FLOAT64 = "float64"


class Form(StrEnum):
    """How slabs are built."""

    AUTO = "auto"
    SLAB = "slab"
    PAIR = "pair"
    PERIODIC = "periodic"


POTENTIAL, PHYSICS, TEST, RUNS, OUTPUT = (
    "Potential",
    "Liquid and film",
    "Test",
    "Runs",
    "Output",
)


@app.callback()
def main() -> None:
    """Check potentials for false metallization."""
    os.environ.setdefault("HOME", "/tmp")


@app.command()
def check(
    calculator: Annotated[
        str,
        typer.Option(
            "--calculator",
            "-c",
            help="ARCH[:MODEL] as janus-core names them (mace_mp:medium-mpa-0, chgnet, "
            "sevennet:7net-0, spce, …), package.module:factory, a Python file that defines "
            "'calculator', a model folder of this program, or lammps:FILE with a pair style.",
            rich_help_panel=POTENTIAL,
        ),
    ],
    kwargs: Annotated[
        str, typer.Option(help="Further arguments as JSON.", rich_help_panel=POTENTIAL)
    ] = "{}",
    head: Annotated[
        str | None,
        typer.Option(help="Head (task, modality) of the model.", rich_help_panel=POTENTIAL),
    ] = None,
    d3: Annotated[
        str | None,
        typer.Option(
            metavar="FUNCTIONAL",
            help="Add D3(BJ) dispersion for a functional, such as pbe.",
            rich_help_panel=POTENTIAL,
        ),
    ] = None,
    python: Annotated[
        Path | None,
        typer.Option(
            help="Interpreter of another environment, in which the potential is installed.",
            rich_help_panel=POTENTIAL,
        ),
    ] = None,
    device: Annotated[
        Device | None, typer.Option(help="Default: the package's.", rich_help_panel=POTENTIAL)
    ] = None,
    dtype: Annotated[
        Precision | None,
        typer.Option(help="Default: float64 where there is a choice.", rich_help_panel=POTENTIAL),
    ] = None,
    charge: Annotated[
        float | None,
        typer.Option(
            help="The potential's own fixed charge of the molecule's centre (of water: oxygen), by "
            "which dipoles are counted, in e. Default: that, where it is known, else −0.5562 e, "
            "which meets dipoles of water by electronic structure.",
            rich_help_panel=PHYSICS,
        ),
    ] = None,
    electronic_charge: Annotated[
        float | None,
        typer.Option(
            help="The same for volts. Default: −0.5562 e in water, else --charge.",
            rich_help_panel=PHYSICS,
        ),
    ] = None,
    gap: Annotated[
        float, typer.Option(min=0.01, max=50.0, help="Band gap in eV.", rich_help_panel=PHYSICS)
    ] = 4.45,
    cross_section: Annotated[
        float, typer.Option(min=1.0, help="Side of the film in Å.", rich_help_panel=PHYSICS)
    ] = 12.42,
    thickness: Annotated[
        list[float] | None,
        typer.Option(
            min=1.0,
            max=1000.0,
            help="Thickness of a film to predict, in Å; may be repeated.",
            rich_help_panel=PHYSICS,
        ),
    ] = None,
    permittivity: Annotated[
        float,
        typer.Option(min=1.01, help="ε of the liquid, assumed.", rich_help_panel=PHYSICS),
    ] = 70.0,
    optical_permittivity: Annotated[
        float,
        typer.Option(
            min=1.0,
            help="ε∞ of the liquid's electrons, which counts where --charge is not given.",
            rich_help_panel=PHYSICS,
        ),
    ] = 1.78,
    temperature: Annotated[
        float, typer.Option(min=1.0, help="In K.", rich_help_panel=PHYSICS)
    ] = 300.0,
    probe: Annotated[
        list[str] | None,
        typer.Option(
            help="Periodic frame of the liquid to be stacked: water-32, water-64 (both by "
            "default), or a file that ASE reads, of which the last frame is taken; may be "
            "repeated.",
            rich_help_panel=TEST,
        ),
    ] = None,
    liquid: Annotated[
        Path | None,
        typer.Option(
            help="YAML file that describes the molecules, as `liquid` of a configuration. "
            "Default: water.",
            rich_help_panel=PHYSICS,
        ),
    ] = None,
    form: Annotated[
        Form,
        typer.Option(
            help="slab: periodic in x and y alone; pair: slab and turned copy, for codes that "
            "know only periodic cells; periodic: one slab between conducting images. Default: "
            "slab, or pair where slabs are not treated as such.",
            rich_help_panel=TEST,
        ),
    ] = Form.AUTO,
    cells: Annotated[
        int | None,
        typer.Option(min=3, max=50, help="Cells of the thickest slab.", rich_help_panel=TEST),
    ] = None,
    trajectory: Annotated[
        list[Path] | None,
        typer.Option(
            help="Run of the potential, a film or a periodic cell, that stands beside the verdict: "
            "H5MD of this program, what ASE reads (extxyz, LAMMPS dumps, …), or with --topology "
            "what MDAnalysis reads. Repeated: independent runs of one system.",
            rich_help_panel=RUNS,
        ),
    ] = None,
    md: Annotated[
        float | None,
        typer.Option(
            "--md",
            metavar="PS",
            min=0.5,
            help="Also run a film of 128 molecules for so long; the same command resumes "
            "a killed run.",
            rich_help_panel=RUNS,
        ),
    ] = None,
    interval: Annotated[
        float | None,
        typer.Option(
            min=1e-6,
            help="Time between frames of --trajectory in ps, if it tells none.",
            rich_help_panel=RUNS,
        ),
    ] = None,
    discard: Annotated[
        float,
        typer.Option(
            min=0.0, help="Initial time of --trajectory to discard, in ps.", rich_help_panel=RUNS
        ),
    ] = 0.0,
    topology: Annotated[
        Path | None,
        typer.Option(help="Topology file with the elements of --trajectory.", rich_help_panel=RUNS),
    ] = None,
    types: Annotated[
        str | None,
        typer.Option(
            metavar="ELEMENTS",
            help="Elements of LAMMPS' types in their order, as O,H.",
            rich_help_panel=RUNS,
        ),
    ] = None,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Folder of the report.", rich_help_panel=OUTPUT),
    ] = Path("check"),
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a report.", rich_help_panel=OUTPUT)
    ] = False,
    exit_zero: Annotated[
        bool,
        typer.Option("--exit-zero", help="Return 0 whatever the verdict.", rich_help_panel=OUTPUT),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress.", rich_help_panel=OUTPUT)
    ] = False,
) -> None:
    """Tell from a handful of single points whether a potential feels a slab's dipole.

    A cell of the liquid is stacked in vacuum; what one cell more costs shows which share λ of the
    energy of its depolarising field the potential knows of. Writes check.json, check.png and
    check.html.

    Exit codes: 0 long-ranged, 10 short-ranged, 11 long-ranged but wrong, 12 undecided, 2 wrong
    usage or a calculator that fails.
    """
    from falsemetal.files import expand
    from falsemetal.potentials.foreign.worker import RecipeError
    from falsemetal.verdict.errors import CheckError

    _log_to_terminal(quiet=quiet)
    output, paths = expand(output), [expand(path) for path in trajectory or []]
    try:
        settings: dict[str, Any] = {
            "probes": None if probe is None else [str(expand(name)) for name in probe],
            "charge_e": charge,
            "electronic_charge_e": electronic_charge,
            "liquid": None if liquid is None else _read_liquid(expand(liquid)),
            "thicknesses_A": thickness,
            "form": None if form is Form.AUTO else form.value,
        }
        from falsemetal.verdict.command import check_named

        # packages print what they like: the three lines of the verdict stand alone
        with redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = check_named(
                calculator,
                kwargs=_read_json(kwargs),
                head=head,
                dispersion=d3,
                python=python,
                device=None if device is None else device.value,
                dtype=None if dtype is None else dtype.value,
                folder=output,
                overwrite=overwrite,
                command=shlex.join(["falsemetal", *sys.argv[1:]]),
                band_gap_eV=gap,
                cross_section_A=cross_section,
                permittivity=permittivity,
                optical_permittivity=optical_permittivity,
                temperature_K=temperature,
                n_cells=cells,
                md_ps=md,
                trajectories=paths,
                trajectory_options={
                    "interval_ps": interval,
                    "discard_ps": discard,
                    "topology": None if topology is None else expand(topology),
                    "types": None if types is None else types.split(","),
                },
                **{key: value for key, value in settings.items() if value is not None},
            )
    except (CheckError, RecipeError) as error:
        typer.echo(f"falsemetal check: {error}", err=True)
        raise typer.Exit(FAILED) from error
    for line in result.lines():
        typer.echo(line)
    for item in result.evidence:
        typer.echo(item.line())
    typer.echo(f"report: {output / 'check.html'}", err=True)
    raise typer.Exit(0 if exit_zero else result.exit_code)


@app.command()
def schema() -> None:
    """Print the JSON schema of check.json."""
    from falsemetal.verdict.result import CheckResult

    typer.echo(json.dumps(CheckResult.model_json_schema(), indent=2, ensure_ascii=False))


def _read_json(text: str) -> dict[str, Any]:
    from falsemetal.verdict.errors import CheckError

    try:
        values = json.loads(text)
    except ValueError as error:
        raise CheckError(
            f'--kwargs: not JSON ({error}); write it as \'{{"key": "value"}}\''
        ) from error
    if not isinstance(values, dict):
        raise CheckError('--kwargs: give an object, as \'{"key": "value"}\'')
    return values


def _read_liquid(path: Path) -> Any:
    import yaml
    from pydantic import ValidationError

    from falsemetal.systems.molecule import Molecule
    from falsemetal.verdict.errors import CheckError

    try:
        return Molecule.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        raise CheckError(f"--liquid {path}: {key}: {first['msg']}") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        told = " ".join(str(error).split())
        raise CheckError(f"--liquid {path}: {told}") from error


def _log_to_terminal(*, quiet: bool) -> None:
    logger = logging.getLogger("falsemetal")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.handlers = [handler]
    logger.setLevel(logging.WARNING if quiet else logging.INFO)
    logger.propagate = False


if __name__ == "__main__":
    app()
