"""``finbase new``."""

from __future__ import annotations

from pathlib import Path

import click

from finbase.console import completion as names
from finbase.console.speech import say

__all__ = ["new"]


@click.group()
def new() -> None:
    """Begin a module, an environment or a pipeline; nothing that is there is written over.

    \b
    Examples:
      finbase new module exports
      finbase new environment sandbox --from staging
      finbase new pipeline github
    """


@new.command()
@click.argument("name", metavar="NAME")
@click.pass_obj
def module(project: Path | None, name: str) -> None:
    """Write templates/modules/NAME/, the draft of a module that renders at once.

    \b
    Examples:
      finbase new module exports
    """
    from finbase.project.find import find_project
    from finbase.scaffold.new_module import new_module

    root = find_project(project)
    for path in new_module(root, name):
        say(f"written: {path.relative_to(root).as_posix()}")
    say(
        "Its comments tell what goes where. Then:\n"
        f"  finbase render writes modules/{name}/1.0.0/;\n"
        f"  `{name}: {{version: 1.0.0}}` under `modules:` puts it into an environment;\n"
        f"  finbase release makes the draft a version that never changes."
    )


@new.command()
@click.argument("name", metavar="NAME")
@click.option(
    "--from",
    "origin",
    metavar="ENV",
    shell_complete=names.environments,
    help="Environment to copy; default: the first by name, or one made of the contracts.",
)
@click.pass_obj
def environment(project: Path | None, name: str, origin: str | None) -> None:
    """Write environments/NAME.yaml, as a copy of another environment.

    Comments and layout stay; the old name is replaced where the file names itself, and in the
    state's bucket. What is to be edited is listed.

    \b
    Examples:
      finbase new environment sandbox
      finbase new environment sandbox --from staging
    """
    from finbase.contract.registry import Registry
    from finbase.project.find import find_project
    from finbase.scaffold.new_environment import new_environment

    root = find_project(project)
    made = new_environment(root, Registry(root), name, origin)
    path = made.path.relative_to(root).as_posix()
    source = f"environments/{made.origin}.yaml" if made.origin else "the contracts' examples"
    say(f"written: {path}, from {source}. Look at:")
    for each in made.to_edit:
        say(f"  {path}:{each.line}: {each.name}: {each.why}")
    say(f"Then: finbase render {name}")


@new.command()
@click.argument("system", metavar="github|gitlab", type=click.Choice(["github", "gitlab"]))
@click.pass_obj
def pipeline(project: Path | None, system: str) -> None:
    """Write a pipeline for GitHub Actions or GitLab: render, check, plan, apply on approval.

    It is written where the CI looks for it; its comments tell what has to be set up there.

    \b
    Examples:
      finbase new pipeline github
      finbase new pipeline gitlab
    """
    from finbase.project.find import find_project
    from finbase.scaffold.new_pipeline import new_pipeline

    root = find_project(project)
    path = new_pipeline(root, system).relative_to(root).as_posix()
    say(f"written: {path}. Its first comment tells what has to be set up.")
