"""Find Terraform or OpenTofu, check its version, run it and report its errors.

The child's environment is an allow-list: no credentials and no token, because a stack can run
programs, and no variable that could change the result, such as ``TF_VAR_*`` or a workspace.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from finbase.errors import TerraformError
from finbase.system.child_environ import child_environ
from finbase.system.processes import Finished, Processes, ProcessesClosedError

MINIMUM = (1, 11, 0)
"""The first release with write-only arguments, in Terraform and in OpenTofu."""

_SECONDS = 900.0
_BANNER = re.compile(r"^(Terraform|OpenTofu) v(\d+)\.(\d+)\.(\d+)", re.MULTILINE)
_PLATFORM = re.compile(r"^on ([a-z0-9]+_[a-z0-9]+)\s*$", re.MULTILINE)
# How Terraform finds the provider: its folders below the user's, its configuration, and the way to
# the registry. A stack can run programs, so tokens for registries belong into the configuration.
_ALLOWED = (
    r"HOME|XDG_(CONFIG|DATA|CACHE)_HOME|XDG_DATA_DIRS|TF_PLUGIN_CACHE_DIR"
    r"|TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE|TF_REGISTRY_(DISCOVERY_RETRY|CLIENT_TIMEOUT)"
    r"|TF_PROVIDER_DOWNLOAD_RETRY|SSL_CERT_(FILE|DIR)|GO(GC|MAXPROCS|MEMLIMIT)"
    r"|(HTTPS?|NO)_PROXY|(https?|no)_proxy"
)
_INSTALL = (
    "install Terraform 1.11 or newer (https://developer.hashicorp.com/terraform/install) or "
    "OpenTofu 1.11 or newer (https://opentofu.org/docs/intro/install/) so that `terraform` or "
    "`tofu` is on PATH, or set FINBASE_TERRAFORM to the program's path"
)
_SHIM = (
    "fix what it reports; if it is the shim of a version manager, such as tfenv or asdf, set "
    "FINBASE_TERRAFORM to the Terraform that the shim starts, because finbase passes few variables"
)
_REFUSED = (
    "it ran on a copy: fix the environment's YAML file or the templates, and render again; "
    "--verbose shows the command"
)
_LINES = 40
# finbase itself sets the override; a user who reads the error cannot change it. The warning of
# `init` has another end than the one of all other commands.
_OVERRIDES = re.compile(
    r"Warning: Provider development overrides are in effect\n"
    r"(?:(?!Error: ).+\n)*?(?!Error: ).*(?:releases|unexpectedly)\.\n?"
)


@dataclass(frozen=True)
class Terraform:
    """An installed Terraform or OpenTofu; ``platform`` is ``linux_amd64`` or alike."""

    path: Path
    product: str
    version: tuple[int, int, int]
    platform: str

    @property
    def host(self) -> str:
        """The registry that an address such as ``hashicorp/aws`` stands for."""
        tofu = self.product == "OpenTofu"
        return "registry.opentofu.org" if tofu else "registry.terraform.io"

    @property
    def command(self) -> str:
        """The program's usual name, for messages."""
        return "tofu" if self.product == "OpenTofu" else "terraform"

    def run(
        self,
        *arguments: str,
        cwd: Path,
        environ: Mapping[str, str],
        processes: Processes,
        subject: str,
    ) -> bytes:
        """Run one command and return its output.

        ``subject`` names the stack or module in messages. Raises ``TerraformError`` with the step
        and Terraform's own message if it fails, or if ``TMPDIR`` is not a folder.
        """
        step = f"{self.command} {arguments[0]}"
        _refuse_temporary(cwd, environ)
        try:
            finished = processes.run(
                [self.path, *arguments], cwd=cwd, environ=environ, seconds=_SECONDS
            )
        except (OSError, TimeoutError, ProcessesClosedError) as error:
            raise TerraformError(
                f"{step} could not run for {subject}: {error}",
                "run `finbase doctor` to check the installation",
            ) from error
        if finished.code != 0:
            raise TerraformError(f"{step} failed for {subject}:\n{_reason(finished)}", _REFUSED)
        return finished.stdout


def find_terraform(environ: Mapping[str, str] | None = None) -> Terraform:
    """Find ``FINBASE_TERRAFORM``, else ``terraform``, else ``tofu`` on ``PATH``.

    Raises ``TerraformError`` if none is installed, or none is new enough.
    """
    environ = os.environ if environ is None else environ
    chosen = environ.get("FINBASE_TERRAFORM")
    names = [chosen] if chosen else ["terraform", "tofu"]
    paths = [path for name in names if (path := shutil.which(name, path=environ.get("PATH", "")))]
    if not paths:
        what = (
            f"FINBASE_TERRAFORM names {chosen!r}, which is not a program"
            if chosen
            else ("neither `terraform` nor `tofu` is on PATH")
        )
        raise TerraformError(what, _INSTALL)
    old: list[str] = []
    for path in paths:
        terraform = _identify(Path(path), environ)
        if terraform.version >= MINIMUM:
            return terraform
        old.append(f"{path} is {terraform.product} {'.'.join(map(str, terraform.version))}")
    minimum = ".".join(map(str, MINIMUM))
    raise TerraformError(f"{' and '.join(old)}, but {minimum} or newer is needed", _INSTALL)


def cli_config_file(environ: Mapping[str, str]) -> Path | None:
    """Return the CLI configuration file that the environment names, under either of its names.

    Return None if the file does not exist: Terraform would warn about it at each command.
    """
    named = environ.get("TF_CLI_CONFIG_FILE") or environ.get("TERRAFORM_CONFIG")
    # Terraform works in another folder than the one in which it was named.
    return Path(named).absolute() if named and Path(named).is_file() else None


def isolated_environ(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables of the caller's environment that Terraform needs without an account."""
    environ = os.environ if environ is None else environ
    inherited = child_environ(_ALLOWED, environ)
    if configured := cli_config_file(environ):
        inherited["TF_CLI_CONFIG_FILE"] = str(configured)
    # A collector four times lazier costs 40 MB and saves a quarter of the processor time.
    inherited.setdefault("GOGC", "400")
    return inherited | {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
    }


def _refuse_temporary(cwd: Path, environ: Mapping[str, str]) -> None:
    """Refuse a ``TMPDIR`` that is not a folder: Terraform would report an error of the provider."""
    named = environ.get("TMPDIR")
    if named and not (cwd / named).is_dir():
        raise TerraformError(
            f"TMPDIR is {named!r}, which is not a folder; Terraform writes temporary files there",
            "create the folder, unset TMPDIR, or set it to another folder",
        )


def _identify(path: Path, environ: Mapping[str, str]) -> Terraform:
    try:
        with Processes() as processes:
            finished = processes.run(
                [path, "version"], environ=isolated_environ(environ), seconds=60
            )
    except (OSError, TimeoutError) as error:
        raise TerraformError(f"{path} could not be run: {error}", _INSTALL) from error
    text = finished.stdout.decode(errors="replace")
    banner, platform = _BANNER.search(text), _PLATFORM.search(text)
    if finished.code != 0:
        raise TerraformError(f"`{path} version` failed:\n{_reason(finished)}", _SHIM)
    if banner is None or platform is None:
        raise TerraformError(f"{path} is neither Terraform nor OpenTofu", _INSTALL)
    product, major, minor, patch = banner.groups()
    return Terraform(path, product, (int(major), int(minor), int(patch)), platform[1])


def _reason(finished: Finished) -> str:
    """Return Terraform's output from the first error on, indented, at most ``_LINES`` lines."""
    text = re.sub(r"\n{2,}", "\n", finished.output)
    text = _OVERRIDES.sub("", text)
    start = text.find("Error: ")
    lines = text[max(start, 0) :].splitlines() or [f"exit code {finished.code}, nothing said"]
    if len(lines) > _LINES:
        lines = [*lines[:_LINES], f"… {len(lines) - _LINES} more lines"]
    return "\n".join(f"    {line}".rstrip() for line in lines)
