"""What a configuration may hold: the datasets and the top-level keys, beside the sections of `core.settings`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from signfold.core.settings import Flag, Real, Seed, Settings, Whole, option

_STRICT = ConfigDict(extra="forbid")

Text = Annotated[str, Field(min_length=1, pattern=r"^[^\x00]*$")]
Column = Text | Annotated[Whole, Field(ge=0)]
# A dataset's name is part of file names.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)]


def _text_keys(given: Any) -> Any:
    return {str(key): value for key, value in given.items()} if isinstance(given, dict) else given


def _text(given: Any) -> Any:
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


def _listed(given: Any) -> Any:
    return [given] if isinstance(given, dict) else given


@dataclass(frozen=True, config=_STRICT)
class SameForAll:
    """Fields that are the same for every row of a label table."""

    label: str | None = None
    gloss: str | None = None
    signer: str | None = None
    split: Literal["train", "val", "test"] | None = None


@dataclass(frozen=True, config=_STRICT)
class LabelSource:
    """A table of labels: its file, its format, and which column holds what, by name or by number from 0."""

    file: Text
    format: Literal["csv", "wlasl"] = "csv"
    video: Column | None = None
    label: Column | None = None
    gloss: Column | None = None
    signer: Column | None = None
    split: Column | None = None
    values: SameForAll | None = None


@dataclass(frozen=True, config=_STRICT)
class GlossSource:
    """The words of classes: a table and its two columns, or the words themselves."""

    file: Text | None = None
    label: Text | None = None
    gloss: Text | None = None
    names: Annotated[dict[str, str], BeforeValidator(_text_keys)] | None = None

    @model_validator(mode="after")
    def _check(self) -> GlossSource:
        table = (self.file, self.label, self.gloss)
        if (self.names is None) == (table == (None, None, None)) or (self.names is None and None in table):
            raise ValueError("give `file`, `label` and `gloss`, or `names`")
        return self


@dataclass(frozen=True, config=_STRICT)
class SynthSource:
    """How many clips of synthetic signers are rendered."""

    signs: Annotated[Whole, Field(ge=1)] = 6
    signers: Annotated[Whole, Field(ge=1)] = 6
    takes: Annotated[Whole, Field(ge=1)] = 2
    seed: Seed = 0
    planted: Flag = False


@dataclass(frozen=True, config=_STRICT)
class DatasetSource:
    """How a dataset is read: an entry of `datasets`."""

    preset: str | None = option(None, "A file of config/datasets that knows a published dataset's naming.")
    root: Text | None = option(None, "Folder with the videos, flat or nested.")
    synth: SynthSource | None = option(None, "Synthetic signers, rendered by the workflow, in the place of `root`.")
    keypoints: Literal["npz", "npy", "kaggle", "pose"] | None = option(
        None, "Format of keypoints that others extracted, in the place of videos (docs/keypoints.md)."
    )
    size: tuple[Annotated[Whole, Field(ge=1, le=65_535)], Annotated[Whole, Field(ge=1, le=65_535)]] | None = option(
        None, "Width and height of the pictures that imported keypoints come from, in pixels."
    )
    fps: Real | None = option(None, "Frames per second of imported keypoints.", gt=0, le=10_000)
    order: Literal["kaggle", "holistic"] | None = option(None, "Order of the 1,629 values of an imported frame.")
    match: str | None = option(
        None,
        "Regular expression with the groups label, signer, split, gloss, video, searched for in the path below root.",
    )
    labels: Annotated[list[LabelSource], BeforeValidator(_listed), Field(min_length=1)] | None = option(
        None, "Table of labels, or one for each split: file, and the columns video, label, signer, split, gloss."
    )
    glosses: GlossSource | None = option(
        None, "Words of the classes: {file: glosses.csv, label: id, gloss: name} or {names: {1: house}}."
    )
    spellings: Literal["warn", "join", "keep"] = option(
        "warn",
        "Names of signers and labels that differ in case, blanks, leading zeros or Unicode form alone. join: one name, "
        "the most frequent. keep: different, as they are. warn: kept apart, and told.",
    )
    settings: dict[str, Any] | None = option(None, "Any section of the configuration, for this dataset alone.")


@dataclass(frozen=True, config=_STRICT)
class Config(Settings):
    """The whole configuration."""

    dataset: str = option("demo", "Dataset that is built where no target is named.")
    run: Annotated[Name | None, BeforeValidator(_text)] = option(
        None,
        "Name of a further run of that dataset, such as letters: its results go to results/DATASET-letters, and what "
        "is extracted comes from the cache.",
    )
    datasets: Annotated[dict[Name, DatasetSource], Field(min_length=1)] = Field(default_factory=dict)
    cache: Text = option(
        "results/cache", "Folder of extracted videos, by content; deleting it is safe, and projects can share it."
    )
    predict: str | None = option(None, "Folder of new clips (videos or keypoint files) for results/NAME/predicted.csv.")
    tensorboard: Flag = option(
        False, "Learning curves for TensorBoard as well: tensorboard --logdir results/NAME/tensorboard."
    )
