"""Render the lock file of a stack: the checksums that its provider must have.

``templates/stack/provider.yaml`` holds them, and `finbase provider pin` writes that file. Those of
a version that single environments have are in ``provider-VERSION.yaml`` beside it, which `finbase
provider add` writes.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from finbase import codes
from finbase.errors import Diagnostic, InputError
from finbase.project.terraform_files import REGISTRIES
from finbase.render.pins import load_pins, read_mapping

FILE_NAME = "provider.yaml"

_HEADER = """\
# Checksums of the provider that {}. `finbase provider {} VERSION` writes this file.
# zh: is the checksum of a platform's archive in the registry, h1: that of its unpacked files.
"""
_TEXTS = {
    "registry": re.compile(r"[a-z0-9.-]+"),
    "source": re.compile(r"[a-z0-9-]+/[a-z0-9-]+"),
    "version": re.compile(r"\d+\.\d+\.\d+"),
}
_HASH = re.compile(r"h1:[A-Za-z0-9+/]{43}=|zh:[0-9a-f]{64}")
_PINNED = re.compile(r'source: hashicorp/aws\n +version: "= (\d+\.\d+\.\d+)"')
_CONSTRAINT = re.compile(r"(=|!=|>=|<=|>|<|~>)?\s*(\d+)(?:\.(\d+))?(?:\.(\d+))?")
_OPERATORS = (">=", ">", "~>", "<", "<=", "!=", "=")


@dataclass(frozen=True)
class ProviderPin:
    """A version of a provider in a registry, and the checksums of its packages."""

    registry: str
    source: str
    version: str
    hashes: tuple[str, ...]

    @classmethod
    def load(cls, templates: Path, pins: Mapping[str, Any]) -> ProviderPin:
        """Read the pin of a project; ``pins`` is the content of ``stack.yaml``.

        Raises ``InputError`` for a missing or invalid file, and for one of another version than
        the stacks require.
        """
        path = templates / "stack" / FILE_NAME
        pin = cls._read(path, "pin VERSION")
        required = pins.get("providers", {})
        if not any(
            provider.get("source") == pin.source and provider.get("version") == f"= {pin.version}"
            for provider in required.values()
        ):
            raise _broken(path, f"stack.yaml does not pin version `= {pin.version}`", "pin VERSION")
        return pin

    @classmethod
    def load_other(cls, templates: Path, version: str, user: str) -> ProviderPin:
        """Read the checksums of the version that ``user``, the file of an environment, names.

        Raises ``InputError`` for a missing or invalid file, and for one of another version.
        """
        path = templates / "stack" / other_file(version)
        if not path.exists():
            raise _broken(path, f"it does not exist, and {user} needs it", f"add {version}")
        pin = cls._read(path, f"add {version}")
        if pin.version != version:
            raise _broken(path, f"it has checksums of version {pin.version}", f"add {version}")
        return pin

    @classmethod
    def _read(cls, path: Path, command: str) -> ProviderPin:
        fields = read_mapping(path)
        texts = {name: str(fields.get(name, "")) for name in _TEXTS}
        hashes = fields.get("hashes")
        valid = all(pattern.fullmatch(texts[name]) for name, pattern in _TEXTS.items())
        if not valid or not isinstance(hashes, list) or not hashes:
            raise _broken(path, "it must contain registry, source, version and hashes", command)
        if texts["registry"] not in REGISTRIES:
            raise _broken(path, f"the registry must be {' or '.join(REGISTRIES)}", command)
        if not all(isinstance(text, str) and _HASH.fullmatch(text) for text in hashes):
            raise _broken(path, "a checksum must start with h1: or zh:", command)
        return cls(texts["registry"], texts["source"], texts["version"], tuple(hashes))

    def text(self, *, other: bool = False) -> str:
        """Return the content of the file that ``load`` reads, or ``load_other``."""
        who = ("single environments pin", "add") if other else ("stack.yaml pins", "pin")
        hashes = "".join(f"  - {text}\n" for text in sorted(self.hashes))
        fields = f"registry: {self.registry}\nsource: {self.source}\nversion: {self.version}\n"
        return f"{_HEADER.format(*who)}{fields}hashes:\n{hashes}"

    def lock_file(self, header: str, constraints: Iterable[str]) -> bytes:
        """Return the lock file of a stack whose files contain these version constraints."""
        hashes = "".join(f'    "{text}",\n' for text in sorted(self.hashes))
        return (
            f"# {header}\n\n"
            f'provider "{self.registry}/{self.source}" {{\n'
            f'  version     = "{self.version}"\n'
            f'  constraints = "{canonical(constraints)}"\n'
            f"  hashes = [\n{hashes}  ]\n}}\n"
        ).encode()


def other_file(version: str) -> str:
    """Return the name of the file with the checksums of a version of single environments."""
    return f"provider-{version}.yaml"


def canonical(constraints: Iterable[str]) -> str:
    """Write version constraints as Terraform does in a lock file.

    >>> canonical(["= 5.100.0", ">= 5.100", ">= 5.100.0, < 7.0.0"])
    '>= 5.100.0, 5.100.0, < 7.0.0'
    """
    parts = {part.strip() for text in constraints for part in text.split(",")}
    found = sorted({_key(match) for part in parts if (match := _CONSTRAINT.fullmatch(part))})
    return ", ".join(_write(version, _OPERATORS[operator]) for version, operator in found)


def _key(match: re.Match[str]) -> tuple[tuple[int, ...], int]:
    operator = match[1] or "="
    numbers = [int(text) for text in match.groups()[1:] if text]
    if operator != "~>":  # It means another range for each number of digits.
        numbers += [0] * (3 - len(numbers))
    return tuple(numbers), _OPERATORS.index(operator)


def _write(version: Sequence[int], operator: str) -> str:
    text = ".".join(map(str, version))
    return text if operator == "=" else f"{operator} {text}"


def _broken(path: Path, message: str, command: str) -> InputError:
    hint = f"run `finbase provider {command}`"
    return InputError([Diagnostic(str(path), 1, 1, codes.CONTRACT, f"{message}; {hint}")])


def repin(
    templates: Path, registry: str, version: str, hashes: Iterable[str]
) -> dict[PurePosixPath, bytes]:
    """Return the files of ``templates/stack`` that pin another version of the AWS provider.

    Checksums of the same version in the same registry are kept.
    """
    folder = PurePosixPath("templates", "stack")
    stack = (templates / "stack" / "stack.yaml").read_text(encoding="utf-8")
    found = _PINNED.search(stack)
    if found is None:
        path = templates / "stack" / "stack.yaml"
        raise _broken(path, 'it has no `version: "= X.Y.Z"`', "pin VERSION")
    pin = _with_known(templates, registry, version, hashes)
    text = f"{stack[: found.start(1)]}{version}{stack[found.end(1) :]}"
    return {folder / "stack.yaml": text.encode(), folder / FILE_NAME: pin.text().encode()}


def added(
    templates: Path, registry: str, version: str, hashes: Iterable[str]
) -> dict[PurePosixPath, bytes]:
    """Return the file of ``templates/stack`` for a version that single environments pin.

    Checksums of the same version in the same registry are kept.
    """
    pin = _with_known(templates, registry, version, hashes)
    path = PurePosixPath("templates", "stack", other_file(version))
    return {path: pin.text(other=True).encode()}


def _with_known(templates: Path, registry: str, version: str, hashes: Iterable[str]) -> ProviderPin:
    """Return a pin of the AWS provider, with the checksums that either file has of it."""
    known: list[ProviderPin] = []
    with contextlib.suppress(InputError):
        known.append(ProviderPin.load(templates, load_pins(templates / "stack" / "stack.yaml")))
    with contextlib.suppress(InputError):
        known.append(ProviderPin.load_other(templates, version, ""))
    same = [pin for pin in known if (pin.registry, pin.version) == (registry, version)]
    all_hashes = {*hashes, *(text for pin in same for text in pin.hashes)}
    return ProviderPin(registry, "hashicorp/aws", version, tuple(sorted(all_hashes)))
