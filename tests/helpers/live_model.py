"""A bundle that knows two signs, trained in seconds on performances of synthetic signers that are not drawn."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from synthetic_performances import SET, performed

from signfold.core import versions
from signfold.core.clip import PARTS, Keypoints
from signfold.core.settings import ModelSettings, TensorSettings
from signfold.core.skeleton import layout
from signfold.inference.bundle import write_bundle
from signfold.inference.model import Member, Model, Network
from signfold.models.io import load_model, save_model
from signfold.models.registry import build_network
from signfold.synth import scene
from signfold.synth.motion import FPS
from signfold.synth.signers import HEIGHT, WIDTH, signer
from signfold.tensors.build import clip_tensor
from signfold.tensors.streams import masked

# The first two of signfold.synth.signs: a fist nods at the shoulder, a finger wags.
GLOSSES = ("yes", "where")
# Synthetic signers have no depth.
TENSORS = TensorSettings(frames=16, channels=("x", "y"), trim="sign")
NETWORK = ModelSettings("light", 0.25)


def keypoints(number: int, sign: int) -> Keypoints:
    """Return the true joints of a signer's performance of a sign."""
    act = performed(number, sign)
    undrawn = scene.Actor(signer(SET.seed, number), *4 * [None])  # type: ignore[arg-type]
    parts = {part: np.ones((act.frames, *shape), np.float32) for part, shape in PARTS.items()}
    for part, found in scene.true_joints(scene.Part(undrawn, act)).items():
        parts[part][..., :2] = np.nan_to_num(found)
    return Keypoints(np.arange(act.frames) * 1000 / FPS, **parts, width=WIDTH, height=HEIGHT, fps=FPS)


def write_live_model(path: Path) -> Path:
    """Train a small network to tell the two signs of six signers apart, and write it as a bundle."""
    torch.manual_seed(0)
    joints = list(layout(TENSORS.layout).joints)
    about = {"layout": TENSORS.layout, "joints": joints, "channels": list(TENSORS.channels), "frames": TENSORS.frames}
    about |= {"settings": asdict(TENSORS), "version": versions.TENSORS}
    network = build_network(about, len(GLOSSES), NETWORK)
    clips = [(number, sign) for number in range(1, 7) for sign in (1, 2)]
    x = torch.from_numpy(masked(np.stack([clip_tensor(keypoints(*clip), TENSORS)[0] for clip in clips])))
    y = torch.tensor([sign - 1 for _, sign in clips])
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3)
    for _ in range(40):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(network(x + 0.02 * torch.randn_like(x)), y).backward()
        optimiser.step()
    folder = path.with_suffix(".model")
    described = {"tensors": about, "labels": ("1", "2"), "stream": "joint", "provenance": {}}
    save_model(folder, network, settings=NETWORK, **described)
    member = Member({"joint": Network(*load_model(folder))}, {"joint": 1.0}, None)
    write_bundle(path, Model("demo", {"all/seed-1": member}, ("1", "2"), GLOSSES, threshold=0.6), "")
    return path
