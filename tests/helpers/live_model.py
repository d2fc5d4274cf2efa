"""A model of two signs, trained in seconds on performances of synthetic signers that are not drawn."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import torch
from synthetic_performances import SET, performed

from signfold.core.clip import PARTS, Keypoints
from signfold.core.settings import ModelSettings, TensorSettings
from signfold.core.skeleton import layout
from signfold.inference.model import Member, Model, Network
from signfold.models.registry import build_network
from signfold.synth import scene
from signfold.synth.motion import FPS
from signfold.synth.signers import HEIGHT, WIDTH, signer
from signfold.tensors.build import clip_tensor
from signfold.tensors.streams import masked

# The first two of signfold.synth.signs: a fist nods at the shoulder, a finger wags.
GLOSSES = ("yes", "where")
TENSORS = TensorSettings(frames=16, channels=("x", "y"), trim="sign")


def keypoints(number: int, sign: int, take: int = 1) -> Keypoints:
    """Return the true joints of a performance; they have no depth."""
    act = performed(number, sign, take)
    undrawn = scene.Actor(signer(SET.seed, number), None, None, None, None)
    joints = scene.true_joints(scene.Part(undrawn, act))
    parts = {part: np.ones((act.frames, *shape), np.float32) for part, shape in PARTS.items()}
    for part, found in joints.items():
        parts[part][..., :2] = np.nan_to_num(found)
    return Keypoints(np.arange(act.frames) * 1000 / FPS, **parts, width=WIDTH, height=HEIGHT, fps=FPS)


def live_model(steps: int = 60) -> Model:
    """Train a small network to tell two signs apart."""
    torch.manual_seed(0)
    joints = list(layout(TENSORS.layout).joints)
    tensors = {"layout": TENSORS.layout, "joints": joints, "channels": list(TENSORS.channels), "frames": TENSORS.frames}
    tensors["settings"] = asdict(TENSORS)
    about = {**tensors, "tensors": tensors, "classes": ["1", "2"], "stream": "joint"}
    network = build_network(tensors, len(GLOSSES), ModelSettings("light", 0.25))
    clips = [(number, sign) for number in range(1, 7) for sign in (1, 2)]
    x = torch.from_numpy(masked(np.stack([clip_tensor(keypoints(*clip), TENSORS)[0] for clip in clips])))
    y = torch.tensor([sign - 1 for _, sign in clips])
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3)
    for _ in range(steps):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(network(x + 0.02 * torch.randn_like(x)), y).backward()
        optimiser.step()
    member = Member({"joint": Network(network.eval(), about)}, {"joint": 1.0}, None)
    return Model("demo", {"all/seed-1": member}, ("1", "2"), GLOSSES, threshold=0.6)
