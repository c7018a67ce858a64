"""Plan and validate copies in a scratch folder, sharing one installed provider.

Terraform installs and verifies the provider once for each set of requirements. Later trees share
it: a provider that keeps running serves their plans (see ``warm_provider``), or, where that is not
possible, Terraform starts the verified copy as an override and does not hash its 700 MB again.
"""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, TypeVar

from finbase.errors import TerraformError
from finbase.project.terraform_files import LOCK_FILE, PROVIDER, REGISTRIES, STATE_FILE
from finbase.source.hcl_scan import quoted
from finbase.system.processes import Processes
from finbase.system.progress import ignore
from finbase.terraform.offline import (
    copy_stack,
    count_aws_configurations,
    files_below,
    isolate_backend,
    isolate_provider,
    leave_unread,
    lift_guards,
    module_calls,
    requirements,
    used_folders,
)
from finbase.terraform.program import Terraform, isolated_environ
from finbase.terraform.provider import ADVICE, Installation, find_provider
from finbase.terraform.refused_code import refuse_code
from finbase.terraform.schema_proxy import mentioned_types, shortened
from finbase.terraform.secret_endpoint import secret_endpoint
from finbase.terraform.warm_provider import WarmProviders

_UNAVAILABLE = re.compile(
    r"Failed to (query available|resolve|install) provider|no available releases match"
    r"|Could not retrieve the list of available versions"
)
_PLAN_FILE = "finbase.tfplan"
_REATTACH = "TF_REATTACH_PROVIDERS"
_Result = TypeVar("_Result")
# No server listens there: a data source that would call AWS fails at once.
_NOWHERE = "http://127.0.0.1:9"
_OFFLINE = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), _NOWHERE)
_ASKED_AWS = re.compile(r"proxyconnect|127\.0\.0\.1:9\b|no EC2 IMDS role found")
_NOT_CONNECTED = re.compile(r"Failed to load plugin schemas|plugin\.\(\*GRPCProvider\)")
_NO_AWS = (
    "a plan is made without AWS: replace data sources that ask AWS (caller identity, "
    "availability zones, …) by inputs"
)


@dataclass(frozen=True)
class _Tree:
    """A copy: its root, the folder to work in, and that folder's name in messages."""

    root: Path
    folder: Path
    name: str


@dataclass(frozen=True)
class _Installed:
    """The result of one ``init``, for further trees with the same requirements.

    ``files`` belong into each tree, ``config`` is the CLI configuration that names the installed
    packages, ``manifests`` has the ``modules.json`` for each set of module calls.
    """

    files: tuple[Path, ...]
    config: Path
    providers: WarmProviders
    manifests: dict[frozenset[tuple[str, ...]], bytes] = field(default_factory=dict)


class Attach(Protocol):
    """Runs a command of Terraform with a running provider."""

    def __call__(self, command: Callable[[Mapping[str, str]], _Result]) -> _Result:
        """Call the command with the variables that attach Terraform; none if none can run.

        If the provider ends meanwhile, call it once more. Raises ``TerraformError``.
        """


@dataclass(frozen=True)
class Prepared:
    """An initialised copy of a stack, which stays, and the environment for Terraform in it."""

    folder: Path
    environ: Mapping[str, str]
    attach: Attach


class Workspace:
    """One Terraform, one scratch folder, many plans; safe to use from several threads.

    ``scratch`` must exist and be empty; the caller removes it. ``provider`` says where the provider
    comes from, by default it is searched for. ``environ`` is added to Terraform's environment.
    Leaving the block kills every process that still runs, also those that a caller started with
    ``processes``.
    """

    def __init__(
        self,
        terraform: Terraform,
        scratch: Path,
        provider: Installation | None = None,
        *,
        environ: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._terraform = terraform
        self._scratch = scratch.resolve()
        self._provider = provider
        self._environ = {**isolated_environ(), **environ}
        self.processes = Processes()
        self._numbers = count(1)
        self._installing = threading.Lock()
        self._installed: dict[frozenset[str], _Installed] = {}

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        for installed in self._installed.values():
            installed.providers.close()
        self.processes.close()

    def plan(
        self,
        stack: Path,
        *,
        project: Path,
        state: bytes | None = None,
        copied: Callable[[Path, Path], object] = ignore,
    ) -> bytes:
        """Plan ``stack`` from an empty state, or from ``state``; return JSON on one line.

        ``project`` is the folder that contains the stack and every module it uses, ``state`` is a
        state file of version 4. ``copied`` is called with the copies of both before anything is
        added to them. Raises ``TerraformError`` with the failed step and Terraform's message.
        """
        tree = self._copy(stack, project, copied)
        configurations = count_aws_configurations(tree.root)
        isolate_backend(tree.folder)
        with secret_endpoint() if state is not None else nullcontext("") as secrets:
            isolate_provider(tree.folder, secrets)
            leave_unread(tree.folder)
            if state is not None:
                (tree.folder / STATE_FILE).write_bytes(state)
                # Nobody applies this plan: show what it would do, instead of an error.
                lift_guards(tree.folder)
            installed = self._initialise(tree, warm=configurations <= 1)

            def plan_tree(reattach: str) -> bytes:
                return self._plan(tree, installed.config, reattach)

            plan = self._warm(tree, installed, plan_tree) if configurations <= 1 else plan_tree("")
        shutil.rmtree(tree.root, ignore_errors=True)
        return plan

    def _warm(
        self, tree: _Tree, installed: _Installed, command: Callable[[str], _Result]
    ) -> _Result:
        """Run a command with a running provider; if the provider ends, start another one once."""
        states = filter(Path.is_file, [tree.folder / STATE_FILE])
        types = mentioned_types(p.read_bytes() for p in (*files_below(tree.root), *states))
        for _ in range(2):
            with installed.providers.lease() as lease:
                if lease is None:
                    break
                provider, reattach = lease
                try:
                    with shortened(reattach, types, provider.answers) as short:
                        return command(short)
                except TerraformError as error:
                    if self.processes.closed:
                        raise
                    if provider.is_running():
                        if _NOT_CONNECTED.search(" ".join(error.message.split())):
                            break  # Terraform starts a provider itself: slower, but independent.
                        raise
                    failure, log = error, provider.log()
        else:
            raise TerraformError(
                f"the AWS provider ended twice while planning {tree.name}:\n"
                f"{log or failure.message}",
                "it may have run out of memory; check fewer environments at a time with --jobs 1",
            ) from failure
        return command("")

    def _plan(self, tree: _Tree, config: Path, reattach: str) -> bytes:
        flags = ("-refresh=false", "-input=false", "-lock=false", "-no-color")
        try:
            self._run(tree, config, "plan", *flags, f"-out={_PLAN_FILE}", reattach=reattach)
        except TerraformError as error:
            hint = _NO_AWS if _ASKED_AWS.search(error.message) else error.hint
            raise TerraformError(error.message, hint) from error
        show = ("show", "-json", "-no-color", _PLAN_FILE)
        return self._run(tree, config, *show, reattach=reattach).strip()

    def validate(self, folder: Path, *, project: Path) -> None:
        """Run ``validate`` on a stack or a module; raises ``TerraformError`` if it fails."""
        self.run(folder, "validate", "-no-color", project=project)

    def run(self, folder: Path, *arguments: str, project: Path) -> bytes:
        """Run a Terraform command in a copy of a stack or a module, with a running provider.

        Return what it prints. Raises ``TerraformError`` if it fails.
        """
        tree = self._copy(folder, project)
        isolate_backend(tree.folder)
        installed = self._initialise(tree, warm=True)

        def run(reattach: str) -> bytes:
            return self._run(tree, installed.config, *arguments, reattach=reattach)

        output = self._warm(tree, installed, run)
        shutil.rmtree(tree.root, ignore_errors=True)
        return output

    def prepare(
        self, stack: Path, *, project: Path, overrides: Mapping[str, str], applies: bool = False
    ) -> Prepared:
        """Copy and initialise a stack for the caller's own commands.

        ``overrides`` are files to add to the copy. If it ``applies``, the copy has a running
        provider of its own, in its folder. Raises ``TerraformError``.
        """
        tree = self._copy(stack, project)
        warm = count_aws_configurations(tree.root) <= 1
        for name, text in overrides.items():
            (tree.folder / name).write_text(text)
        installed = self._initialise(tree, warm=warm and not applies)
        if applies:
            installed = replace(installed, providers=installed.providers.in_folder(tree.folder))
            self._installed[frozenset({str(tree.folder)})] = installed
            if warm:
                installed.providers.start()

        def attach(command: Callable[[Mapping[str, str]], _Result]) -> _Result:
            def run(reattach: str) -> _Result:
                return command({_REATTACH: reattach} if reattach else {})

            return self._warm(tree, installed, run) if warm else command({})

        return Prepared(tree.folder, self._configured(installed.config), attach)

    def _copy(
        self, folder: Path, project: Path, copied: Callable[[Path, Path], object] = ignore
    ) -> _Tree:
        """Return a copy that has no code that would run, or change with the machine."""
        folder, project = folder.resolve(), project.resolve()
        name = str(folder.relative_to(project)) if folder.is_relative_to(project) else str(folder)
        root = self._scratch / f"tree-{next(self._numbers)}"
        tree = _Tree(root, copy_stack(folder, project, root), name)
        copied(tree.root, tree.folder)
        refuse_code(used_folders(tree.folder, tree.root), tree.folder, tree.root)
        return tree

    def _initialise(self, tree: _Tree, *, warm: bool = False) -> _Installed:
        """Initialise the tree; ``warm`` starts a provider meanwhile if none was started."""
        needed = requirements(tree.root, tree.folder)
        with self._installing:  # One at a time: the others wait for an installation to share.
            installed = self._installed.get(needed)
            if installed is None:
                installed = self._installed[needed] = self._install(tree)
                if warm:
                    installed.providers.start()
                self._get(tree, installed)
                return installed
        for path in installed.files:
            target = tree.folder / path.relative_to(installed.config.parent)
            target.parent.mkdir(exist_ok=True)
            shutil.copy(path, target)
        self._get(tree, installed)
        return installed

    def _get(self, tree: _Tree, installed: _Installed) -> None:
        """Write the tree's ``modules.json``: one made for the same module calls, or a new one."""
        calls = module_calls(tree.root, tree.folder)
        manifest = tree.folder / ".terraform" / "modules" / "modules.json"
        if calls in installed.manifests and not manifest.is_file():
            manifest.parent.mkdir(parents=True, exist_ok=True)
            manifest.write_bytes(installed.manifests[calls])
            return
        if not manifest.is_file():  # ``init`` has written it for the tree that it ran in.
            self._run(tree, installed.config, "get", "-no-color")
        if manifest.is_file():
            installed.manifests[calls] = manifest.read_bytes()

    def _install(self, tree: _Tree) -> _Installed:
        keep = self._scratch / f"provider-{len(self._installed)}"
        keep.mkdir(exist_ok=True)
        self._init(tree, keep)
        files: list[Path] = []
        for name in (LOCK_FILE, ".terraform/terraform.tfstate"):
            if (tree.folder / name).is_file():
                files.append(keep / name)
                files[-1].parent.mkdir(exist_ok=True)
                shutil.copy(tree.folder / name, files[-1])
        packages, config = keep / "packages", keep / "verified.tfrc"
        if (tree.folder / ".terraform/providers").is_dir():
            shutil.move(tree.folder / ".terraform/providers", packages)  # They outlive the tree.
        config.write_text(_overrides(packages))
        # ``init`` has verified the package against the lock file, if the stack has one.
        providers = WarmProviders(
            _aws_provider(packages),
            self._terraform.host,
            _offline(self._configured(None)) | {"HOME": str(self._home())},
            self.processes,
        )
        return _Installed(tuple(files), config, providers)

    def _init(self, tree: _Tree, keep: Path) -> None:
        if self._provider is None:
            self._provider = find_provider(self._terraform)
        attempts: list[Path | None] = [None]
        if self._provider.mirrors:
            offered = keep / "mirrors.tfrc"
            offered.write_text(self._provider.cli_config(self._terraform.host, keep))
            # A mirror that Terraform itself would not look at must not hide the registry.
            attempts.insert(0, offered)
        lock = tree.folder / LOCK_FILE
        # A lock file has the checksums of one registry. Only OpenTofu may run without them.
        host = self._terraform.host
        is_pinned = lock.is_file() and (
            host == REGISTRIES[0] or host in lock.read_text(errors="replace")
        )
        readonly = ["-lockfile=readonly"] if is_pinned else []
        failures: list[str] = []
        for config in attempts:
            try:
                self._run(tree, config, "init", "-input=false", "-no-color", *readonly)
                return
            except TerraformError as error:
                if not _UNAVAILABLE.search(error.message):
                    raise
                failures.append(error.message)
        advice = ADVICE.format(host=host, command=self._terraform.command)
        raise TerraformError(failures[0], advice)

    def _home(self) -> Path:
        """Return an empty home folder: a provider must not find the user's files."""
        home = self._scratch / "home"
        home.mkdir(exist_ok=True)
        return home

    def _configured(self, config: Path | None) -> dict[str, str]:
        if config is None:
            return dict(self._environ)
        environ = {**self._environ, "TF_CLI_CONFIG_FILE": str(config)}
        environ.pop("TF_PLUGIN_CACHE_DIR", None)
        return environ

    def _run(self, tree: _Tree, config: Path | None, *arguments: str, reattach: str = "") -> bytes:
        environ = self._configured(config)
        if arguments[0] != "init":  # No other step needs a network, or the user's files.
            environ = _offline(environ) | {"HOME": str(self._home())}
        if reattach:
            environ[_REATTACH] = reattach
        return self._terraform.run(
            *arguments,
            cwd=tree.folder,
            environ=environ,
            processes=self.processes,
            subject=tree.name,
        )


def _offline(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with proxies that refuse every connection."""
    return {k: v for k, v in environ.items() if k.upper() != "NO_PROXY"} | _OFFLINE


def _aws_provider(packages: Path) -> Path | None:
    """Return the program of the only installed AWS provider, or None."""
    programs = [*packages.glob(f"*/{PROVIDER}/*/*/terraform-provider-aws*")]
    return programs[0].resolve() if len(programs) == 1 else None


def _overrides(packages: Path) -> str:
    """Return a CLI configuration that uses the installed packages unchanged."""
    lines = [
        f"    {quoted('/'.join(folder.parts[-5:-2]))} = {quoted(folder.resolve())}\n"
        for folder in sorted(packages.glob("*/*/*/*/*"))
    ]
    body = f"  dev_overrides {{\n{''.join(lines)}  }}\n  direct {{}}\n"
    return f"provider_installation {{\n{body}}}\n"
