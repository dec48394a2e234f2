"""Where the network of each kind of checkpoint is defined: by name, so that this table holds no network."""

from __future__ import annotations

from wsss.models.network import Network
from wsss.pipeline.stage import imported
from wsss.pipeline.stages import STAGES

NETWORKS = {name.removeprefix("train_"): stage.network for name, stage in STAGES.items() if stage.network}
"""Kind -> module and class, by the table of stages: the stage `train_KIND` trains it."""


def network_class(kind: str) -> type[Network]:
    """Return the class of a kind of network.

    Raises:
        KeyError: If there is no such kind.
    """
    found: type[Network] = imported(NETWORKS[kind])
    return found
