"""``finbase provider``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath

import click

from finbase.commands._project import pass_root
from finbase.console.speech import note, progress, say


@click.group()
def provider() -> None:
    """Pin the version and the checksums of the AWS provider.

    \b
    Examples:
      finbase provider pin 5.100.0
    """


@provider.command()
@click.argument("version", metavar="VERSION")
@pass_root
def add(root: Path, version: str) -> None:
    """Add the checksums of VERSION of the AWS provider, for single environments.

    An environment whose file has `provider: VERSION` then gets this version; all others keep the
    one that `finbase provider pin` pinned.

    \b
    Examples:
      finbase provider add 6.13.0
    """
    from finbase.render.provider_lock import added

    wanted, count = _write(root, version, added)
    say(
        f"added {wanted} with {count} checksums; next: write `provider: {wanted}` into the file of "
        "an environment, then `finbase render`"
    )


@provider.command()
@click.argument("version", metavar="VERSION")
@pass_root
def pin(root: Path, version: str) -> None:
    """Pin VERSION of the AWS provider for all environments, with its checksums.

    Terraform reads the checksums for Linux and macOS, on amd64 and arm64, from the registry. If
    this machine cannot reach it, finbase computes those of its own platform from a filesystem
    mirror. Checksums of the same version that are already pinned stay.

    \b
    Examples:
      finbase provider pin 5.100.0
    """
    from finbase.render.provider_lock import repin

    wanted, count = _write(root, version, repin)
    say(f"pinned {wanted} with {count} checksums; next: `finbase render`")


def _write(
    root: Path,
    version: str,
    change: Callable[[Path, str, str, Iterable[str]], Mapping[PurePosixPath, bytes]],
) -> tuple[str, int]:
    """Write the files of ``change``; return the version and the number of its checksums."""
    from finbase.contract.version import Version
    from finbase.project.files import ProjectFiles, wrap_os_errors
    from finbase.terraform.pin import fetch_checksums
    from finbase.terraform.program import find_terraform

    try:
        wanted = str(Version.parse(version))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    terraform = find_terraform()
    with progress() as watch:
        watch(wanted, f"{terraform.command} providers lock")
        hashes, origin = fetch_checksums(terraform, wanted)
    changes = change(root / "templates", terraform.host, wanted, hashes)
    files = ProjectFiles(root)
    with wrap_os_errors("write", "nothing was changed"):
        staged = {
            file: files.stage(file, content)
            for path, content in changes.items()
            if not (file := files.resolve(path)).exists() or file.read_bytes() != content
        }
        for file, temporary in staged.items():
            temporary.replace(file)
    note(f"checksums from {origin}")
    return wanted, len(hashes)
