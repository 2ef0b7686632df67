#!/usr/bin/env bash
# Snakemake runs this in the new environment, from the folder of the checkout.
set -euo pipefail
python -m pip install --constraint requirements.lock --editable ".[workflow,d3,trajectory]"
