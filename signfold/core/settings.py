"""The options of every stage: one class for each section of the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

from signfold.core.errors import SignfoldError
from signfold.core.skeleton import layout

CHANNELS = (
    "x",
    "y",
    "z",
    "x_wrist",
    "y_wrist",
    "x_palm",
    "y_palm",
    "to_thumb",
    "to_index",
    "to_middle",
    "to_ring",
    "to_pinky",
)
STREAMS = ("joint", "bone", "joint_motion", "bone_motion")


Imputation = Literal["linear", "pchip", "hold", "none"]


EdgeFill = Literal["hold", "average"]


@dataclass(frozen=True)
class KeypointSettings:
    """The section `keypoints` of the configuration.

    Parameters
    ----------
    min_detection_confidence, min_tracking_confidence
        MediaPipe's thresholds, 0 to 1.
    max_seconds
        Of a longer clip, only so much is looked at, with a warning.
    on_bad_video
        `skip` sets a video without frames or person aside with its reason; `fail` stops the run at it.
    """

    min_detection_confidence: float = 0.5
    min_tracking_confidence: float = 0.5
    max_seconds: float = 60.0
    on_bad_video: str = "skip"


@dataclass(frozen=True)
class TensorSettings:
    """What the network is shown; the keys of the configuration's section `tensors`.

    Parameters
    ----------
    layout
        The joints, by the name of a layout in `signfold.joints`.
    frames
        T, the frames of every tensor.
    channels
        Of `x`, `y`, `z`, `x_wrist`, `y_wrist`, `x_palm`, `y_palm`, `to_thumb`, `to_index`, `to_middle`, `to_ring`,
        `to_pinky`: place, place from the wrist of the joint's own hand, the same in lengths of that hand's palm, and
        distances from its fingertips in that length (`signfold.normalise.channels_of`). All but the first three are 0
        for joints of no hand.
    resample
        `uniform`: T moments evenly over the whole clip. `pad`: the first T frames as they are, missing after the end.
    repair, ends
        As in `signfold.repair.repair`.
    normalise
        `shoulders`: the origin is the clip's median middle between the shoulders, the unit its median shoulder width,
        and a square is a square (see `reference`). `none`: image coordinates, 0 to 1, as MediaPipe gives them.
    dominant
        `right`: a clip whose left hand does the signing is mirrored. `keep`: as filmed.
    rest
        `mask`: a hand that does nothing throughout the clip is missing. `keep`: as detected. `always`: the hand that is
        not the dominant one is missing, for signs of one hand, such as manual alphabets.
    span
        `sign`: the frames from the first to the last with a raised hand. `clip`: all.
    """

    layout: str = "hands_body_27"
    frames: int = 64
    channels: Sequence[str] = ("x", "y", "x_palm", "y_palm", "to_thumb", "to_index", "to_middle", "to_ring", "to_pinky")
    resample: Literal["uniform", "pad"] = "uniform"
    repair: Imputation = "pchip"
    ends: EdgeFill = "hold"
    normalise: Literal["shoulders", "none"] = "shoulders"
    dominant: Literal["right", "keep"] = "right"
    rest: Literal["keep", "mask", "always"] = "mask"
    span: Literal["sign", "clip"] = "clip"

    def __post_init__(self) -> None:
        layout(self.layout)
        object.__setattr__(self, "channels", tuple(self.channels))
        unknown = [channel for channel in self.channels if channel not in CHANNELS]
        if unknown or not self.channels or len(set(self.channels)) < len(self.channels):
            raise SignfoldError(
                f"tensors.channels: found {list(self.channels)}, expected some of {', '.join(CHANNELS)}, each once"
            )
        if self.dominant == "keep" and not layout(self.layout).hand("left"):
            raise SignfoldError(
                f"tensors.layout: {self.layout} is the right hand, and tensors.dominant: keep leaves the signs of "
                "left-handed people to their left one. Set dominant: right, or another layout"
            )


@dataclass(frozen=True)
class ManifestSettings:
    """What becomes a training item; the keys of the configuration's section `manifest`.

    Parameters
    ----------
    min_hand_share
        A clip in which a hand was seen in a smaller share of the frames is left out.
    balance
        `copies`: classes are filled up with copies of their clips. `weights`: a rare class weighs more in the loss.
        `none`: as they are.
    per_class
        For `copies`: how many items a class is filled up to; `max` is the size of the largest.
    """

    min_hand_share: float = 0.05
    balance: Literal["copies", "weights", "none"] = "none"
    per_class: Literal["max"] | int = "max"


@dataclass(frozen=True)
class FoldSettings:
    """How clips are set apart; the keys of the configuration's section `folds`.

    Parameters
    ----------
    method
        `signers`: every group is in the test part of one fold. `official`: one fold, as the dataset's own split says.
    k
        The number of folds, or of groups where there are fewer.
    group
        What must never be in two roles of a fold: `signer`, or `sample` (a video's content), which also serves each
        clip whose signer is not known.
    val
        The share of a fold's training groups that is held apart for validation (one group at least); 0: nobody.
    """

    method: Literal["signers", "official"] = "signers"
    k: int = 10
    group: Literal["signer", "sample"] = "signer"
    val: float = 0.15


@dataclass(frozen=True)
class ModelSettings:
    """Options of the network: the configuration's section `model`.

    Parameters
    ----------
    network
        "aagcn", as published, or "light": graph convolutions and attention as in AAGCN, but with one graph of each
        sample for all three subsets, from means over time, convolutions of several reaches in the place of the 9×1
        (`Branches`), frames halved by averaging pairs, for the first time in the first block, and 224 channels at last.
    width
        Factor on the channels of all blocks, which are then rounded to multiples of 8. 1 is the published network.
    dropout
        Share of the pooled features that is dropped before the classifier in training.
    """

    network: str = "aagcn"
    width: float = 1.0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.network not in ("aagcn", "light"):
            raise SignfoldError(f"model.network: found {self.network!r}, expected aagcn or light")

    @property
    def light(self) -> bool:
        """Whether it is the lighter network."""
        return self.network == "light"

    def channels(self, published: int) -> int:
        """Return the number of channels of a block that has `published` of them in the paper."""
        return max(8, 8 * round(published * self.width / 8))


@dataclass(frozen=True)
class Augmentation:
    """How far samples are varied; 0 or false switches a variation off.

    Parameters
    ----------
    rotation_deg
        Rotation about the origin, uniform within ± this many degrees.
    scale
        Size along x and y, each uniform within 1 ± this.
    shear
        Shear of x by y and of y by x, each uniform within ± this.
    noise
        Standard deviation of Gaussian noise, in the channel's unit: shoulder widths when normalised, or palms.
    time_warp
        Up to this share of the clip is cut, half at each end, and the speed of the rest swings by up to this share.
    mirror
        Mirror half of the samples, left and right joints swapped.
    joint_drop, frame_drop
        Share of a sample's joints that are missing throughout, and of its frames that are missing altogether.
    hand_drop
        Share of the samples in which one hand, where both are there, is lost for up to half of the clip.
    """

    rotation_deg: float = 15.0
    scale: float = 0.1
    shear: float = 0.1
    noise: float = 0.01
    time_warp: float = 0.1
    mirror: bool = False
    joint_drop: float = 0.0
    frame_drop: float = 0.0
    hand_drop: float = 0.0

    @property
    def active(self) -> bool:
        """Whether anything is varied at all."""
        return any(getattr(self, field.name) for field in fields(Augmentation))

    @property
    def drops(self) -> bool:
        """Whether anything is made missing."""
        return bool(self.joint_drop or self.frame_drop or self.hand_drop)


@dataclass(frozen=True)
class TrainingSettings(Augmentation):
    """Options of training: the configuration's section `training`, which says how samples are varied, too.

    Parameters
    ----------
    epochs
        Passes over the training samples.
    batch_size
        Samples in a step.
    optimiser
        "adamw", "adam" (weight decay added to the gradient) or "sgd" (Nesterov momentum 0.9).
    learning_rate
        The highest that the schedule reaches.
    weight_decay
        On weights; not on biases, batch norm, α, or the learned graphs.
    schedule
        "onecycle" (up over the first 30 %, down to nearly 0), "cosine" (up over the first 5 %, down to 0), or "plateau"
        (divided by 10 whenever the validation loss has not improved for 10 epochs).
    label_smoothing
        Share of each target that is spread over all classes.
    clip_grad
        Largest norm of the gradient; 0 for no limit.
    precision
        "fp32", "bf16" (mixed), or "auto": bf16 where the hardware multiplies it natively.
    select
        "best": the epoch with the lowest validation loss; "last": the last. Never by the test part.
    patience
        Stop after this many epochs without a lower validation loss; null never.
    ema
        Decay per step of a running mean of the weights, which then validates, tests and is kept; 0 for the weights.
    """

    epochs: int = 60
    batch_size: int = 16
    optimiser: str = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    schedule: str = "onecycle"
    label_smoothing: float = 0.1
    clip_grad: float = 1.0
    precision: str = "auto"
    select: str = "best"
    patience: int | None = None
    ema: float = 0.0

    def __post_init__(self) -> None:
        choices = {
            "optimiser": ("adamw", "adam", "sgd"),
            "schedule": ("onecycle", "cosine", "plateau"),
            "precision": ("auto", "fp32", "bf16"),
            "select": ("best", "last"),
        }
        for key, allowed in choices.items():
            if getattr(self, key) not in allowed:
                raise SignfoldError(
                    f"training.{key}: found {getattr(self, key)!r}, expected one of {', '.join(allowed)}"
                )


@dataclass(frozen=True)
class PretrainSettings:
    """Where networks start from; the keys of the configuration's section `pretrain`.

    Parameters
    ----------
    dataset
        Another configured dataset: one network for each stream is trained on it, and each fold goes on from that.
    weights
        Instead, a `model.safetensors` with its `provenance.json` beside it; `{stream}` in the path is the stream.
    from_joint
        Whether the other streams start from the same fold's network of the joint stream.
    """

    dataset: str | None = None
    weights: str | None = None
    from_joint: bool = False


@dataclass(frozen=True)
class EvaluationSettings:
    """Options of the section `evaluation`.

    Parameters
    ----------
    bootstrap
        Number of resamples behind each interval.
    confidence
        Coverage of the intervals.
    fusion
        Weights of joint, bone, joint_motion and bone_motion, in this order; only those of trained streams count. Or
        "validation": each fold's own, fitted on its validation part.
    """

    bootstrap: int = 2000
    confidence: float = 0.95
    fusion: Sequence[float] | Literal["validation"] = (2.0, 2.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        if self.fusion == "validation":
            return
        if isinstance(self.fusion, str) or len(self.fusion) != len(STREAMS) or min(self.fusion) < 0:
            raise SignfoldError(
                f"evaluation.fusion: found {self.fusion!r}; give `validation`, or four weights, 0 or more: "
                + ", ".join(STREAMS)
            )

    @property
    def weights(self) -> dict[str, float] | None:
        """The fusion weight of each stream; None if each fold's are fitted."""
        if isinstance(self.fusion, str):
            return None
        return dict(zip(STREAMS, map(float, self.fusion), strict=True))
