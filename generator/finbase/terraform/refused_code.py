"""Find HCL that could run a program, or plan something else, where nobody looks at it.

An offline plan runs the providers that a stack and its modules name, with the settings that they
name: a provider block of a module, another provider or a state of somebody else runs code before
any control has judged the plan. So it is refused before Terraform starts. A function that reads
files elsewhere, or the time, makes the judged plan differ from the applied one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from finbase.contract.version import Version
from finbase.errors import TerraformError
from finbase.project.terraform_files import PROVIDER, REGISTRIES
from finbase.source.hcl_scan import Block, code_of, scan, scan_parts, string_value
from finbase.source.syntax import INVISIBLE
from finbase.system.printable import printable_name
from finbase.terraform.offline import Code, used_folders

_AWS = re.compile(rf"(({'|'.join(map(re.escape, REGISTRIES))})/)?{PROVIDER}", re.IGNORECASE)
_REQUIRED = re.compile(r'\{( (?:source|version) = "[^"\\$%]*"(?: ,)?)* \}')
_SOURCE = re.compile(r' source = "([^"]*)"')
_TYPES = re.compile(r"aws_\w*")
_BUILT_IN = ("resource", "terraform_data")
_TYPED = ("resource", "data", "ephemeral")
_BLOCKS = {
    *("terraform", "provider", "module", *_TYPED, "check", "import", "removed", "moved"),
    *("output", "variable", "locals"),
}
_PROGRAMS = ("shared_config_files", "shared_credentials_files", "profile")
"""Settings of the provider that name a program in a file, to ask it for credentials."""
_SETTINGS = {"required_version", "required_providers"}
_OVERRIDE = re.compile(r"(.*_)?override\.(tf|tofu)(\.json)?")
_LOCAL = ("./", "../")
# Possessive: a comment that contains the start of another one has one reading only.
_GAP = r"(?:[\s\ufeff]|#[^\n]*+|//[^\n]*+|/\*(?:(?!\*/).)*+\*/)*+"
_CALL = re.compile(
    r"\b(file\w*|templatefile|templatestring|abspath|pathexpand|timestamp|plantimestamp)"
    rf"{_GAP}\(|\b(terraform{_GAP}\.{_GAP}(?:workspace|env|applying)|path{_GAP}\.{_GAP}cwd)\b",
    re.DOTALL,
)
_PATH = r'"\$\{path\.module\}(?:/(?!\.)[\w.-]+)+"'
_INSIDE = re.compile(rf"\(\s*{_PATH}\s*[,)]", re.ASCII)
_OWN_PATH = re.compile(_PATH, re.ASCII)
# Such a condition can only stop a plan. In other code, a file that no code names would change it.
_STOPS = re.compile(
    r'precondition \{ condition = fileexists \( "\$\{path\.module\}'
    r'(/(?!\.)([\w.-]|\$\{var\.region\})+)+" \)',
    re.ASCII,
)
_UPLOADS = re.compile(
    r"aws_\w+ (filename|zip_file)|aws_s3_(bucket_)?object source|aws_emr_cluster configurations"
)
"""Type and argument of what the AWS provider reads a file for. Version 5.100 has no others."""
_OWN_FILE = re.compile(r"file(?!set)\w*")


def refuse_code(folders: tuple[Path, ...], stack: Path, project: Path) -> None:
    """Raise ``TerraformError`` if a folder that a stack uses has code that may not be planned."""
    problems = [
        f"{printable_name((folder / name).relative_to(project))}: {problem}"
        for folder in folders
        for name, problem in refused_in(folder, of_stack=folder == stack)
    ]
    if problems:
        raise TerraformError(
            "\n".join(["this code must not be planned:", *(f"    {p}" for p in problems)]),
            "remove it from the templates, and render again",
        )


def refused_in_project(project: Path) -> Iterator[str]:
    """Yield each problem in the stacks of a project and in the modules they use, with its file."""
    known = Code()
    is_version: dict[Path, bool] = {}
    for stack in sorted(project.glob("environments/*/")):
        try:
            folders = used_folders(stack, project, known)
        except (TerraformError, OSError):
            continue  # The code that reads the stack reports it.
        for folder in folders:
            is_new = folder not in is_version
            if is_new:
                is_version[folder] = _is_version(folder.relative_to(project))
            if folder != stack and not is_version[folder]:
                yield (
                    f"{printable_name(folder.relative_to(project))}: {stack.name} uses it as a "
                    "module, but it is not in a folder modules/NAME/VERSION; move it there"
                )
            for name, problem in _in(known.texts[folder], folder == stack) if is_new else ():
                yield f"{printable_name((folder / name).relative_to(project))}: {problem}"


def _is_version(folder: Path) -> bool:
    """Return whether a folder is a module version, or below one: what releases are compared with.

    >>> _is_version(Path("modules/kms/2.0.0/key")), _is_version(Path("docs/modules/kms/2.0.0"))
    (True, False)
    """
    try:
        Version.parse(folder.parts[2])
    except (IndexError, ValueError):
        return False
    return folder.parts[0] == "modules"


def refused_in(folder: Path, *, of_stack: bool) -> Iterator[tuple[str, str]]:
    """Yield the name of a file in a folder, and what must not be in it."""
    return _in(Code().read(folder), of_stack)


def _in(texts: dict[str, str], of_stack: bool) -> Iterator[tuple[str, str]]:
    for name, text in texts.items():
        for problem in refused_in_file(name, text, of_stack=of_stack):
            yield name, problem


def refused_in_file(name: str, text: str, *, of_stack: bool) -> Iterator[str]:
    """Yield what must not be in a file of a stack, or of a module.

    >>> list(refused_in_file("a.tf", 'provider "aws" {}', of_stack=False))
    ['has a provider block; only a stack may have one']
    """
    if not of_stack and _OVERRIDE.fullmatch(name):
        yield "is an override file; change the file that it overrides"
    if name.endswith(".json"):
        yield "is JSON, which two readers can read differently; write it as .tf"
        return
    text = text.removeprefix("\ufeff")
    if any(_refused(part.text, of_stack) for part in scan_parts(text)):
        yield from _refused(text, of_stack)


@lru_cache(maxsize=8192)
def _refused(text: str, of_stack: bool) -> tuple[str, ...]:
    problems: list[str] = []
    if hidden := INVISIBLE.search(text):
        character = f"U+{ord(hidden[0]):04X}"
        problems.append(f"has the invisible character {character}, which hides code; remove it")
    for block in scan(text).blocks:
        problems += _in_block(block, of_stack=of_stack)
    if _CALL.search(text):  # Perhaps in a comment or a text; few files have one.
        problems += functions(code_of(text))
    return tuple(problems)


def functions(code: str) -> Iterator[str]:
    """Yield each call in an expression that another folder or another time would change.

    >>> list(functions('file("${path.module}/ca.pem")')), list(functions('file("../x")'))
    ([], ['calls file with a path that is not a text inside of ${path.module}'])
    """
    for match in _CALL.finditer(_STOPS.sub("", code)):
        name = match[1]
        if name is None:
            yield f"reads {match[2]}, which another run could change"
        elif not _OWN_FILE.fullmatch(name):
            yield f"calls {name}, whose result another run could change"
        elif not _INSIDE.match(match.string, match.end() - 1):
            yield f"calls {name} with a path that is not a text inside of ${{path.module}}"


def _in_block(block: Block, *, of_stack: bool) -> Iterator[str]:
    if block.type == "provider":
        if not of_stack:
            yield "has a provider block; only a stack may have one"
        elif block.labels != ("aws",):
            yield f"configures the provider {' '.join(block.labels)}; only aws may be used"
        for name in (*block.attributes, *(inner.type for inner in block.blocks)):
            if name in _PROGRAMS:
                yield f"sets {name} of the provider, which can start a program; remove it"
    elif block.type == "terraform":
        yield from _in_settings(block, of_stack=of_stack)
    elif block.type == "import":
        yield from _of_type("import", ("aws_",), block.attributes.get("provider", "aws"))
    elif block.type == "module":
        source = string_value(block.attributes.get("source", ""))
        if source is None or not source.startswith(_LOCAL):
            yield f"module {' '.join(block.labels)} is not from a folder of the project"
    elif block.type == "removed" and any(block.walk("provisioner")):
        yield "removes a resource with a provisioner, which no plan shows; remove the provisioner"
    elif block.type not in _BLOCKS:
        yield f"has a block {block.type}, which finbase does not judge"
    for kind in _TYPED:
        for typed in (block, *block.walk(kind)):
            if typed.type == kind:
                yield from _of_type(kind, typed.labels[:1], typed.attributes.get("provider", "aws"))
                yield from _uploads(" ".join(typed.labels[:1]), typed)


def _uploads(type_: str, block: Block) -> Iterator[str]:
    """Yield each argument of a block, at any depth, that lets the provider read another file."""
    for name, value in block.attributes.items():
        if _UPLOADS.fullmatch(f"{type_} {name}") and not _OWN_PATH.fullmatch(value):
            yield (
                f"{type_} reads a local file by {name}; its path must be a text inside of "
                '${path.module}, for example "${path.module}/a.zip"'
            )
    for inner in block.blocks:
        yield from _uploads(type_, inner)


def _in_settings(block: Block, *, of_stack: bool) -> Iterator[str]:
    allowed = _SETTINGS | ({"backend"} if of_stack else set())
    for name in [*block.attributes, *(inner.type for inner in block.blocks)]:
        if name not in allowed:
            yield f"terraform has {name}; remove it"
    for inner in block.walk("required_providers"):
        yield from _required(inner.attributes)


def _required(attributes: dict[str, str]) -> Iterator[str]:
    for name, text in attributes.items():
        code = code_of(text, texts=True)
        source = _SOURCE.findall(code) or [f"hashicorp/{name}"]
        if not (_REQUIRED.fullmatch(code) or code.startswith('"')) or len(source) != 1:
            yield f"requires the provider {name} by more than a source and a version"
        elif not _AWS.fullmatch(source[0]):
            yield f"requires the provider {name} from {source[0]}; only {PROVIDER} may be used"


def _of_type(kind: str, labels: tuple[str, ...], provider: str) -> Iterator[str]:
    type_ = labels[0] if labels else ""
    if not _TYPES.fullmatch(type_) and (kind, type_) != _BUILT_IN:
        yield f"has {kind} {type_}; only aws_* and the resource terraform_data may be used"
    elif not re.fullmatch(r"aws(\.[\w-]+)?", provider.strip().strip('"')):
        yield f"{kind} {type_} uses the provider {provider}; only aws may be used"
