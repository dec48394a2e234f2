"""The nodes that share one training: which of them this one is.

SLURM's `srun` says so in the environment of every command that it starts. Elsewhere, whoever starts the commands says
so, in the variables that torchrun has for it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from wsss.errors import InputError

BY_HAND = ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT")
"""Variables of a command that was started by hand: the number of its node, and where the first one is met."""
OF_STEP = ("SLURM_STEP_NUM_NODES", "SLURM_STEP_NUM_TASKS")


def node_rank(nodes: int, environment: Mapping[str, str] = os.environ) -> int:
    """Return the number of this node among those of a training, counted from 0.

    Args:
        nodes: How many there are; with one, the environment does not matter.
        environment: Variables of this process.

    Raises:
        InputError: If the variables do not tell it, or tell of another number of nodes.
    """
    if nodes == 1:
        return 0
    if "NODE_RANK" in environment:
        missing = [name for name in BY_HAND if not environment.get(name)]
        if missing:
            raise InputError(f"a training over {nodes} nodes: {missing[0]} is not set; {_how_to_start(nodes)}")
        return _number("NODE_RANK", nodes, environment)
    if OF_STEP[0] not in environment:
        raise InputError(f"a training over {nodes} nodes: nothing says which node this is; {_how_to_start(nodes)}")
    found = [environment.get(name, "?") for name in OF_STEP]
    if found != [str(nodes)] * 2:
        raise InputError(
            f"a training over {nodes} nodes: srun started {found[1]} commands on {found[0]} nodes; "
            f"{_how_to_start(nodes)}"
        )
    return _number("SLURM_NODEID", nodes, environment)


def is_first(nodes: int) -> bool:
    """Return whether this node writes what comes of a training; the others take part.

    Raises:
        InputError: As for `node_rank`.
    """
    return node_rank(nodes) == 0


def writes_log(nodes: int) -> bool:
    """Return whether this command writes the log: of several nodes, the first does, or the one that finds no place."""
    try:
        return is_first(nodes)
    except InputError:
        return True


def _number(name: str, nodes: int, environment: Mapping[str, str]) -> int:
    text = environment.get(name, "")
    if not text.isdecimal() or int(text) >= nodes:
        raise InputError(f"a training over {nodes} nodes: {name} is `{text}`, expected 0 to {nodes - 1}")
    return int(text)


def _how_to_start(nodes: int) -> str:
    return (
        f"start the command once on each, by `srun --nodes {nodes} --ntasks {nodes} --ntasks-per-node 1`, or with "
        f"NODE_RANK (0 to {nodes - 1}), MASTER_ADDR and MASTER_PORT (of the first) in its environment; or use one node"
    )
