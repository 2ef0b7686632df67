import subprocess
import sys


def test_libraries_are_imported_without_a_word():
    code = "import falsemetal.potentials.calculator, falsemetal.potentials.training.loop"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout + result.stderr == ""
