"""Which folds there will be, before anything is computed: the standard library only, for the Snakefile imports it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from signfold.core.errors import SignfoldError
from signfold.core.settings import FoldSettings


def count_groups(signers: Iterable[str | None], settings: FoldSettings) -> int:
    """Return how many groups clips form: their signers, and each clip of an unknown signer (or each clip) by itself.

    Parameters
    ----------
    signers
        Of every clip; None where unknown.
    settings
        Of the folds.
    """
    names = [None if settings.group == "sample" else signer for signer in signers]
    return len(set(names) - {None}) + names.count(None)


def check_splittable(signers: Sequence[str | None], splits: Iterable[str | None], settings: FoldSettings) -> None:
    """Refuse what cannot be split, before hours of extraction.

    Parameters
    ----------
    signers, splits
        Of every clip; None where unknown.
    settings
        Of the folds.

    Raises
    ------
    SignfoldError
        If the official split is wanted and there is none, or there is nothing to keep apart.
    """
    if settings.method == "official" and not {"train", "test"} <= set(splits):
        raise SignfoldError(
            "folds.method: official needs clips of a train and of a test split, and the index has none; give the split "
            "in `match` or `labels`, or set folds.method: signers"
        )
    if settings.method == "signers" and count_groups(signers, settings) < 2:
        who = f"one signer only, {signers[0]!r}" if signers[0] is not None else "one clip only"
        raise SignfoldError(
            f"folds.group: there is {who}, and two are needed to test on somebody new. Set folds.group: sample "
            "(the report will say that signers are not apart), or folds.method: official if the dataset has a split"
        )


def fold_names(n_groups: int, settings: FoldSettings) -> list[str]:
    """Return the names of the folds: `fold-1` to `fold-k`, one per group where there are fewer than k, or `official`.

    Parameters
    ----------
    n_groups
        As `count_groups` counts them. With fewer than 2 there is nothing to set apart; two names come nevertheless,
        so that the folds stage can say in its own words what is wrong.
    settings
        Of the folds.
    """
    if settings.method == "official":
        return ["official"]
    return [f"fold-{number}" for number in range(1, max(2, min(settings.k, n_groups)) + 1)]
