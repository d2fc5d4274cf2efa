"""A model: one clip in, the likeliest signs out, with calibrated probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from signfold.core.clip import PARTS, Extraction, Floats, Keypoints, seen
from signfold.core.errors import SignfoldError
from signfold.core.settings import KeypointSettings, TensorSettings
from signfold.dataset.keypoint_files import ImportSettings
from signfold.evaluation.calibration import at_temperature
from signfold.evaluation.fusion import fuse
from signfold.formats.imported import check_coordinates
from signfold.keypoints.extract import holistic_of
from signfold.models.io import predict_logits
from signfold.tensors.build import clip_tensor

TOP = 5
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Sign:
    """One answer: a class, and the probability that it is the sign of the clip.

    Parameters
    ----------
    label, gloss
        The class's label, and its gloss (the label itself where there is none).
    probability
        0 to 1, calibrated.
    """

    label: str
    gloss: str
    probability: float


@dataclass(frozen=True)
class Prediction:
    """What a model says of a clip.

    Parameters
    ----------
    status
        ok; or why there is no answer: no_hands, no_person, blank, frozen, no_frames, unreadable or crashed.
    reason
        The reason in words, or a remark about a clip that is ok; None for none.
    signs
        The likeliest signs, best first; empty where there is no answer.
    known
        Whether the best sign's probability reaches the model's threshold.
    """

    status: str
    reason: str | None = None
    signs: tuple[Sign, ...] = ()
    known: bool = False

    @property
    def answer(self) -> str:
        """The gloss of the best sign, `unknown` below the threshold, or an empty text where there is no answer."""
        if not self.signs:
            return ""
        return self.signs[0].gloss if self.known else UNKNOWN


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """A trained network of one stream.

    Parameters
    ----------
    module
        The network in evaluation mode; maps (N, C + 1, T, V) to logits (N, K).
    metadata
        As in its `model.safetensors` (`models.io.load_model`).
    """

    module: nn.Module
    metadata: Mapping[str, Any]

    def logits(self, tensors: Floats) -> Floats:
        """Return the logits (N, K) of clips (N, C, T, V), NaN where missing."""
        return predict_logits(self.module, self.metadata, tensors)


@dataclass(frozen=True, eq=False)
class Member:
    """The networks that are fused: one for each stream, of one fold (or of all clips) and one seed.

    Parameters
    ----------
    networks
        The network of each stream.
    fusion
        The weight of each stream.
    temperature
        What calibrates the fused probabilities; None where there were no validation clips to fit one.
    """

    networks: Mapping[str, Network]
    fusion: Mapping[str, float]
    temperature: float | None

    def logits(self, tensors: Floats) -> dict[str, Floats]:
        """Return for each stream the logits (N, K) of clips (N, C, T, V)."""
        return {stream: network.logits(tensors) for stream, network in self.networks.items()}

    def probabilities(self, logits: Mapping[str, Floats]) -> Floats:
        """Return the fused and calibrated probabilities (N, K) of the streams' logits, as the evaluation has them."""
        fused = fuse(logits, self.fusion)
        return at_temperature(fused, self.temperature) if self.temperature else fused


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """A recogniser of isolated signs: the final network of a run, or the networks of its folds together.

    Parameters
    ----------
    name
        Name of the dataset.
    members
        By name, such as `all/seed-1` or `fold-2/seed-1`; their probabilities are averaged.
    labels, glosses
        K of each, by class id.
    threshold
        Probability of the best sign below which a clip counts as unknown; 0: none does.
    extractor
        What extracted the keypoints that the networks were trained on: names, versions and digests of its models;
        empty where that is not known.
    metrics
        Cross-validated figures of the run (`evaluation/metrics.json`).
    """

    name: str
    members: Mapping[str, Member]
    labels: tuple[str, ...]
    glosses: tuple[str, ...]
    threshold: float = 0.0
    extractor: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Return name, number of signs, and which networks these are."""
        kind = "final network" if self.final else "networks of folds"
        return f"<Model {self.name}: {len(self.labels)} signs, {kind}: {', '.join(self.members)}>"

    @property
    def networks(self) -> dict[tuple[str, str], Network]:
        """Every network, by member and stream."""
        return {(name, stream): own for name, each in self.members.items() for stream, own in each.networks.items()}

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Metadata of the first network; all have the same classes and tensors."""
        return next(iter(self.networks.values())).metadata

    @property
    def final(self) -> bool:
        """Whether the networks were trained on all clips, not on folds."""
        return self.metadata.get("fold") == "all"

    @property
    def tensors(self) -> TensorSettings:
        """How clips are brought to tensors."""
        return TensorSettings(**self.metadata["tensors"]["settings"])

    @property
    def keypoints(self) -> KeypointSettings | None:
        """How keypoints are extracted from videos; None where the networks were trained on imported keypoints."""
        made = self.metadata["tensors"].get("keypoints") or {}
        if "format" in made:
            return None
        known = KeypointSettings.__dataclass_fields__
        return KeypointSettings(**{key: value for key, value in made.items() if key in known})

    @property
    def reading(self) -> ImportSettings:
        """How keypoint files are read: as those that the networks were trained on, or by default."""
        made = self.metadata["tensors"].get("keypoints") or {}
        return ImportSettings(**made) if "format" in made else ImportSettings("npy")

    def predict(self, clip: str | Path | Keypoints, top: int = TOP) -> Prediction:
        """Recognise the sign in a clip.

        Parameters
        ----------
        clip
            A video file, or keypoints (`signfold.clip` makes them of an array).
        top
            Number of signs in the answer.

        Raises
        ------
        SignfoldError
            If the model was trained on imported keypoints and is given a video, or the keypoints have other shapes or
            coordinates than docs/keypoints.md says.
        """
        if not isinstance(clip, Keypoints):
            return self.answer(self.extract(clip), top)
        check_keypoints(clip)
        return self.answer(Extraction(clip), top)

    def extract(self, video: str | Path) -> Extraction:
        """Return the keypoints of a video, extracted as for training, in this process."""
        return self.holistic().extract(Path(video))

    def holistic(self) -> Any:
        """Return the extractor (`keypoints.holistic.Holistic`) that finds keypoints as for training.

        Raises
        ------
        SignfoldError
            If the networks were trained on imported keypoints, or on those of another extractor than is here.
        """
        if self.keypoints is None:
            raise SignfoldError(f"{self.name}: trained on imported keypoints; give keypoints, not videos")
        holistic = holistic_of(self.keypoints)
        here = holistic.description()
        for key in ("extractor", "version", "models"):
            if key in self.extractor and self.extractor[key] != here[key]:
                raise SignfoldError(
                    f"{self.name}: its keypoints were extracted by {key} {self.extractor[key]}, and here is {key} "
                    f"{here[key]}, which finds others; use the version of signfold that made the model, or train again"
                )
        return holistic

    def answer(self, found: Extraction, top: int = TOP) -> Prediction:
        """Return the prediction for what was found in a clip, whatever its status."""
        status, reason = found.status, found.error
        if status == "ok":
            status, reason = judge(found.keypoints)
        if status != "ok":
            return Prediction(status, reason or found.error)
        probabilities = self.probabilities(self.tensor(found.keypoints))
        order = np.argsort(-probabilities, kind="stable")[:top]
        signs = tuple(Sign(self.labels[k], self.glosses[k], float(probabilities[k])) for k in order)
        return Prediction("ok", found.error, signs, bool(probabilities[order[0]] >= self.threshold))

    def tensor(self, keypoints: Keypoints) -> Floats:
        """Return the (C, T, V) tensor of a clip, NaN where missing."""
        return clip_tensor(keypoints, self.tensors)[0]

    def logits(self, tensor: Floats) -> dict[tuple[str, str], Floats]:
        """Return for each member and stream the logits (K,) of a clip's (C, T, V) tensor."""
        return {key: network.logits(tensor[None])[0] for key, network in self.networks.items()}

    def probabilities(self, tensor: Floats) -> Floats:
        """Return (K,) probabilities of a clip's (C, T, V) tensor.

        Streams are fused and calibrated as in the evaluation; the members (folds and seeds) are averaged.
        """
        return np.mean([each.probabilities(each.logits(tensor[None])) for each in self.members.values()], axis=0)[0]


def judge(keypoints: Keypoints) -> tuple[str, str | None]:
    """Return the status of a clip's keypoints, and the reason for another than ok."""
    if not len(keypoints):
        return "no_frames", "it has no frames"
    if not any(seen(getattr(keypoints, part)).any() for part in PARTS):
        return "no_person", "neither pose nor hands in any frame"
    if not any(seen(keypoints.hand(side)).any() for side in ("left", "right")):
        return "no_hands", "no hand in any frame"
    return "ok", None


def check_keypoints(keypoints: Keypoints) -> None:
    """Check the shapes and coordinates of keypoints.

    Raises
    ------
    SignfoldError
        If they are not those that `Keypoints` promises.
    """
    expected = {part: (len(keypoints), *shape) for part, shape in PARTS.items()}
    found = {part: np.shape(getattr(keypoints, part)) for part in PARTS}
    if found != expected:
        raise SignfoldError(f"keypoints: found arrays of shape {found}, expected {expected}")
    check_coordinates("keypoints", keypoints)
