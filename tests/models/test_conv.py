"""Promises of the network of convolutions over time."""

from __future__ import annotations

import pytest
import torch
from networks import clips, small, stirred
from torch import Tensor, nn
from torch.nn import functional

from signfold.models.conv import BLOCKS, HEADS, AttentionBlock, ChannelAttention, ConvolutionBlock, DropPath, changes


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Keep these tiny networks from waiting on each other's threads."""
    torch.set_num_threads(1)


def test_the_blocks_are_twice_three_convolutions_and_an_attention() -> None:
    kinds = [type(block).__name__ for block in small(network="conv").blocks]
    assert kinds == 2 * [*3 * ["ConvolutionBlock"], "AttentionBlock"]
    assert len(kinds) == len(BLOCKS)


@pytest.mark.parametrize("frames", [1, 2])
def test_changes_are_those_of_joints_that_are_there_in_both_frames(frames: int) -> None:
    x, mask = torch.randn(2, 3, 6, 4), (torch.rand(2, 1, 6, 4) > 0.3).float()
    found = changes(x, mask, frames)
    for t in range(6):
        for joint in range(4):
            for clip in range(2):
                there = t + frames < 6 and mask[clip, 0, t, joint] and mask[clip, 0, t + frames, joint]
                expected = x[clip, :, t + frames, joint] - x[clip, :, t, joint] if there else torch.zeros(3)
                torch.testing.assert_close(found[clip, :, t, joint], expected)


def test_a_clip_shorter_than_the_change_has_none() -> None:
    assert torch.equal(changes(torch.randn(1, 2, 1, 3), torch.ones(1, 1, 1, 3), 2), torch.zeros(1, 2, 1, 3))


def test_a_convolution_block_is_what_its_parts_say() -> None:
    torch.manual_seed(0)
    block, x = stirred(ConvolutionBlock(8)).eval(), torch.randn(2, 30, 8)
    y = functional.silu(block.expand(x)).transpose(1, 2)
    y = functional.conv1d(y, block.temporal.weight.squeeze(2), padding=8, groups=16)
    y = functional.batch_norm(y, block.norm.running_mean, block.norm.running_var, block.norm.weight, block.norm.bias)
    weights = torch.sigmoid(functional.conv1d(y.mean(2)[:, None], block.attention.mix.weight, padding=2))
    y = y * weights.transpose(1, 2)
    torch.testing.assert_close(block(x), x + block.project(y.transpose(1, 2)))


def test_an_attention_block_is_what_torch_has() -> None:
    torch.manual_seed(0)
    block, x = stirred(AttentionBlock(16)).eval(), torch.randn(2, 10, 16)
    theirs = nn.MultiheadAttention(16, HEADS, bias=False, batch_first=True)
    theirs.in_proj_weight.data, theirs.out_proj.weight.data = block.embed.weight.data, block.join.weight.data
    normed = block.norms[0](x)
    y = x + theirs(normed, normed, normed)[0]
    expected = y + block.project(functional.silu(block.expand(block.norms[1](y))))
    torch.testing.assert_close(block(x), expected)


def test_channel_attention_starts_near_a_half_and_keeps_signs() -> None:
    x = torch.randn(3, 5, 12)
    ratio = ChannelAttention()(x) / x
    assert ((ratio > 0) & (ratio < 1)).all()
    torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio))  # the same in all frames


def test_a_skipped_block_is_made_up_for_by_the_others() -> None:
    torch.manual_seed(0)
    drop, y = DropPath(), torch.ones(4000, 2, 3)
    kept = drop(y)
    assert set(kept.flatten().tolist()) == {0.0, 1.25}
    assert (kept.flatten(1).std(1) == 0).all()  # a sample's block is kept whole or not at all
    assert abs(kept.mean() - 1) < 0.05
    assert torch.equal(drop.eval()(y), y)


def lengthened(x: Tensor, frames: int) -> Tensor:
    """Append frames in which no joint is there."""
    return functional.pad(x, (0, 0, 0, frames))


def test_frames_without_a_joint_are_not_in_the_mean() -> None:
    model = stirred(small(network="conv")).eval()
    for block in model.blocks:  # what reaches over frames
        nn.init.zeros_(block.project.weight)
        if isinstance(block, AttentionBlock):
            nn.init.zeros_(block.join.weight)
    x = clips(3)
    x[:, -1, :, 0] = 1
    with torch.no_grad():
        torch.testing.assert_close(model(lengthened(x, 5)), model(x))


def test_it_tells_the_order_of_frames() -> None:
    model, x = stirred(small(network="conv")).eval(), clips(2)
    with torch.no_grad():
        assert not torch.allclose(model(x), model(x.flip(2)), atol=1e-3)


def test_a_clip_without_any_joint_has_finite_logits() -> None:
    model = small(network="conv")
    assert model.train()(torch.zeros(2, 3, 6, 27)).isfinite().all()
    assert model.eval()(torch.zeros(2, 3, 6, 27)).isfinite().all()
