"""The choice of validation signers among those who train."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from signfold.folds.stratify import assign_groups


def choose_validation(groups: pd.Series, classes: pd.Series, share: float, seed: Sequence[int]) -> pd.Series:
    """Return which training clips validate instead: whole groups, and never a class's last training clip.

    The groups that can be spared are dealt into parts of about `share` of the training clips. The part with the most
    classes validates, among equals the one whose size is nearest to `share`. Where no group can be spared (one signer
    only, or every signer has a class that nobody else has), nobody validates.

    Parameters
    ----------
    groups, classes
        Group and class of every training clip, with one index. Groups are signers, or takes where signers are unknown.
    share
        Share of the training clips that should validate, above 0 and below 1.
    seed
        Random seed of the order of groups of equal size.

    Returns
    -------
    Series of bool
        With the index of `groups`; all False where nobody validates.
    """
    spare = can_be_spared(groups, classes)
    if not spare.any():
        return spare
    candidates = groups[spare]
    parts = min(candidates.nunique(), max(2, round(len(candidates) / (share * len(groups)))))
    part = candidates.map(assign_groups(list(candidates), list(classes[spare]), parts, seed)).reindex(groups.index)
    options = [keep_every_class(groups, classes, part == number) for number in range(parts)]
    wanted = share * len(groups)
    return min(options, key=lambda chosen: (-classes[chosen].nunique(), abs(chosen.sum() - wanted)))


def can_be_spared(groups: pd.Series, classes: pd.Series) -> pd.Series:
    """Return for every clip whether its group can be spared: each class of the group is in another group as well."""
    elsewhere = groups.groupby(classes).transform("nunique") > 1
    return elsewhere.groupby(groups).transform("all")


def keep_every_class(groups: pd.Series, classes: pd.Series, chosen: pd.Series) -> pd.Series:
    """Return the chosen clips without the groups that training needs to have every class.

    Groups go back to training one at a time, the one with the most lost classes first, until no class is lost. At least
    one group stays if every chosen group can be spared by itself.
    """
    while (lost := chosen & ~classes.isin(classes[~chosen])).any():
        needed = classes[lost].groupby(groups[lost]).nunique().idxmax()
        chosen = chosen & (groups != needed)
    return chosen
