"""Verdicts that only the account can complete: of stacks in a network that exists already."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, TextIO

import click

from finbase.console.speech import echo

if TYPE_CHECKING:
    from pathlib import Path

    from finbase.judge.verdict import Verdict

_MODULE: Final = "existing_network"
_UNREAD: Final = frozenset({"F01", "F10", "B02"})
"""The controls that judge what the module reads of the account."""

allow_not_shown_option: Callable[[Callable[..., None]], Callable[..., None]] = click.option(
    "--allow-not-shown",
    is_flag=True,
    help="Exit with 0 although F01, F10 or B02 are not shown, for environments with "
    f"{_MODULE}, which only a plan of the account shows.",
)


def left_to_account(
    root: Path, verdicts: Iterable[Verdict], stream: TextIO, *, allowed: bool
) -> tuple[str, ...]:
    """Return the environments whose verdicts only the account can complete; print a line for each.

    There are none unless it is ``allowed``. Nothing else may be open, and the environment must use
    the module as finbase released it.
    """
    from finbase.contract.lock import PATH, Lock
    from finbase.contract.registry import Registry
    from finbase.environment.load import discover, load_environments
    from finbase.project.shipped import shipped
    from finbase.project.tree import read_folder
    from finbase.release.integrity import folder_hash, folder_of
    from finbase.source.scalars import listed

    open_ = {v.environment: ids for v in verdicts if allowed and (ids := _not_shown(v))}
    names = open_.keys() & {path.stem for path in discover(root)} if open_ else ()
    if not names:
        return ()
    released = Lock.parse((shipped("modules") / PATH.name).read_bytes())
    left = []
    for environment in load_environments(root, Registry(root), sorted(names)):
        use = environment.module(_MODULE)
        if use is None or (_MODULE, use.version) not in released:
            continue
        folder = folder_of(_MODULE, use.version)
        if folder_hash(read_folder(root, folder), folder) == released.hashes[_MODULE, use.version]:
            left.append(environment.name)
            echo(
                f"{environment.name}: {listed(open_[environment.name])} left to the account: "
                "`finbase apply` and `finbase drift` judge what no plan without an account shows",
                file=stream,
            )
    return tuple(left)


def _not_shown(verdict: Verdict) -> list[str]:
    """Return the controls that are not shown, if they are all that keeps a verdict from passing."""
    rows = [row for row in verdict.by_failure() if row.open]
    fine = all(row.status == "not shown" and row.id in _UNREAD for row in rows)
    own = all(s.failure_ids and _UNREAD.issuperset(s.failure_ids) for s in verdict.failed)
    return [row.id for row in rows] if fine and own else []
