"""The options of every stage: one class for each section of the configuration, each option stated once.

An option's name, type, bounds, default and sentence stand here alone: the check of a configuration, its schema and the
table in `config/README.md` are made from them, and the comments of `config/config.yaml` are held to them. Pydantic is a
dependency of Snakemake, which loads it before it reads the Snakefile.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from signfold.core.errors import SignfoldError
from signfold.core.skeleton import LAYOUTS

Channel = Literal[
    "x", "y", "z", "x_wrist", "y_wrist", "x_palm", "y_palm", "to_thumb", "to_index", "to_middle", "to_ring", "to_pinky"
]
Stream = Literal["joint", "bone", "joint_motion", "bone_motion"]
Imputation = Literal["pchip", "linear", "hold", "none"]
EdgeFill = Literal["hold", "average"]
CHANNELS: tuple[str, ...] = Channel.__args__  # type: ignore[attr-defined]
STREAMS: tuple[str, ...] = Stream.__args__  # type: ignore[attr-defined]


def _unique(values: Any) -> Any:
    if isinstance(values, list | tuple) and len(set(map(str, values))) < len(values):
        raise ValueError("each once")
    return values


Whole = Annotated[int, Field(strict=True)]
Real = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Flag = Annotated[bool, Field(strict=True)]
Share = Annotated[Real, Field(ge=0, le=1)]
ShareBelowOne = Annotated[Real, Field(ge=0, lt=1)]
# scikit-learn takes seeds below 2**32; a hundred `seeds` count up from this one.
Seed = Annotated[Whole, Field(ge=0, le=4_294_967_000)]

_SECTION = ConfigDict(extra="forbid")


def option(default: Any, sentence: str, **bounds: Any) -> Any:
    """Return an option's default, with the sentence that describes it and its bounds."""
    return Field(default, description=sentence, **bounds)


@dataclass(frozen=True, config=_SECTION)
class KeypointSettings:
    """Extraction of keypoints from videos: the section `keypoints`."""

    min_detection_confidence: Share = option(0.5, "MediaPipe's threshold for detecting a person, 0 to 1.")
    min_tracking_confidence: Share = option(0.5, "MediaPipe's threshold for following a person, 0 to 1.")
    max_seconds: Real = option(
        60.0, "Longest part of a video that is extracted, in seconds; the rest is left out.", gt=0, le=86400
    )
    on_bad_video: Literal["skip", "fail"] = option(
        "skip", "A video without frames or without a person: skip sets it aside with its reason, fail stops the run."
    )


@dataclass(frozen=True, config=_SECTION)
class TensorSettings:
    """What the network is shown of a clip: the section `tensors`."""

    layout: str = option(
        "hands_body_27",
        "Joints. hands_body_27: nose, shoulders, elbows, wrists and ten joints of each hand. hands_arms_46: "
        "shoulders, elbows and whole hands. hand_21: the whole dominant hand alone.",
        json_schema_extra={"enum": list(LAYOUTS)},
    )
    frames: Whole = option(64, "Number of frames of every tensor, T.", ge=4, le=1000)
    channels: Annotated[tuple[Channel, ...], BeforeValidator(_unique), Field(min_length=1)] = option(
        ("x", "y", "x_palm", "y_palm", "to_thumb", "to_index", "to_middle", "to_ring", "to_pinky"),
        "Values of a joint. x, y, z: its place. x_wrist, y_wrist: its place from the wrist of its own hand; "
        "x_palm, y_palm: the same in lengths of that hand's palm. to_thumb to to_pinky: its distance from a "
        "fingertip of its own hand, in palms. All but x, y, z are 0 for joints of no hand.",
    )
    resample: Literal["uniform", "pad"] = option(
        "uniform", "uniform: T moments evenly over the clip. pad: the first T frames, missing after the clip's end."
    )
    imputation: Imputation = option(
        "pchip",
        "Filling of joints between detections: pchip (monotone cubic in time), linear, hold (the last detection) "
        "or none.",
    )
    edge_fill: EdgeFill = option(
        "hold",
        "Filling before the first and after the last detection: hold (the nearest detection) or average (the "
        "clip's mean shape).",
    )
    normalise: Literal["shoulders", "none"] = option(
        "shoulders",
        "shoulders: origin midway between the shoulders, unit their distance, medians of the clip. none: image "
        "coordinates, 0 to 1.",
    )
    mirror_left_handed: Flag = option(True, "Mirroring of clips that the left hand signs.")
    idle_hand: Literal["mask", "mask_other", "keep"] = option(
        "mask",
        "mask: a hand that rests throughout the clip is missing. mask_other: the hand that is not dominant is "
        "missing, for signs of one hand such as manual alphabets. keep: both as detected.",
    )
    trim: Literal["none", "sign"] = option(
        "none", "none: all frames. sign: from the first to the last frame with a raised hand."
    )

    @model_validator(mode="after")
    def _check(self) -> TensorSettings:
        if self.layout not in LAYOUTS:
            raise ValueError(f"layout: found {self.layout!r}, expected one of {', '.join(LAYOUTS)}")
        if not self.mirror_left_handed and not LAYOUTS[self.layout].hand("left"):
            raise ValueError(
                f"layout: {self.layout} is the right hand, and mirror_left_handed: false leaves the signs of "
                "left-handed people to their left one; set mirror_left_handed: true, or another layout"
            )
        return self


@dataclass(frozen=True, config=_SECTION)
class ManifestSettings:
    """Which clips are learnt from: the section `manifest`."""

    min_hand_share: Share = option(
        0.05, "Least share of a clip's frames in which a hand was seen; clips below it are left out and listed."
    )
    balance: Literal["copies", "weights", "none"] = option(
        "none",
        "Evening out of classes. copies: classes are filled up with copies of their clips, in training only. "
        "weights: clips of rare classes weigh more in the loss. none: classes as they are.",
    )
    per_class: Literal["max"] | Annotated[Whole, Field(ge=1, le=1_000_000)] = option(
        "max", "Number of items that copies fill a class up to; max: the size of the largest class."
    )


@dataclass(frozen=True, config=_SECTION)
class FoldSettings:
    """How clips are set apart: the section `folds`."""

    method: Literal["signers", "official"] = option(
        "signers",
        "signers: every signer is in the test part of one fold. official: one fold, by the dataset's own train, "
        "val and test parts.",
    )
    k: Whole = option(10, "Number of folds; one for each signer where there are fewer signers.", ge=2, le=100000)
    group: Literal["signer", "sample"] = option(
        "signer",
        "What is never in two roles of a fold: signer, or sample (a video's content), which the report then says.",
    )
    val_fraction: ShareBelowOne = option(
        0.15,
        "Share of a fold's training signers that is held out for validation, one signer at least; 0: nobody "
        "validates, and the last epoch is taken.",
    )


@dataclass(frozen=True, config=_SECTION)
class ModelSettings:
    """The network: the section `model`."""

    network: Literal["aagcn", "light", "conv"] = option(
        "conv",
        "conv: convolutions over time on a frame's joints. aagcn: graph convolution with attention, as published. "
        "light: a third of aagcn's parameters and several times as fast (docs/training.md).",
    )
    width: Real = option(1.0, "Factor on the channels of all blocks; 1 is the published network.", gt=0, le=16)
    dropout: ShareBelowOne = option(0.0, "Share of the pooled features that is dropped in training.")

    def channels(self, published: int) -> int:
        """Return the number of channels, a multiple of 8, of a block that has `published` of them in the paper."""
        return max(8, 8 * round(published * self.width / 8))


@dataclass(frozen=True, config=_SECTION)
class Augmentation:
    """Random variation of training samples: the section `augmentation`. 0 and false switch a variation off."""

    rotation_deg: Annotated[Real, Field(ge=0, le=180)] = option(15.0, "Largest rotation to either side, in degrees.")
    scale: ShareBelowOne = option(0.1, "Largest change of size, as a share, along x and along y.")
    shear: Annotated[Real, Field(ge=0, le=10)] = option(0.1, "Largest shear of x by y and of y by x.")
    noise: Annotated[Real, Field(ge=0, le=10)] = option(
        0.01, "Standard deviation of Gaussian noise, in the channel's unit: shoulder widths or palms."
    )
    time_warp: ShareBelowOne = option(
        0.1, "Largest share of the clip that is cut, half at each end, and largest swing of the speed."
    )
    mirror: Flag = option(False, "Mirroring of half of the samples, left and right joints swapped.")
    joint_dropout: ShareBelowOne = option(0.0, "Share of the joints that are missing throughout a sample.")
    frame_dropout: ShareBelowOne = option(0.0, "Share of the frames that are missing in a sample.")
    hand_dropout: Share = option(
        0.0, "Share of the samples in which one of two hands is missing for up to half of the clip."
    )

    @property
    def active(self) -> bool:
        """Whether anything is varied at all."""
        return any(getattr(self, field.name) for field in fields(self))

    @property
    def drops(self) -> bool:
        """Whether anything is made missing."""
        return bool(self.joint_dropout or self.frame_dropout or self.hand_dropout)


@dataclass(frozen=True, config=_SECTION)
class TrainingSettings:
    """Training of a network: the section `training`."""

    epochs: Whole = option(60, "Passes over the training samples.", ge=1, le=100000)
    batch_size: Whole = option(16, "Samples in a step.", ge=2, le=65536)
    optimiser: Literal["adamw", "adam", "sgd"] = option(
        "adamw", "adamw, adam (weight decay added to the gradient) or sgd (Nesterov momentum 0.9)."
    )
    learning_rate: Real = option(0.002, "Highest learning rate of the schedule.", gt=0, le=100)
    weight_decay: Annotated[Real, Field(ge=0, le=100)] = option(
        0.02, "Weight decay; not on biases, batch norm, attention's α and the learned graphs."
    )
    schedule: Literal["onecycle", "cosine", "plateau"] = option(
        "onecycle",
        "onecycle (up over the first 30 %, then down), cosine (up over the first 5 %, then down) or plateau "
        "(divided by 10 when the validation loss has not improved for 10 epochs).",
    )
    label_smoothing: ShareBelowOne = option(0.1, "Share of each target that is spread over all classes.")
    grad_clip_norm: Annotated[Real, Field(ge=0)] = option(1.0, "Largest norm of the gradient; 0: no limit.")
    precision: Literal["auto", "fp32", "bf16"] = option(
        "auto", "Type of the products: fp32, bf16, or auto: bf16 where the hardware multiplies it."
    )
    checkpoint: Literal["best", "last"] = option(
        "best", "Weights that are kept: best (lowest validation loss) or last (last epoch)."
    )
    patience: Annotated[Whole, Field(ge=1, le=100_000)] | None = option(
        None, "Epochs without a lower validation loss after which training stops; null: never."
    )
    ema: ShareBelowOne = option(
        0.0, "Decay per step of a running mean of the weights, which is then used; 0: the weights themselves."
    )


@dataclass(frozen=True, config=_SECTION)
class PretrainSettings:
    """Initial weights: the section `pretrain`. With both null, networks start from random weights."""

    dataset: Annotated[str, Field(min_length=1)] | None = option(
        None,
        "Another dataset of `datasets` with the same tensors and model: a network for each stream is trained on "
        "it, and each fold starts from that.",
    )
    weights: Annotated[str, Field(min_length=1)] | None = option(
        None, "A model.safetensors with its provenance.json beside it; {stream} in the path stands for the stream."
    )


@dataclass(frozen=True, config=_SECTION)
class EvaluationSettings:
    """Figures and their intervals: the section `evaluation`."""

    confidence: Annotated[Real, Field(gt=0, lt=1)] = option(0.95, "Coverage of the intervals.")
    fusion: (
        Literal["validation"] | Annotated[tuple[Annotated[Real, Field(ge=0)], ...], Field(min_length=4, max_length=4)]
    ) = option(
        (2.0, 2.0, 1.0, 1.0),
        "Weights of joint, bone, joint_motion and bone_motion when several streams are fused; or validation: each"
        " fold's own, fitted on its validation part.",
    )

    @property
    def weights(self) -> dict[str, float] | None:
        """The fusion weight of each stream; None if each fold's are fitted."""
        return None if isinstance(self.fusion, str) else dict(zip(STREAMS, self.fusion, strict=True))


@dataclass(frozen=True, config=_SECTION)
class ReportSettings:
    """Content of the report: the section `report`."""

    pictures: Flag = option(
        True,
        "Frames of the videos, which show people's faces, among the least-seen clips and the label errors; false: "
        "skeletons alone.",
    )


@dataclass(frozen=True, config=_SECTION)
class Settings:
    """All that may be set for a dataset: a few numbers and the sections."""

    seed: Seed = option(0, "Random seed of balancing, folds, training and shuffled clips.")
    seeds: Annotated[Whole, Field(ge=1, le=100)] = option(
        1, "Networks for each fold and stream, with the seeds `seed`, `seed` + 1, ...; the headline is their mean."
    )
    final: Flag = option(
        False, "A network for each stream and seed that is trained on all clips, besides those of the folds."
    )
    shards: Annotated[Whole, Field(ge=1, le=100_000)] = option(
        256, "Parts of a dataset that jobs work on: the most extractions that run in parallel."
    )
    streams: Annotated[tuple[Stream, ...], BeforeValidator(_unique), Field(min_length=1)] = option(
        ("joint",), "Networks that are trained and fused: joint, bone, joint_motion, bone_motion."
    )
    keypoints: KeypointSettings = Field(default_factory=KeypointSettings)
    tensors: TensorSettings = Field(default_factory=TensorSettings)
    manifest: ManifestSettings = Field(default_factory=ManifestSettings)
    folds: FoldSettings = Field(default_factory=FoldSettings)
    model: ModelSettings = Field(default_factory=ModelSettings)
    training: TrainingSettings = Field(default_factory=TrainingSettings)
    augmentation: Augmentation = Field(default_factory=Augmentation)
    pretrain: PretrainSettings = Field(default_factory=PretrainSettings)
    evaluation: EvaluationSettings = Field(default_factory=EvaluationSettings)
    report: ReportSettings = Field(default_factory=ReportSettings)


_Section = TypeVar("_Section")


def settings_of_file(section: type[_Section], values: Any, path: str | Path) -> _Section:
    """Return the settings that a file of the results holds.

    Parameters
    ----------
    section
        Class of the settings, such as `TensorSettings`.
    values
        What the file says: a mapping of option to value.
    path
        The file.

    Raises
    ------
    SignfoldError
        If the values are no such settings.
    """
    try:
        return section(**values)
    except (ValidationError, TypeError) as error:
        if isinstance(error, ValidationError):
            first = error.errors(include_url=False)[0]
            said = f"{'.'.join(map(str, first['loc']))}: found {first['input']!r}: {first['msg']}"
        else:
            said = f"found {values!r}, expected a mapping"
        raise SignfoldError(
            f"{path}: damaged, or of another version: its settings are no {section.__name__} ({said}); delete it and "
            "run again"
        ) from None
