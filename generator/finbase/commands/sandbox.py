"""``finbase sandbox``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from finbase.console import completion as names
from finbase.console.speech import echo, note

__all__ = ["sandbox"]


@click.command()
@click.argument("environment", metavar="[ENV]", default="", shell_complete=names.environments)
@click.option(
    "--port",
    metavar="N",
    type=click.IntRange(min=0, max=65535),
    default=4566,
    show_default=True,
    help="Where to serve, on 127.0.0.1; 0 lets the system choose.",
)
@click.pass_obj
def sandbox(project: Path | None, environment: str, port: int) -> None:
    """Serve a local AWS for use by hand, until Ctrl-C.

    It stands in for the account and region of ENV, or else for account 123456789012 in eu-west-1,
    and knows what the modules use, with a real PostgreSQL behind each primary where one is
    installed. Nothing of it reaches AWS, and nothing of it is left at the end. On standard output
    are the variables for a shell, and the override files for a copy of a stack.

    \b
    Examples:
      finbase sandbox development
      finbase sandbox --port 0 --quiet
    """
    from finbase.rehearsal.scratch import scratch_folder
    from finbase.sandbox import server

    account_id, region = _stands_in_for(project, environment)
    with scratch_folder("sandbox") as folder:
        try:
            with server.running(folder, account_id=account_id, region=region, port=port) as served:
                for name, value in server.environment(served.url).items():
                    echo(f"export {name}={value}")
                echo(f"export AWS_DEFAULT_REGION={region}")
                for name, text in server.overrides(served.url).items():
                    echo(f"\n# {name}\n{text}", nl=False)
                sys.stdout.flush()
                note(f"account {account_id} at {served.url}, log {served.log}; Ctrl-C ends it")
                os.waitid(os.P_PID, served.pid, os.WEXITED | os.WNOWAIT)
                raise server.SandboxError("the local AWS ended unexpectedly")
        except KeyboardInterrupt:
            note("\nthe local AWS was stopped and its files were removed")


def _stands_in_for(project: Path | None, environment: str) -> tuple[str, str]:
    if not environment:
        return "123456789012", "eu-west-1"
    from finbase.contract.registry import Registry
    from finbase.environment.load import load_environments
    from finbase.project.find import find_project

    root = find_project(project)
    (loaded,) = load_environments(root, Registry(root), [environment])
    return loaded.account_id, loaded.region
