"""``finbase new``."""

from __future__ import annotations

from pathlib import Path

import click

from finbase.console import completion
from finbase.console.options import Choice
from finbase.console.speech import say


@click.group()
def new() -> None:
    """Create a module, an environment or a pipeline; existing files are never overwritten.

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
    """Create templates/modules/NAME/, the draft of a module that can be rendered at once.

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
        "Its comments explain each part. Next:\n"
        f"  `finbase render` writes modules/{name}/1.0.0/;\n"
        f"  `{name}: {{version: 1.0.0}}` under `modules:` adds it to an environment;\n"
        f"  `finbase release` turns the draft into a version that never changes."
    )


@new.command()
@click.argument("name", metavar="NAME")
@click.option(
    "--from",
    "origin",
    metavar="ENV",
    shell_complete=completion.environments,
    help="Copy ENV; default: the first by name, or the examples of the contracts.",
)
@click.pass_obj
def environment(project: Path | None, name: str, origin: str | None) -> None:
    """Create environments/NAME.yaml as a copy of another environment.

    Comments and layout are kept. The old name is replaced in `name` and in the state's bucket. The
    values that must be edited are listed.

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
    source = f"environments/{made.origin}.yaml" if made.origin else "the examples of the contracts"
    say(f"written: {path}, from {source}. Edit:")
    for value in made.to_edit:
        say(f"  {path}:{value.line}: {value.name}: {value.why}")
    say(f"Next: finbase render {name}")


@new.command()
@click.argument("system", metavar="github|gitlab", type=Choice(["github", "gitlab"]))
@click.pass_obj
def pipeline(project: Path | None, system: str) -> None:
    """Create a pipeline for GitHub Actions or GitLab: render, check, plan, apply on approval.

    It is written to the path that the CI reads. Its comments explain what to set up there.

    \b
    Examples:
      finbase new pipeline github
      finbase new pipeline gitlab
    """
    from finbase.project.find import find_project
    from finbase.scaffold.new_pipeline import new_pipeline

    root = find_project(project)
    path = new_pipeline(root, system).relative_to(root).as_posix()
    say(f"written: {path}. Its first comment explains what to set up.")
