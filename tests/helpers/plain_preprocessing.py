"""Keypoints to a tensor by NumPy and the specification alone: as another language would. No signfold."""

from __future__ import annotations

from typing import Any

import numpy as np


def tensor(spec: dict[str, Any], clip: dict[str, Any]) -> np.ndarray:
    """Return the tensor (C, T, V) of a clip's keypoints, both as the JSON has them; NaN where missing."""
    steps = {step["step"]: step for step in spec["steps"]}
    parts = {name: array(clip[name], about) for name, about in spec["keypoints"]["parts"].items()}
    names, aspect, times = spec["keypoints"]["parts"]["pose"]["joints"], clip["aspect"], np.array(clip["timestamps_ms"])

    def pose(joint: str) -> np.ndarray:
        return parts["pose"][:, names.index(joint), :2] * [1, aspect]

    def width() -> float:
        return middle(np.linalg.norm(pose("left_shoulder") - pose("right_shoulder"), axis=1))

    if steps["trim"]["method"] == "sign":
        arms = [pose(f"{side}_elbow")[:, 1] - pose(f"{side}_wrist")[:, 1] for side in ("left", "right")]
        raised = np.flatnonzero((np.array(arms) > -steps["trim"]["lowered"] * width()).any(0))
        if len(raised):
            kept = slice(raised[0], raised[-1] + 1)
            parts, times = {name: part[kept] for name, part in parts.items()}, times[kept]
    if not (np.diff(times) > 0).all():
        times = np.arange(len(times))

    use = {}
    for side in ("left", "right"):
        hand = parts[f"{side}_hand"]
        height = 0.5 + (pose(f"{side}_elbow")[:, 1] - hand[:, 0, 1] * aspect) / width()
        height = np.where(np.isnan(height), 1, np.clip(height, 0, 1))
        use[side] = np.where(np.isnan(hand[:, 0, 0]), 0, height).mean()
    left = use["left"] > steps["use"]["times"] * use["right"] + steps["use"]["more"]
    dominant, other = ("left", "right") if left else ("right", "left")
    rest, idle = steps.get("rest"), use[other] < min(steps.get("rest", {}).get("resting", 0), use[dominant] / 2)
    if rest and (rest["method"] == "mask_other" or idle):
        parts[f"{other}_hand"] = np.full_like(parts[f"{other}_hand"], np.nan)
    if "mirror" in steps and left:
        parts = {name: part * 1 for name, part in parts.items()}
        for part in parts.values():
            part[..., 0] = 1 - part[..., 0]
        parts["pose"] = parts["pose"][:, spec["keypoints"]["mirror"]]
        parts["left_hand"], parts["right_hand"] = parts["right_hand"], parts["left_hand"]

    unit, origin = 1.0, np.zeros(2)
    if steps["origin"]["method"] == "shoulders":
        unit, least = width(), steps["origin"]["least"]
        origin = np.array([middle(axis) for axis in ((pose("left_shoulder") + pose("right_shoulder")) / 2).T])
        if not unit >= least:
            hands = np.concatenate([parts["left_hand"], parts["right_hand"]])
            points = (parts["pose"] if np.isnan(hands).all() else hands)[..., :2].reshape(-1, 2) * [1, aspect]
            low, high = np.nanmin(points, 0), np.nanmax(points, 0)
            origin, unit = (low + high) / 2, max((high - low).max(), least)
    palm = {}
    for side in ("left", "right"):
        hand = parts[f"{side}_hand"][..., :3] * [1, aspect, 1]
        lengths = np.linalg.norm(hand[:, steps["palms"]["knuckles"]] - hand[:, :1], axis=2)
        palm[side] = 1.0 if np.isnan(lengths).all() else max(middle(lengths.ravel()), steps["palms"]["least"])

    parts = {name: impute(part, times, steps["impute"]) for name, part in parts.items()}
    points = np.concatenate([parts[name][..., :3] for name in ("pose", "left_hand", "right_hand")], 1)
    points = points[:, steps["points"]["joints"]]
    if steps["points"]["method"] == "shoulders":
        points = (points * [1, aspect, 1] - [*origin, 0]) / unit
    return resample(channels(points, steps["channels"], {side: palm[side] / unit for side in palm}), times, steps)


def array(frames: list[Any], about: dict[str, Any]) -> np.ndarray:
    nothing = np.full((len(about["joints"]), len(about["values"])), np.nan)
    return np.array([nothing if frame is None else frame for frame in frames], float)


def middle(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else np.nan


def impute(part: np.ndarray, times: np.ndarray, step: dict[str, Any]) -> np.ndarray:
    known, part = ~np.isnan(part[:, 0, 0]), part * 1
    if step["method"] == "none" or not known.any():
        return part
    if step["ends"] == "average":
        ends = [frame for frame in (0, len(part) - 1) if not known[frame]]
        part[ends], known[ends] = part[known].mean(0), True
    t, p = times[known], part[known]
    for frame in np.flatnonzero(~known):
        at = min(max(times[frame], t[0]), t[-1])
        k = min(max(int(np.searchsorted(t, at, side="right")) - 1, 0), max(len(t) - 2, 0))
        if len(t) == 1 or at == t[0]:
            part[frame] = p[0]
        elif at == t[-1]:
            part[frame] = p[-1]
        elif step["method"] == "hold":
            part[frame] = p[k]
        else:
            h, u = t[k + 1] - t[k], (at - t[k]) / (t[k + 1] - t[k])
            part[frame] = p[k] + u * (p[k + 1] - p[k])
            if step["method"] == "pchip" and len(t) > 2:
                d = derivatives(t, p)
                curve = p[k] * (1 + 2 * u) * (1 - u) ** 2 + p[k + 1] * u**2 * (3 - 2 * u)
                part[frame] = curve + h * (d[k] * u * (1 - u) ** 2 - d[k + 1] * u**2 * (1 - u))
    return part


def derivatives(t: np.ndarray, p: np.ndarray) -> np.ndarray:
    h = np.diff(t)[:, None, None]
    s, d = np.diff(p, axis=0) / h, np.zeros_like(p)
    w1, w2 = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        d[1:-1] = np.where(s[:-1] * s[1:] <= 0, 0, (w1 + w2) / (w1 / s[:-1] + w2 / s[1:]))
    for end, (a, b) in ((0, (0, 1)), (-1, (-1, -2))):
        edge = ((2 * h[a] + h[b]) * s[a] - h[a] * s[b]) / (h[a] + h[b])
        steep = (np.sign(s[a]) != np.sign(s[b])) & (abs(edge) > 3 * abs(s[a]))
        d[end] = np.where(np.sign(edge) != np.sign(s[a]), 0, np.where(steep, 3 * s[a], edge))
    return d


def channels(points: np.ndarray, step: dict[str, Any], palm: dict[str, float]) -> np.ndarray:
    own = np.arange(points.shape[1])
    from_wrist = points - points[:, np.where(np.array(step["wrists"]) < 0, own, step["wrists"])]
    in_palms = from_wrist / np.array([palm[side] if side else 1 for side in step["sides"]])[:, None]
    found = {axis: points[..., i] for i, axis in enumerate("xyz")}
    for i, axis in enumerate("xy"):
        found |= {f"{axis}_wrist": from_wrist[..., i], f"{axis}_palm": in_palms[..., i]}
    for name, tips in step["tips"].items():
        away = in_palms - in_palms[:, np.where(np.array(tips) < 0, own, tips)]
        found[name] = np.hypot(away[..., 0], away[..., 1])
    return np.stack([found[name] for name in step["order"]])


def resample(values: np.ndarray, times: np.ndarray, steps: dict[str, Any]) -> np.ndarray:
    frames = steps["resample"]["frames"]
    if steps["resample"]["method"] == "pad":
        missing = np.full((len(values), max(frames - values.shape[1], 0), values.shape[2]), np.nan)
        return np.concatenate([values[:, :frames], missing], 1)
    wanted = np.linspace(times[0], times[-1], frames)
    after = np.clip(np.searchsorted(times, wanted), min(1, len(times) - 1), len(times) - 1)
    before = np.maximum(after - 1, 0)
    weight = ((wanted - times[before]) / np.maximum(times[after] - times[before], 1e-12))[:, None]
    first, second = values[:, before], values[:, after]
    between = first + weight * (second - first)
    return np.where(np.isnan(between), np.where(weight < 0.5, first, second), between)
