"""Find a source of the AWS provider for Terraform, if possible without asking the user.

In order: the user's configuration; the folders that Terraform searches by itself; the plugin
cache and filesystem mirrors in the usual folders, which Terraform does *not* search and which
finbase adds through its own CLI configuration file; the registry. A folder that a user other than
root and this one can change is ignored.
"""

from __future__ import annotations

import logging
import os
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from finbase.project.terraform_files import PROVIDER, REGISTRIES
from finbase.source.hcl_scan import quoted
from finbase.terraform.program import Terraform, cli_config_file
from finbase.terraform.trusted import is_trusted

_log = logging.getLogger(__name__)
_CONFIGURED = re.compile(
    r'(?:^|[{,])\s*"?(provider_installation|plugin_cache_dir)"?\s*[{=:]', re.MULTILINE
)
_COMMENT = re.compile(r"^\s*(?:#|//)(?!.*\*/).*$", re.MULTILINE)
_PLACE = re.compile(r'\b(?:plugin_cache_dir|path)\b(?:"?\s*[=:]\s*"([^"]*)")?')
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
_ROOTS = (
    "~/.terraform.d",
    "~/.local/share",
    "~/.cache",
    "/opt",
    "/usr/local",
    "/usr/local/share",
    "/usr/local/lib",
    "/usr/share",
    "/usr/lib",
    "/var/lib",
    "/var/cache",
    "/srv",
)
_DEPTH = 3
_FOLDERS_PER_ROOT = 300
_LIKELY = re.compile(r"terraform|tofu|plugin|provider|mirror|tf", re.IGNORECASE)

ADVICE = (
    "the AWS provider is needed, but not AWS itself. Either let this machine reach the registry "
    "({host}), or bring a filesystem mirror: where there is a network, run "
    "`{command} providers mirror DIR` in the stack's folder, copy DIR here as "
    "~/.terraform.d/plugins, and try again. The same works with `terraform` and with `tofu`"
)


@dataclass(frozen=True)
class Mirror:
    """A folder that holds the provider, unpacked or zipped, under a registry's name."""

    root: Path
    host: str

    @property
    def package(self) -> Path:
        """The folder of the provider's versions."""
        return self.root / self.host / PROVIDER

    def versions(self, platform: str) -> frozenset[str]:
        """The versions that it has for a platform, unpacked or zipped."""
        unpacked = {path.parent.name for path in self.package.glob(f"*/{platform}")}
        zipped = {path.name.split("_")[-3] for path in self.package.glob(f"*_{platform}.zip")}
        return frozenset(unpacked | zipped)


@dataclass(frozen=True)
class Installation:
    """The source of the provider; Terraform needs no configuration if ``mirrors`` is empty.

    ``settings`` is the text of the user's own CLI configuration, which stays in force; ``origin``
    describes the source in messages.
    """

    mirrors: tuple[Mirror, ...] = ()
    settings: str = ""
    origin: str = field(default="", compare=False)

    def cli_config(self, host: str, scratch: Path) -> str:
        """Return the CLI configuration that offers the mirrors, for the registry ``host``.

        A mirror made under the other registry's name is linked below ``scratch``.
        """
        address = f"{host}/{PROVIDER}"
        folders = (scratch / f"mirror-{number}" for number in count())
        blocks = [
            f"  filesystem_mirror {{\n    path    = {quoted(_served(mirror, host, folder))}\n"
            f"    include = [{quoted(address)}]\n  }}\n"
            for mirror, folder in zip(self.mirrors, folders, strict=False)
        ]
        direct = f"  direct {{\n    exclude = [{quoted(address)}]\n  }}\n"
        body = "".join([*blocks, direct])
        return f"{self.settings}\nprovider_installation {{\n{body}}}\n".lstrip()


def find_provider(
    terraform: Terraform,
    environ: Mapping[str, str] | None = None,
    roots: Iterable[str] = _ROOTS,
) -> Installation:
    """Return the source of the provider on this machine; never fails."""
    installation = _find(terraform, os.environ if environ is None else environ, roots)
    _log.debug("the AWS provider comes from %s", installation.origin)
    return installation


def _find(terraform: Terraform, environ: Mapping[str, str], roots: Iterable[str]) -> Installation:
    texts = [_read(path) for path in _config_files(terraform, environ)]
    if any(_CONFIGURED.search(text) for text in texts):
        return Installation(origin=f"where {terraform.command}'s configuration file says")
    # Settings in JSON cannot be joined with blocks; Terraform reads credentials there itself.
    settings = "\n".join(text for text in texts if not text.lstrip().startswith("{"))
    if any(
        _holds(Mirror(folder, terraform.host), terraform.platform)
        for folder in _own_folders(environ)
    ):
        return Installation(origin=f"a plugin folder that {terraform.command} itself searches")
    cache = environ.get("TF_PLUGIN_CACHE_DIR")
    if cache and (mirrors := _mirrors(Path(cache), terraform)):
        return Installation(mirrors, settings, f"TF_PLUGIN_CACHE_DIR, {cache}")
    seen: set[Path] = set()
    searched = [
        mirror
        for root in roots
        for folder in _walk(Path(_expand(root, environ)), seen)
        for mirror in _mirrors(folder, terraform)
    ]
    places = ", ".join(str(mirror.root) for mirror in searched)
    return Installation(tuple(searched), settings, places or f"the registry, {terraform.host}")


def origins(
    terraform: Terraform, installation: Installation, environ: Mapping[str, str] | None = None
) -> tuple[tuple[str, ...], tuple[Path, ...]]:
    """Return the inputs that decide which build of a pinned provider Terraform installs.

    These are the text of each existing CLI configuration file, and each path from which such a
    file or a build can come, even if it does not exist; see also ``all_folders_known``. Registries
    are left out: their builds are signed and never change.
    """
    environ = os.environ if environ is None else environ
    files = _config_files(terraform, environ)
    texts = [text for path in files if (text := _read(path))]
    named = [folder for text in texts for folder in _named(text, environ) if folder]
    cache = environ.get("TF_PLUGIN_CACHE_DIR")
    folders = [*named, *_own_folders(environ), *([Path(cache)] if cache else [])]
    mirrors = [mirror.package for mirror in installation.mirrors]
    return tuple(texts), (*files, *mirrors, *(f / host for f in folders for host in REGISTRIES))


def all_folders_known(texts: Iterable[str], environ: Mapping[str, str] | None = None) -> bool:
    """Return whether every folder named in the texts of CLI configuration files is known."""
    environ = os.environ if environ is None else environ
    return all(None not in _named(text, environ) for text in texts)


def _named(text: str, environ: Mapping[str, str]) -> Iterator[Path | None]:
    """Yield the folders that a CLI configuration names; None for one that is unknown.

    Variables of the environment stand for their values, as they do for Terraform.
    """
    if "\\" in text:
        yield None  # An escape may hide a name, or the end of one.
    for match in _PLACE.finditer(_COMMENT.sub("", text)):
        folder = match[1] or "$"
        path = _VARIABLE.sub(lambda v: environ.get(v[1] or v[2], ""), _expand(folder, environ))
        plain = "$" not in _VARIABLE.sub("", folder) and Path(path).is_absolute()
        yield Path(path) if plain else None


def _mirrors(folder: Path, terraform: Terraform) -> tuple[Mirror, ...]:
    """Return the mirror in ``folder``, if any, by preference of the product's own registry."""
    hosts = sorted(REGISTRIES, key=lambda host: host != terraform.host)
    candidates = (Mirror(folder, host) for host in hosts)
    return tuple([m for m in candidates if _holds(m, terraform.platform)][:1])


def _holds(mirror: Mirror, platform: str) -> bool:
    package = mirror.package
    try:
        packages = [*package.glob(f"*/{platform}"), *package.glob(f"*_{platform}.zip")]
    except OSError:
        return False
    if packages and not is_trusted(package):
        _log.debug("ignoring %s, which another user can change", package)
        return False
    return bool(packages)


def _walk(root: Path, seen: set[Path]) -> Iterator[Path]:
    """``root`` and folders below it, nearest first and likely names first, within bounds."""
    queue = deque([(root, 0)])
    left = _FOLDERS_PER_ROOT
    while queue and left:
        folder, depth = queue.popleft()
        if folder in seen:
            continue
        seen.add(folder)
        left -= 1
        try:
            with os.scandir(folder) as entries:
                names = [e.name for e in entries if e.is_dir(follow_symlinks=False)]
        except OSError:
            continue
        if any(name in REGISTRIES for name in names):
            yield folder
        elif depth < _DEPTH:
            names.sort(key=lambda name: (_LIKELY.search(name) is None, name))
            queue.extend((folder / name, depth + 1) for name in names)


def _config_files(terraform: Terraform, environ: Mapping[str, str]) -> list[Path]:
    """Return the CLI configuration files that Terraform reads; they may not exist."""
    if explicit := cli_config_file(environ):
        return [explicit]
    home = Path(_expand("~", environ))
    first = home / ".terraformrc"
    if terraform.product == "OpenTofu":
        xdg = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "opentofu" / "tofurc"
        first = next((p for p in (home / ".tofurc", first, xdg) if p.is_file()), first)
    return [first, *sorted((home / ".terraform.d").glob("*.tfrc*"))]


def _own_folders(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the folders in which Terraform searches for providers by default."""
    home = Path(_expand("~", environ))
    yield home / ".terraform.d" / "plugins"
    data = environ.get("XDG_DATA_HOME") or str(home / ".local" / "share")
    shared = environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    for name in (data, *shared.split(":")):
        yield Path(name) / "terraform" / "plugins"
    for folder in (home / "Library", Path("/Library")):
        yield folder / "Application Support" / "io.terraform" / "plugins"


def _served(mirror: Mirror, host: str, folder: Path) -> Path:
    """Return the mirror's root, or ``folder`` filled with links that bear the name of ``host``."""
    if mirror.host == host:
        return mirror.root
    target = folder / host / PROVIDER
    for path in [*mirror.package.glob("*/*_*"), *mirror.package.glob("*.zip")]:
        link = target / path.relative_to(mirror.package)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
    return folder


def _expand(path: str, environ: Mapping[str, str]) -> str:
    if not path.startswith("~"):
        return path
    try:
        return path.replace("~", environ.get("HOME") or str(Path.home()), 1)
    except RuntimeError:  # A user without a home folder, as in many containers.
        return path


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
