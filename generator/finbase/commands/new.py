"""``finbase new``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from finbase.commands._project import load_environment, pass_root
from finbase.console import completion
from finbase.console.options import Choice
from finbase.console.speech import say
from finbase.errors import FinbaseError


@click.group()
def new() -> None:
    """Create a module, an environment, a control, a state bucket, a pipeline or its roles.

    Nothing is overwritten.

    \b
    Examples:
      finbase new module exports
      finbase new environment sandbox --from staging
      finbase new control LEDGER-1
      finbase new pipeline github
      finbase new roles production --github bank/ledger
      finbase new state production
    """


@new.command()
@click.argument("name", metavar="NAME")
@pass_root
def module(root: Path, name: str) -> None:
    """Create templates/modules/NAME/, the draft of a module that can be rendered at once.

    \b
    Examples:
      finbase new module exports
    """
    from finbase.scaffold.new_module import new_module

    _say_written(root, new_module(root, name))
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
@pass_root
def environment(root: Path, name: str, origin: str | None) -> None:
    """Create environments/NAME.yaml as a copy of another environment.

    Comments and layout are kept. The old name is replaced in `name` and in the state's bucket. The
    values that must be edited are listed.

    \b
    Examples:
      finbase new environment sandbox
      finbase new environment sandbox --from staging
    """
    from finbase.contract.registry import Registry
    from finbase.scaffold.new_environment import new_environment

    made = new_environment(root, Registry(root), name, origin)
    path = made.path.relative_to(root).as_posix()
    source = f"environments/{made.origin}.yaml" if made.origin else "the examples of the contracts"
    say(f"written: {path}, from {source}. Edit:")
    for value in made.to_edit:
        say(f"  {path}:{value.line}: {value.name}: {value.why}")
    say(f"Next: finbase render {name}")


@new.command()
@click.argument("identity", metavar="ID")
@click.option(
    "--environment",
    metavar="ENV",
    shell_complete=completion.environments,
    help="Prove the control on the stack of ENV; default: the first by name.",
)
@click.option("--step", is_flag=True, help="Also create a step with a sentence of its own.")
@pass_root
def control(root: Path, identity: str, environment: str | None, step: bool) -> None:
    """Create features/own/: a control of the project itself, with a mutation that breaks it.

    ID has capital letters, a hyphen and a number. The draft passes `finbase check` and
    `finbase prove`; edit its files.

    \b
    Examples:
      finbase new control LEDGER-1
      finbase new control LEDGER-2 --step --environment staging
    """
    from finbase.commands._rendered import hold_journal
    from finbase.environment.load import discover
    from finbase.judge.catalogue import refuse_id
    from finbase.scaffold.new_control import new_control

    name = environment or next((path.stem for path in discover(root)), "")
    if not name or not (root / "environments" / f"{name}.yaml").is_file():
        raise FinbaseError(f"there is no environment {name}", "name one that exists: --environment")
    refuse_id(root / "features", identity)
    with hold_journal(root) as journal:
        written = new_control(journal, root, identity, name, step=step)
    for path in written:
        say(f"written: {path}")
    say(
        "Edit them. Next:\n"
        f"  `finbase check {name}` shows the control as a row of its own;\n"
        f"  `finbase prove {identity}` breaks it and sees it fail."
    )


@new.command()
@click.argument("system", metavar="github|gitlab", type=Choice(["github", "gitlab"]))
@click.option(
    "--owner",
    "owners",
    metavar="OWNER",
    multiple=True,
    help="Also write CODEOWNERS, with this owner of every file; repeatable.",
)
@pass_root
def pipeline(root: Path, system: str, owners: tuple[str, ...]) -> None:
    """Create a pipeline for GitHub Actions or GitLab: render, check, plan, apply on approval.

    It is written to the path that the CI reads in the root of the repository. If the project is in
    a folder, its jobs work there. Its comments explain what to set up.

    \b
    Examples:
      finbase new pipeline github
      finbase new pipeline gitlab --owner @bank/security
    """
    from finbase.scaffold.new_pipeline import OWNERS, new_pipeline

    written = new_pipeline(root, system, owners)
    say(f"written: {', '.join(written)}. Its first comment explains what to set up.")
    if not owners:
        say(f"Without --owner, nobody has to review what the pipeline runs: {OWNERS[system]}.")


@new.command()
@click.argument("name", metavar="ENV", shell_complete=completion.environments)
@click.option("--github", metavar="OWNER/NAME", help="The repository on GitHub.")
@click.option("--gitlab", metavar="HOST/GROUP/NAME", help="The project on a GitLab.")
@click.option(
    "--version-id",
    "versions",
    metavar="ID",
    multiple=True,
    help="A first version of the stack's secrets, ended by the first rotation; repeatable.",
)
@pass_root
def roles(
    root: Path,
    name: str,
    github: str | None,
    gitlab: str | None,
    versions: tuple[str, ...],
) -> None:
    """Create roles/ENV/: the policies of the roles with which a pipeline plans and applies ENV.

    Each role trusts one repository and one environment of it. The plan role reads. The apply role
    also changes what the modules of ENV contain. Neither reads a current password: without
    --version-id, the plan role reads none. After the first rotation, create both again with the
    ids of the first versions, which each plan reads.

    \b
    Examples:
      finbase new roles production --github bank/ledger
      finbase new roles production --gitlab gitlab.example.org/bank/ledger
    """
    import re

    from finbase.scaffold.new_roles import VERSION_ID, new_roles, policy_arn, repository

    if (github is None) == (gitlab is None):
        raise click.UsageError("name the repository with --github or --gitlab")
    for version in versions:
        if re.fullmatch(VERSION_ID, version) is None:
            raise click.BadParameter(f"{version!r} is not the id of a secret's version")
    environment = load_environment(root, name)
    source = repository(github=github) if github else repository(gitlab=gitlab or "")
    written, unknown = new_roles(root, environment, source, versions)
    _say_written(root, written)
    for missing in unknown:
        say(f"The module {missing} is your own: add its permissions to the policies.")
    say("Next, as an administrator of the account:")
    for path in written:
        role, kind, *_ = path.name.split(".")
        named = f"finbase-{environment.stack_name}-{role}"
        file = f"file://{path.relative_to(root).as_posix()}"
        if kind == "trust":
            say(f"  aws iam create-role --role-name {named} --assume-role-policy-document {file}")
            continue
        policy = named + "-" + path.name.split(".")[2]
        arn = policy_arn(environment, policy)
        say(f"  aws iam create-policy --policy-name {policy} --policy-document {file}")
        say(f"  aws iam attach-role-policy --role-name {named} --policy-arn {arn}")


@new.command()
@click.argument("name", metavar="ENV", shell_complete=completion.environments)
@click.option("--existing-key", is_flag=True, help="Use the key of `state.kms_key_id`; it exists.")
@pass_root
def state(root: Path, name: str, existing_key: bool) -> None:
    """Create bootstrap/ENV/: Terraform for the bucket and the key of ENV's state.

    An administrator applies it once, before the first plan of ENV. The bucket keeps versions,
    requires TLS, is not public, and refuses other accounts. A key is created if ENV names it by an
    alias that does not exist yet.

    \b
    Examples:
      finbase new state production
      finbase new state sandbox --existing-key
    """
    from finbase.scaffold.new_state import new_state

    environment = load_environment(root, name)
    written = new_state(root, environment, key_exists=existing_key)
    _say_written(root, written)
    folder = written[0].parent.relative_to(root).as_posix()
    say("Next, as an administrator of the account:")
    say(f"  cd {folder} && terraform init && terraform apply")


def _say_written(root: Path, paths: Iterable[Path]) -> None:
    for path in paths:
        say(f"written: {path.relative_to(root).as_posix()}")
