"""``finbase diff``."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

import click

from finbase.commands._project import answer, load_environment, pass_root
from finbase.commands._rendered import refuse_planted
from finbase.console import completion
from finbase.console.options import environment_argument, json_option
from finbase.console.speech import FAIL, WARN, Looks, progress

if TYPE_CHECKING:
    from finbase.contract.registry import Registry
    from finbase.environment.model import Environment

_LOOKS: Looks = {r"^(DATA LOSS|AWS REFUSES|LOCKED OUT):": FAIL, r"^RESTART:": WARN}


@click.command()
@environment_argument
@click.argument("other", metavar="[OTHER]", default="", shell_complete=completion.environments)
@click.option("--since", metavar="REV", help="Compare with ENV in this branch, tag or commit.")
@click.option(
    "--plan",
    "planned",
    is_flag=True,
    help="Also plan both versions offline, and compare the plans.",
)
@click.option(
    "--refused",
    "refused_only",
    is_flag=True,
    help="Print only what AWS refuses, and exit with 1 only if there is something.",
)
@json_option("the differences")
@pass_root
def diff(
    root: Path,
    environment: str,
    other: str,
    since: str | None,
    planned: bool,
    refused_only: bool,
    json_file: BinaryIO | None,
) -> None:
    """Show how two environments differ, or how a change of ENV's file differs from a commit.

    The effective values are compared: a value in one file equals the same default in the other.
    With --since, changes that AWS refuses are named, such as storage that shrinks or a major
    version without the inputs of an upgrade, and a restore or another port, user or name without
    a password reset, which locks clients out. With --plan as well, the resources that change are
    listed: in place, with a restart, or by a replacement that loses data. The AWS account is not
    read. Exits with 1 if there is a difference, other than the name. FILE can be `-` for standard
    output; the text then goes to standard error.

    \b
    Examples:
      finbase diff staging production
      finbase diff production --since origin/main --plan
      finbase diff production --since origin/main --refused
      finbase diff staging production --json -
    """
    from finbase.contract.registry import Registry
    from finbase.environment.changes import refused
    from finbase.environment.difference import compare
    from finbase.report.difference import DifferenceReport
    from finbase.terraform.program import find_terraform
    from finbase.upgrade.preview import effects_between

    if bool(other) == (since is not None):
        raise click.UsageError("name either OTHER or --since REV")
    for name, is_set in {"plan": planned, "refused": refused_only}.items():
        if is_set and since is None:
            raise click.UsageError(f"--{name} requires --since")
    registry = Registry(root)
    now = load_environment(root, environment)
    if since is None:
        right = load_environment(root, other)
        report = DifferenceReport(compare(now, right), now.name, right.name)
    else:
        before = _at(root, registry, now, since)
        effects = None
        if planned:
            refuse_planted(root)
            with progress() as watch:
                effects = effects_between(root, registry, before, now, find_terraform(), watch)
        report = DifferenceReport(
            compare(before, now),
            f"{now.name} in {since}",
            now.name,
            effects,
            refused(before, now),
            refused_only=refused_only,
        )
    found = report.refused if refused_only else report.differences or report.effects
    answer(report, json_file, looks=_LOOKS, found=found)


def _at(root: Path, registry: Registry, now: Environment, revision: str) -> Environment:
    """Return an environment as its file was in a commit, with the modules of today.

    Raises ``FinbaseError`` if the commit lacks the file, or if the file is not valid today.
    """
    from finbase.environment.load import read
    from finbase.errors import FinbaseError, InputError
    from finbase.project.git import Repository

    path = PurePosixPath(now.document.path)
    repository = Repository(root)
    files = repository.at(repository.commit(revision), path.__eq__)
    if path not in files:
        raise FinbaseError(
            f"{path} does not exist in {revision}", "name a commit that has the environment"
        )
    try:
        return read(now.document.path, files[path], registry, root)
    except InputError as error:
        raise FinbaseError(
            f"{path} of {revision} is not valid with the rules of today: {error.diagnostics[0]}",
            "compare with a later commit",
        ) from error
