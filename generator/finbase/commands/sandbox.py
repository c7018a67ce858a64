"""``finbase sandbox``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from finbase.commands._project import load_environment
from finbase.console import completion
from finbase.console.options import Whole
from finbase.console.speech import echo, note


@click.command()
@click.argument("environment", metavar="[ENV]", default="", shell_complete=completion.environments)
@click.option(
    "--port",
    metavar="N",
    type=Whole(min=0, max=65535),
    default=4566,
    show_default=True,
    help="Listen on this port of 127.0.0.1; 0 lets the system choose one.",
)
@click.pass_obj
def sandbox(project: Path | None, environment: str, port: int) -> None:
    """Serve a local AWS until Ctrl-C, to try stacks by hand.

    It simulates the account and region of ENV (default: account 123456789012 in eu-west-1) and
    supports the services that the modules use. If PostgreSQL is installed, each primary database
    is a real one. It never connects to AWS and removes all its data at the end. It prints the
    variables for a shell and the override files for a copy of a stack.

    \b
    Examples:
      finbase sandbox development
      finbase sandbox --port 0 --quiet
    """
    from finbase.project.find import find_project
    from finbase.rehearsal.scratch import scratch_folder
    from finbase.sandbox import server

    account_id, region, root = "123456789012", "eu-west-1", None
    if environment:
        root = find_project(project)
        loaded = load_environment(root, environment)
        account_id, region = loaded.account_id, loaded.region
    with scratch_folder("sandbox") as folder:
        try:
            with server.running(
                folder, account_id=account_id, region=region, port=port, project=root
            ) as served:
                for name, value in server.environment(served).items():
                    echo(f"export {name}={value}")
                echo(f"export AWS_DEFAULT_REGION={region}")
                for name, text in server.overrides(served).items():
                    echo(f"\n# {name}\n{text}", nl=False)
                sys.stdout.flush()
                note(f"account {account_id} at {served.url}, log {served.log}; stop it with Ctrl-C")
                os.waitid(os.P_PID, served.pid, os.WEXITED | os.WNOWAIT)
                raise server.SandboxError("the local AWS ended unexpectedly")
        except KeyboardInterrupt:
            note("\nthe local AWS was stopped and its files were removed")
