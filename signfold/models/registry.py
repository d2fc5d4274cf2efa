"""The networks by their name in the configuration (`model.network`).

To add a network: write its class in a file of this package, add its line to `NETWORKS`, its version to
`core.versions.NETWORK` and its name to `ModelSettings.network`; a test compares the three. The class

- is built by `Network(layout, channels, classes, settings)`: the joints and bones of the input, the number C of
  coordinate channels, the number K of classes, the section `model`;
- maps x of shape (N, C + 1, T, V), whose last channel is the mask (1 where the joint was detected, else 0; then the
  coordinates are 0 too), to logits of shape (N, K);
- calls its last layer `classifier`: transfer to other classes replaces it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from signfold.core.settings import ModelSettings
from signfold.core.skeleton import layout
from signfold.models.aagcn import AAGCN
from signfold.models.conv import ConvNetwork
from signfold.models.light import LightAAGCN

NETWORKS: dict[str, Any] = {
    "aagcn": AAGCN,
    "light": LightAAGCN,
    "conv": ConvNetwork,
}


def build_network(tensors: Mapping[str, Any], classes: int, settings: ModelSettings) -> nn.Module:
    """Build a network with random weights; they depend on torch's random seed alone.

    Parameters
    ----------
    tensors
        Metadata of the tensors that it takes: `layout` and the names of the C `channels`.
    classes
        Number of classes, K.
    settings
        The section `model`.

    Returns
    -------
    Module
        Maps (N, C + 1, T, V) to logits (N, K).
    """
    network = NETWORKS[settings.network]
    return network(layout(tensors["layout"]), len(tensors["channels"]), classes, settings)


def parameter_count(model: nn.Module) -> int:
    """Return the number of trainable parameters of `model`."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
