#!/usr/bin/env bash
# Run by Snakemake in its working directory, once the conda environment of wsss.yaml is made and active. Installs what
# WSSS_PACKAGE names (for pip: a wheel, a folder, a git URL); else, in a clone, that with its pinned versions; else the
# package of the index.
set -euo pipefail
if [ -n "${WSSS_PACKAGE:-}" ]; then
    python -m pip install "$WSSS_PACKAGE"
elif [ -f envs/constraints.txt ] && [ -f pyproject.toml ]; then
    python -m pip install --constraint envs/constraints.txt --editable '.[saliency]'
else
    python -m pip install 'wsss[saliency]'
fi
