import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from checkouts import with_cp2k

from falsemetal.interruption import InterruptedRunError
from falsemetal.programs.cp2k import LOG, Cp2k, Cp2kError, cp2k_data, find_cp2k
from falsemetal.programs.cp2k_input import format_input

CP2K = find_cp2k()

ARGON = {
    "CHARGE": {"ATOM": "Ar", "CHARGE": 0},
    "NONBONDED": {
        "LENNARD-JONES": {"ATOMS": "Ar Ar", "EPSILON": 120, "SIGMA": 3.4, "RCUT": 5},
    },
}


def two_argon_atoms(n_steps):
    return format_input(
        {
            "GLOBAL": {"PROJECT": "run", "RUN_TYPE": "MD", "PRINT_LEVEL": "LOW"},
            "FORCE_EVAL": {
                "METHOD": "FIST",
                "MM": {"FORCEFIELD": ARGON, "POISSON": {"EWALD": {"EWALD_TYPE": "NONE"}}},
                "SUBSYS": {
                    "CELL": {"ABC": "10 10 10"},
                    "COORD": {"": ["Ar 0 0 0", "Ar 4 0 0"]},
                },
            },
            "MOTION": {"MD": {"ENSEMBLE": "NVE", "STEPS": n_steps}},
        }
    )


def program(folder, text):
    path = folder / "cp2k.psmp"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_none_on_an_empty_path(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert find_cp2k() is None


def test_data_files_are_found(tmp_path, monkeypatch):
    monkeypatch.delenv("CP2K_DATA_DIR", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for folder in ("bin", "share/cp2k/data/NNP"):
        (tmp_path / folder).mkdir(parents=True)
    program(tmp_path / "bin", "exit 1")
    assert cp2k_data("NNP") == tmp_path / "share/cp2k/data/NNP"
    assert cp2k_data("NNP/ice") is None
    (tmp_path / "own" / "NNP").mkdir(parents=True)
    monkeypatch.setenv("CP2K_DATA_DIR", str(tmp_path / "own"))
    assert cp2k_data("NNP") == tmp_path / "own" / "NNP"


def test_an_old_or_unreadable_version_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    program(tmp_path, 'echo " CP2K version 8.2"')
    with pytest.raises(Cp2kError, match=r"CP2K version 8\.2 is older than 9\.1"):
        find_cp2k()
    program(tmp_path, 'echo "libxc.so.9: cannot open" >&2; exit 127')
    with pytest.raises(Cp2kError, match=r"names no version;.*\nlibxc\.so\.9: cannot open"):
        find_cp2k()


def test_builds_without_mpi_have_one_rank(tmp_path, monkeypatch):
    program(
        tmp_path,
        'echo " CP2K version 2024.1\n cp2kflags: omp fftw3\n compiler: GCC\n PROGRAM ENDED"',
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    cp2k = find_cp2k()
    assert (cp2k.version, cp2k.has_mpi, cp2k.launcher) == ("2024.1", False, None)
    assert cp2k.run("", tmp_path, n_ranks=2).read_text().count("PROGRAM ENDED") == 1


def test_an_early_end_is_an_error(tmp_path):
    cp2k = Cp2k(program(tmp_path, "echo 'walltime exceeded'"), "2024.1", False, None)
    with pytest.raises(Cp2kError, match=r"failed with status 0;(?s:.*)walltime exceeded"):
        cp2k.run("", tmp_path)


@with_cp2k
def test_the_launcher_is_not_that_of_this_environment(monkeypatch):
    monkeypatch.setenv("PATH", f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}")
    assert Path(sys.prefix) not in find_cp2k().launcher.parents


@with_cp2k
@pytest.mark.parametrize("n_ranks", [1, 2])
def test_run(tmp_path, n_ranks, monkeypatch):
    monkeypatch.setenv("PMI_RANK", "7")
    log = CP2K.run(two_argon_atoms(10), tmp_path, n_ranks=n_ranks)
    assert log == tmp_path / LOG
    assert (tmp_path / "run-1.ener").read_text().splitlines()[-1].split()[0] == "10"


@with_cp2k
def test_a_launcher_of_another_mpi_is_noticed(tmp_path):
    other = replace(CP2K, launcher=Path(sys.prefix) / "bin" / "mpirun")
    with pytest.raises(Cp2kError, match="started 2 times 1 rank instead of 2 ranks"):
        other.run(two_argon_atoms(1), tmp_path, n_ranks=2)


@with_cp2k
def test_a_broken_input_quotes_cp2k(tmp_path):
    with pytest.raises(Cp2kError, match=r'(?s)cp2k\.log says:.*unknown keyword .*"?COFFEE'):
        CP2K.run(format_input({"GLOBAL": {"COFFEE": "black"}}), tmp_path)


@with_cp2k
@pytest.mark.parametrize("n_ranks", [1, 2])
def test_a_sigterm_ends_cp2k_too(tmp_path, n_ranks):
    started = []

    def kill_once_it_runs():
        if (tmp_path / "run-1.ener").exists() and not started:
            started.extend(psutil.Process().children(recursive=True))
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(InterruptedRunError):
        CP2K.run(two_argon_atoms(100_000_000), tmp_path, n_ranks=n_ranks, watch=kill_once_it_runs)
    assert len(started) >= n_ranks
    assert not psutil.wait_procs(started, timeout=30)[1]
