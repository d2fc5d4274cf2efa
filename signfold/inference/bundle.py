"""A model as one file that travels: weights, settings, classes, figures, card. It needs no dataset, no results."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from signfold import __version__
from signfold.core.errors import SignfoldError
from signfold.core.settings import Share
from signfold.inference.archive import CARD, FOR_OTHERS, read_archive, refused, write_archive
from signfold.inference.from_results import check_alike
from signfold.inference.model import Member, Model, Network
from signfold.models.io import built, model_bytes, parse_model

# Of bundles; goes up when one that is written cannot be read by what read the last.
VERSION = 1
# What of `evaluation/metrics.json` goes with a bundle: figures, no names of signers.
METRICS = (
    *("top1", "top5", "macro_f1", "balanced_accuracy", "ece", "interval", "clips", "classes", "classes_tested"),
    *("signers", "signers_shared", "protocol", "chance", "streams", "answered", "coverage"),
)
_FORM = ConfigDict(extra="forbid", strict=True)
_Text = Annotated[str, Field(max_length=1000)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True, config=_FORM)
class Group:
    """The networks that are fused, as `Member`, each by the entry that has its weights."""

    networks: Annotated[dict[str, _Text], Field(min_length=1)]
    fusion: dict[str, _Weight]
    temperature: _Positive | None


@dataclass(frozen=True, config=_FORM)
class Header:
    """The content of `bundle.json`, but for its list of files.

    Parameters
    ----------
    format, version
        What the file is.
    signfold
        Version of signfold that packed it.
    name
        Name of the dataset.
    final
        Whether the networks were trained on all clips; else those of the folds are averaged.
    labels, glosses
        K of each, by class id.
    layout, joints, tensors, keypoints
        Joints, options of the tensors, and options of the keypoints' extraction or import.
    extractor
        What extracted the keypoints.
    threshold
        Probability below which a clip counts as unknown.
    members
        The networks.
    metrics
        Cross-validated figures.
    """

    format: Literal["signfold bundle"]
    version: int
    signfold: _Text
    name: _Text
    final: bool
    labels: Annotated[list[_Text], Field(min_length=1)]
    glosses: Annotated[list[_Text], Field(min_length=1)]
    layout: _Text
    joints: list[_Text]
    tensors: dict[str, Any]
    keypoints: dict[str, Any]
    extractor: dict[str, Any]
    threshold: Share
    members: Annotated[dict[_Text, Group], Field(min_length=1)]
    metrics: dict[str, Any]


def write_bundle(path: Path, model: Model, card: str, for_others: Mapping[str, bytes] | None = None) -> None:
    """Write a model as a bundle, whole or not at all; equal models give equal bytes.

    Parameters
    ----------
    path
        The file.
    model
        The model.
    card
        Model card in Markdown.
    for_others
        Entries that other programs use (`inference.onnx.exported`); reading a bundle passes them over.
    """
    entries = {CARD: card.encode(), **(for_others or {})}
    groups = {}
    for name, member in model.members.items():
        places = {stream: f"weights/{name}/{stream}.safetensors" for stream in member.networks}
        groups[name] = Group(places, dict(member.fusion), member.temperature)
        for stream, network in member.networks.items():
            entries[places[stream]] = model_bytes(network.module.state_dict(), network.metadata)
    header = Header("signfold bundle", VERSION, __version__, **described(model), members=groups)
    write_archive(path, asdict(header), entries)


def described(model: Model) -> dict[str, Any]:
    """Return what the header says of a model, beside its networks."""
    tensors = model.metadata["tensors"]
    return {
        "name": model.name,
        "final": model.final,
        "labels": list(model.labels),
        "glosses": list(model.glosses),
        "layout": tensors["layout"],
        "joints": list(tensors["joints"]),
        "tensors": dict(tensors["settings"]),
        "keypoints": dict(tensors.get("keypoints") or {}),
        "extractor": dict(model.extractor),
        "threshold": model.threshold,
        "metrics": {key: model.metrics[key] for key in METRICS if key in model.metrics},
    }


def read_bundle(path: Path) -> Model:
    """Read a model from a bundle.

    Raises
    ------
    SignfoldError
        If the file is no bundle, is damaged or of another version, or its networks, settings and classes do not fit
        each other.
    """
    found, entries = read_archive(path)
    header = _header(path, found)
    places = {place for group in header.members.values() for place in group.networks.values()}
    if differing := places ^ (set(entries) - {CARD, *FOR_OTHERS}):
        raise refused(path, f"its members and its weights differ in {min(differing)!r}")
    members = {name: _member(path, group, entries) for name, group in header.members.items()}
    labels = check_alike(path, members)
    model = Model(
        name=header.name,
        members=members,
        labels=labels,
        glosses=tuple(header.glosses),
        threshold=header.threshold,
        extractor=header.extractor,
        metrics=header.metrics,
    )
    if len(header.glosses) != len(labels):
        raise refused(path, f"it has {len(header.glosses)} glosses for {len(labels)} classes")
    for key, value in described(model).items():
        if getattr(header, key) != value:
            raise refused(path, f"its {key} {getattr(header, key)!r} are not those of its networks, {value!r}")
    return model


def _header(path: Path, found: Mapping[str, Any]) -> Header:
    if found.get("format") == "signfold bundle" and found.get("version") != VERSION:
        raise SignfoldError(
            f"{path}: a bundle of version {found.get('version')!r}, expected {VERSION}; use the signfold that packed "
            f"it ({found.get('signfold')!r}), or pack it again"
        )
    try:
        return TypeAdapter(Header).validate_json(json.dumps(found))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        said = f"{'.'.join(map(str, first['loc']))}: found {str(first['input'])[:100]!r}: {first['msg']}"
        raise refused(path, said) from None


def _member(path: Path, group: Group, entries: Mapping[str, bytes]) -> Member:
    if set(group.fusion) != set(group.networks) or not sum(group.fusion.values()) > 0:
        raise refused(path, f"the streams {sorted(group.networks)} are fused with the weights {group.fusion}")
    networks = {}
    for stream, place in group.networks.items():
        where = f"{path}: {place}"
        network = Network(*built(where, *parse_model(entries[place], where)))
        if network.metadata["stream"] != stream:
            raise refused(path, f"{place} is of the stream {network.metadata['stream']!r}, expected {stream!r}")
        networks[stream] = network
    return Member(networks, group.fusion, group.temperature)
