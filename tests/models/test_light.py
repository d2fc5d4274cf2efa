"""Promises of the lighter network."""

from __future__ import annotations

import pytest
import torch
from networks import small

from signfold.core.skeleton import layout
from signfold.models.light import LIGHT_BLOCKS, Branches, LightAAGCN
from signfold.models.registry import parameter_count


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Keep these tiny networks from waiting on each other's threads."""
    torch.set_num_threads(1)


def test_the_lighter_network_has_less_than_half_of_the_parameters() -> None:
    assert parameter_count(LightAAGCN(layout("hands_arms_46"), 1, 226)) == 1_329_140


def test_the_lighter_network_halves_the_frames_three_times_by_means_of_pairs() -> None:
    model, lengths = small(network="light").eval(), []
    for block in model.blocks:
        block.register_forward_hook(lambda _module, _inputs, output: lengths.append(output.shape[-1]))
    model(torch.randn(2, 3, 20, 27))
    assert lengths == [10, 10, 10, 10, 5, 5, 5, 3, 3, 3]
    assert [stride for _, stride in LIGHT_BLOCKS].count(2) == 3
    x = torch.randn(2, 3, 27, 5)
    means = torch.stack([(x[..., 0] + x[..., 1]) / 2] * 2 + [(x[..., 2] + x[..., 3]) / 2] * 2 + [x[..., 4]], -1)
    assert torch.allclose(model.blocks[0](x), model.blocks[0](means), atol=1e-6)
    assert not torch.allclose(model.blocks[0](x), model.blocks[0](x.flip(-1)))


def test_branches_reach_as_far_as_they_say() -> None:
    torch.manual_seed(0)
    branches = Branches(8).eval()
    y = torch.randn(1, 8, 3, 21)
    changed = y.clone()
    changed[..., 10] += 100
    with torch.no_grad():
        moved = (branches(changed) - branches(y)).abs().sum(2)[0] > 1e-4
    for quarter, reach in zip(moved.split(2), ([8, 9, 10, 11, 12], [6, 8, 10, 12, 14], [9, 10, 11], [10]), strict=True):
        assert set(torch.nonzero(quarter.any(0)).flatten().tolist()) <= set(reach)
        assert quarter.any(0)[reach[0]] or quarter.any(0)[reach[-1]] or len(reach) == 3
