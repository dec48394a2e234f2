#!/usr/bin/env bash
# Run by Snakemake in the folder of the Snakefile, once the conda environment of wsss.yaml is made and active:
# from the repository with its pinned versions where that is it, else from the package index.
set -euo pipefail
if [ -f envs/constraints.txt ] && [ -f pyproject.toml ]; then
    python -m pip install --constraint envs/constraints.txt --editable '.[saliency]'
else
    python -m pip install 'wsss[saliency]'
fi
