"""Names of the folds, from the signers alone.

Imports the standard library only: the Snakefile imports this module in every job.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from signfold.core.errors import SignfoldError
from signfold.core.settings import FoldSettings


def count_groups(signers: Iterable[str | None], settings: FoldSettings) -> int:
    """Return the number of groups: signers, and each clip of an unknown signer (with `group: sample`, each clip).

    Parameters
    ----------
    signers
        Signer of every clip; None where unknown.
    settings
        The configuration's section `folds`.
    """
    names = [None if settings.group == "sample" else signer for signer in signers]
    return len(set(names) - {None}) + names.count(None)


def check_splittable(signers: Sequence[str | None], splits: Iterable[str | None], settings: FoldSettings) -> None:
    """Raise an error for a dataset that cannot be split, before hours of extraction.

    Parameters
    ----------
    signers
        Signer of every clip; None where unknown.
    splits
        Part of the official split of every clip; None where unknown.
    settings
        The configuration's section `folds`.

    Raises
    ------
    SignfoldError
        If `method` is `official` and there is no official split, or there are fewer than two groups.
    """
    if settings.method == "official" and not {"train", "test"} <= set(splits):
        raise SignfoldError(
            "folds.method: official needs clips of a train and of a test split, and the index has none; give the split "
            "in `match` or `labels`, or set folds.method: signers"
        )
    if settings.method == "signers" and count_groups(signers, settings) < 2:
        who = f"one signer only, {signers[0]!r}" if signers[0] is not None else "one clip only"
        raise SignfoldError(
            f"folds.group: there is {who}, and a test on new signers needs two at least. Set folds.group: sample "
            "(the report will say that signers are not apart), or folds.method: official if the dataset has a split"
        )


def fold_names(n_groups: int, settings: FoldSettings) -> list[str]:
    """Return the names of the folds: `fold-1` to `fold-k`, one per group where there are fewer than k, or `official`.

    Parameters
    ----------
    n_groups
        Number of groups, as `count_groups` counts them. With fewer than 2 there are still two names: the folds stage
        then raises its error.
    settings
        The configuration's section `folds`.
    """
    if settings.method == "official":
        return ["official"]
    return [f"fold-{number}" for number in range(1, max(2, min(settings.k, n_groups)) + 1)]
