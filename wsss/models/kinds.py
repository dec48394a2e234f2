"""Where the network of each kind of checkpoint is defined: by name, so that this table holds no network."""

from __future__ import annotations

from importlib import import_module

from wsss.models.network import Network

NETWORKS = {
    "classifier": "wsss.models.classifier:Classifier",
    "segmenter": "wsss.models.segmenter:Segmenter",
    "auxsegnet": "wsss.models.auxsegnet:AuxSegNet",
    "aalr": "wsss.models.aalr:AALR",
}
"""Kind -> module and class."""


def network_class(kind: str) -> type[Network]:
    """Return the class of a kind of network.

    Raises:
        KeyError: If there is no such kind.
    """
    module, _, name = NETWORKS[kind].partition(":")
    found: type[Network] = getattr(import_module(module), name)
    return found
