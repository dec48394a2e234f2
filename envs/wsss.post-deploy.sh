#!/usr/bin/env bash
# Run by Snakemake in the folder of the Snakefile, once the conda environment of wsss.yaml is made and active.
set -euo pipefail
python -m pip install --constraint envs/constraints.txt --editable '.[saliency]'
