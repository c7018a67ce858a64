"""``finbase new``."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["new"]


@click.group()
def new() -> None:
    """Begin a module or an environment; nothing that is there is written over.

    \b
    Examples:
      finbase new module exports
      finbase new environment sandbox --from staging
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
    from generator.project import find_project
    from generator.scaffold import new_module

    root = find_project(project)
    for path in new_module(root, name):
        click.echo(f"written: {path.relative_to(root).as_posix()}")
    click.echo(
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
    from generator.project import find_project
    from generator.registry import Registry
    from generator.scaffold import new_environment

    root = find_project(project)
    made = new_environment(root, Registry(root), name, origin)
    path = made.path.relative_to(root).as_posix()
    source = f"environments/{made.origin}.yaml" if made.origin else "the contracts' examples"
    click.echo(f"written: {path}, from {source}. Look at:")
    for each in made.to_edit:
        click.echo(f"  {path}:{each.line}: {each.name}: {each.why}")
    click.echo(f"Then: finbase render {name}")
