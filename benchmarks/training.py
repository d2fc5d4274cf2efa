"""Speed of training and prediction: signfold's networks beside a plain AAGCN in eager fp32, in one run.

    python benchmarks/training.py            # some minutes on two cores

All have T = 80 frames, V = 46 joints, the published width and 226 classes: 3.9 million parameters, the light network
1.3 million, conv 1.8 million. The plain network is written as in the papers: (N, C, T, V), a convolution for each of
the three subsets, each attention multiplied out, AdamW, fp32, torch's defaults. signfold's networks run as in training,
in bfloat16 if the processor has it, and AAGCN in fp32 too. Each runs in its own process, and they take turns, so other
load on the machine affects all; ratios are medians over the turns. Then an epoch's batches of 40,000 such clips are
read in random order with the default augmentation: samples/s, and the growth of the process's memory without mapped
files. Prints a table, writes results/bench/training.json.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import torch
from torch import Tensor, nn
from torch.nn import functional

from signfold.core import versions
from signfold.core.files import file_sha256, write_json, write_parquet
from signfold.core.settings import Augmentation, ModelSettings, TrainingSettings
from signfold.core.skeleton import layout
from signfold.folds.roles import Samples
from signfold.models.aagcn import BLOCKS
from signfold.models.graph import spatial_partition
from signfold.models.layers import SUBSETS, TEMPORAL_KERNEL
from signfold.models.registry import NETWORKS, build_network, parameter_count
from signfold.tensors.shards import SHA256, Shards
from signfold.training.augment import Variation
from signfold.training.batches import load_batches, shuffled
from signfold.training.optim import configure_optimiser, precision
from signfold.training.run import configure_torch

OUT = Path("results/bench/training.json")
FRAMES, CHANNELS, CLASSES, BATCH = 80, 4, 226, 16
LAYOUT = layout("hands_arms_46")
# Metadata of the tensors.
ABOUT = {"layout": LAYOUT.name, "joints": list(LAYOUT.joints), "channels": ["x", "y", "z"][: CHANNELS - 1]}
ABOUT |= {"frames": FRAMES, "settings": {}, "version": versions.TENSORS}
TURNS, STEPS = {"train": 5, "infer": 7}, 3
CLIPS, SHARDS = 40_000, 20
# The networks that take turns; the prefix of their figures' keys, and their title.
WAYS = ("plain", "ours", "fp32", "light", "conv")
COMPARED = {
    "ours": ("", "the same network"),
    "fp32": ("fp32_", "in fp32"),
    "light": ("light_", "the light network"),
    "conv": ("conv_", "conv"),
}


class PlainBlock(nn.Module):
    """One block, equation by equation."""

    def __init__(self, c_in: int, c_out: int, stride: int, adjacency: Tensor, first: bool) -> None:
        super().__init__()
        joints, inner = adjacency.shape[-1], c_out // 4
        self.adjacency, self.alpha = nn.Parameter(adjacency.clone()), nn.Parameter(torch.zeros(1))
        self.theta, self.phi, self.weight = (
            nn.ModuleList(nn.Conv2d(c_in, wide, 1) for _ in range(SUBSETS)) for wide in (inner, inner, c_out)
        )
        self.norm = nn.BatchNorm2d(c_out)
        self.down = _plain_convolution(c_in, c_out, 1, 1) if c_in != c_out else nn.Identity()
        kernel = joints if joints % 2 else joints - 1
        self.spatial = nn.Conv1d(c_out, 1, kernel, padding=kernel // 2)
        self.temporal_attention = nn.Conv1d(c_out, 1, TEMPORAL_KERNEL, padding=TEMPORAL_KERNEL // 2)
        self.squeeze, self.channel = nn.Linear(c_out, c_out // 2), nn.Linear(c_out // 2, c_out)
        self.temporal = _plain_convolution(c_out, c_out, TEMPORAL_KERNEL, stride)
        self.first = first
        same = c_in == c_out and stride == 1
        self.residual = nn.Identity() if same or first else _plain_convolution(c_in, c_out, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, T, V) to (N, C', T / stride, V)."""
        n, c, t, v = x.shape
        total: Any = 0
        for k in range(SUBSETS):
            theta = self.theta[k](x).permute(0, 3, 1, 2).reshape(n, v, -1)
            phi = self.phi[k](x).reshape(n, -1, v)
            graph = self.adjacency[k] + self.alpha * torch.tanh(theta @ phi / theta.shape[-1])
            total = total + self.weight[k]((x.reshape(n, c * t, v) @ graph).view(n, c, t, v))
        y = torch.relu(self.norm(total) + self.down(x))
        y = y * torch.sigmoid(self.spatial(y.mean(-2))).unsqueeze(-2) + y
        y = y * torch.sigmoid(self.temporal_attention(y.mean(-1))).unsqueeze(-1) + y
        squeezed = torch.relu(self.squeeze(y.mean(-1).mean(-1)))
        y = y * torch.sigmoid(self.channel(squeezed)).unsqueeze(-1).unsqueeze(-1) + y
        y = self.temporal(y)
        return torch.relu(y if self.first else y + self.residual(x))


def _plain_convolution(c_in: int, c_out: int, kernel: int, stride: int) -> nn.Sequential:
    layer = nn.Conv2d(c_in, c_out, (kernel, 1), padding=(kernel // 2, 0), stride=(stride, 1))
    return nn.Sequential(layer, nn.BatchNorm2d(c_out))


class Plain(nn.Module):
    """The whole network, plainly."""

    def __init__(self) -> None:
        super().__init__()
        adjacency = torch.as_tensor(spatial_partition(LAYOUT), dtype=torch.float32)
        self.norm = nn.BatchNorm1d(CHANNELS * len(LAYOUT.joints))
        widths = [CHANNELS, *(wide for wide, _ in BLOCKS)]
        self.blocks = nn.Sequential(
            *(PlainBlock(widths[i], wide, stride, adjacency, first=i == 0) for i, (wide, stride) in enumerate(BLOCKS))
        )
        self.classifier = nn.Linear(widths[-1], CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, T, V) to (N, K)."""
        n, c, t, v = x.shape
        x = self.norm(x.permute(0, 3, 1, 2).reshape(n, v * c, t)).view(n, v, c, t).permute(0, 2, 3, 1).contiguous()
        return self.classifier(self.blocks(x).mean((2, 3)))


def worker(way: str) -> None:
    """Do some steps for each line of standard input, `train` or `infer`, and print their wall and CPU seconds."""
    torch.manual_seed(0)
    settings, device = TrainingSettings(precision="fp32" if way == "fp32" else "auto"), torch.device("cpu")
    dtype = torch.float32
    if way == "plain":
        model: nn.Module = Plain()
        optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    else:
        configure_torch(torch.get_num_threads())
        dtype = precision(settings, device)
        model = build_network(ABOUT, CLASSES, ModelSettings(way if way in NETWORKS else "aagcn"))
        optimiser = configure_optimiser(model, settings)
    x, targets = torch.randn(BATCH, CHANNELS, FRAMES, len(LAYOUT.joints)), torch.randint(CLASSES, (BATCH,))

    def forward() -> Tensor:
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            return model(x).float()

    def train_step() -> None:
        model.train()
        loss = functional.cross_entropy(forward(), targets, label_smoothing=0.1)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()

    def infer_step() -> None:
        model.eval()
        with torch.inference_mode():
            forward()

    steps = {"train": train_step, "infer": infer_step}
    print(json.dumps({"parameters": parameter_count(model), "precision": str(dtype)}), flush=True)
    for line in sys.stdin:
        step = steps[line.strip()]
        step()  # warms the caches after the other networks' turns
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(STEPS):
            step()
        print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]), flush=True)


def own_memory() -> int:
    """Return this process's memory in bytes, without mapped files."""
    memory = psutil.Process().memory_info()
    return memory.rss - memory.shared


def loader(folder: Path) -> dict[str, float]:
    """Read an epoch of clips that are written to `folder` first: clips/s, and growth of the memory in MB."""
    random, each = np.random.default_rng(0), CLIPS // SHARDS
    for shard in range(SHARDS):
        path = folder / f"{shard}.npy"
        np.save(path, random.standard_normal((each, CHANNELS - 1, FRAMES, len(LAYOUT.joints)), dtype=np.float32))
        about = ABOUT | {SHA256: file_sha256(path)}
        write_parquet(pa.table({"row": np.arange(each)}), path.with_suffix(".parquet"), about)
    shards, names = Shards(folder.glob("*.npy")), np.repeat([str(shard) for shard in range(SHARDS)], each)
    unused, rows = names, np.tile(np.arange(each), SHARDS)
    samples = Samples(unused, unused, unused, unused, rows, np.ones(CLIPS, np.float32), names, rows)
    order = shuffled(CLIPS, BATCH, 0, 0)
    held, start = own_memory(), time.perf_counter()
    for _ in load_batches(shards, samples, order, "joint", Variation(Augmentation(), 0, 0)):
        pass
    seconds = time.perf_counter() - start
    return {"loader_samples_s": CLIPS / seconds, "loader_growth_mb": (own_memory() - held) / 1e6}


def main() -> None:
    """Let all networks take turns, print the table and write the figures."""
    workers = {
        way: subprocess.Popen(
            [sys.executable, __file__, "--worker", way], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for way in WAYS
    }

    def told(way: str, line: str = "") -> Any:
        process = workers[way]
        assert process.stdin is not None
        assert process.stdout is not None
        if line:
            print(line, file=process.stdin, flush=True)
        return json.loads(process.stdout.readline())

    result: dict[str, Any] = {way: told(way) for way in WAYS}
    result |= {"batch": BATCH, "frames": FRAMES, "joints": len(LAYOUT.joints), "threads": torch.get_num_threads()}
    for kind, turns in TURNS.items():
        taken = np.array([[told(way, kind) for way in WAYS] for _ in range(turns)])  # (turns, ways, wall and CPU)
        rates = STEPS * BATCH / np.median(taken[..., 0], axis=0)
        result |= {f"{way}_{kind}_samples_s": float(rate) for way, rate in zip(WAYS, rates, strict=True)}
        for way, (name, _) in COMPARED.items():
            ratios = taken[:, 0] / taken[:, WAYS.index(way)]
            result[f"{name}{kind}_speedup"] = float(np.median(ratios[:, 0]))
            result[f"{name}{kind}_speedup_cpu"] = float(np.median(ratios[:, 1]))
            result[f"{name}{kind}_speedup_range"] = [float(ratios[:, 0].min()), float(ratios[:, 0].max())]
    for process in workers.values():
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=OUT.parent) as folder:
        result |= loader(Path(folder))
    result["loader_over_training"] = result["loader_samples_s"] / result["conv_train_samples_s"]
    write_json(OUT, result)
    counts = ", ".join(f"{result[way]['parameters']:,}" for way in ("ours", "light", "conv"))
    print(f"{counts} parameters, batches of {BATCH}, {result['ours']['precision']}")
    for kind in TURNS:
        rates = " ".join(f"{way} {result[f'{way}_{kind}_samples_s']:.2f}" for way in WAYS)
        print(f"{kind}: samples/s {rates}")
        for name, title in COMPARED.values():
            low, high = result[f"{name}{kind}_speedup_range"]
            print(f"  {title}: {result[f'{name}{kind}_speedup']:.2f} times as fast ({low:.2f} to {high:.2f})")
    print(
        f"batches of {CLIPS:,} clips: samples/s {result['loader_samples_s']:.0f}, {result['loader_over_training']:.0f} "
        f"times conv's training; memory grows by {result['loader_growth_mb']:.0f} MB"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(sys.argv[2])
    else:
        main()
