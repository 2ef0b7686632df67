"""Print the JSON schema, or check that files of a command line of Snakemake can be read as YAML.

``python -m falsemetal.config --configfile FILE…`` ignores Snakemake's other arguments.
"""

import argparse
import sys
from pathlib import Path

from falsemetal.config import schema
from falsemetal.config.reading import ReadingError, read_configuration

if __name__ == "__main__":
    if sys.argv[1:] == ["--schema"]:
        print(schema(), end="")
        sys.exit()
    # no abbreviations: Snakemake's --config is an option of its own
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    parser.add_argument("--configfile", "--configfiles", nargs="*")
    files = parser.parse_known_args()[0].configfile
    if files == []:
        sys.exit("--configfile: names no file; give one: make demo CONFIG=config/demo.yaml")
    try:
        read_configuration(files or [])
    except ReadingError as error:
        lost = [file for file in files[1:] if not Path(file).suffix and not Path(file).exists()]
        hint = f"\nif {lost[0]} is a target, name it before --configfile" if lost else ""
        sys.exit(f"{error}{hint}")
