"""Render Jinja templates in which nothing has to be escaped by hand.

In an HCL template every printed value becomes a literal: ``{{ name }}`` prints ``"name"`` with
quotes, ``{{ true }}`` prints ``true``. Only an ``Hcl`` is printed unchanged: the result of the
filters ``attributes``, ``comment``, ``identifier`` and ``raw``, and that of a macro, whose values
were already printed this way. An ``include`` requires nothing.

In a Markdown template text is printed unchanged; ``cell`` and ``code`` format it for a table.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from finbase import codes
from finbase.errors import Diagnostic, InputError
from finbase.render import hcl, markdown
from finbase.render.hcl import Hcl
from finbase.render.markdown import cell, code
from finbase.source.syntax import conflict
from finbase.system.user_folders import SealedFolder

if TYPE_CHECKING:
    import jinja2

SUFFIX: Final = ".j2"

_MOST_COMPILED: Final = 1000  # Templates of all projects and versions of Jinja.
_MOST_COMPILED_BYTES: Final = 1 << 20

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Templates:
    """The templates of one folder, rendered as HCL or as Markdown."""

    root: Path
    environment: jinja2.Environment

    def render(self, name: str, context: Mapping[str, Any]) -> str:
        """Render the template at this path below the folder.

        Raises:
            InputError: with the file and line of the template that failed.

        """
        import jinja2

        try:
            return self.environment.get_template(name).render(context)
        except jinja2.TemplateNotFound as error:
            where, line = self._place(error, name)
            raise _broken(where, line, f"template {error.name} not found") from error
        except jinja2.TemplateSyntaxError as error:
            where = error.filename or str(self.root / name)
            raise _broken(where, error.lineno, f"invalid template: {error.message}") from error
        except (
            jinja2.TemplateError,
            ArithmeticError,
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:
            where, line = self._place(error, name)
            raise _broken(where, line, f"cannot render the template: {error}") from error

    def _place(self, error: Exception, name: str) -> tuple[str, int]:
        """Return the innermost template line that an error came from."""
        where, line, trace = str(self.root / name), 1, error.__traceback__
        while trace:
            file = trace.tb_frame.f_code.co_filename
            if file.endswith(".j2") and Path(file).is_relative_to(self.root):
                where, line = file, trace.tb_lineno
            trace = trace.tb_next
        return where, line


@lru_cache(maxsize=8)
def hcl_templates(root: Path) -> Templates:
    """Return the HCL templates below ``root``, always the same object."""
    filters: dict[str, Callable[..., str]] = {
        "attributes": hcl.attributes,
        "comment": _comment,
        "identifier": _identifier,
        "raw": _raw,
    }
    return Templates(root, _environment(root, filters, finalize=_finalize))


@lru_cache(maxsize=8)
def markdown_templates(root: Path) -> Templates:
    """Return the Markdown templates below ``root``, always the same object."""
    filters = {"cell": cell, "code": lambda text: code(cell(text))}
    return Templates(root, _environment(root, filters))


def render_file(
    templates: Path, template: str, file: str, context: Mapping[str, Any], header: str
) -> dict[str, bytes]:
    """Render one template to ``file``, with the header as a comment where the format has comments.

    ``template`` is a path below ``templates``, ``file`` the path to write, still with ``.j2``.
    """
    name = file.removesuffix(SUFFIX)
    if name.endswith(".md"):
        text = markdown_templates(templates).render(template, context)
        header = f"<!-- {header} -->"
    else:
        text = hcl_templates(templates).render(template, context)
        header = f"# {header}" if name.endswith((".tf", ".hcl")) else ""
    return {name: "\n\n".join(filter(None, (header, text))).rstrip("\n").encode() + b"\n"}


def is_partial(file: str) -> bool:
    """Return whether a template is only included by others and makes no file of its own.

    >>> is_partial("tests/_network.hcl.j2"), is_partial("main.tf.j2")
    (True, False)
    """
    return PurePosixPath(file).name.startswith("_")


def files_below(folder: Path) -> list[str]:
    """Return the paths of all files below a folder, sorted, without hidden and compiled ones."""
    files = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name[0] != "." and name != "__pycache__"]
        relative = PurePosixPath(Path(parent).relative_to(folder).as_posix())
        files += [str(relative / name) for name in names if name[0] != "."]
    return sorted(files)


def _environment(
    root: Path,
    filters: Mapping[str, Callable[..., str]],
    finalize: Callable[[Any], Hcl] | None = None,
) -> jinja2.Environment:
    import jinja2
    from jinja2.runtime import Context, Macro

    from finbase.render.sandbox import TemplateSandbox

    class Loader(jinja2.FileSystemLoader):
        """Refuses the markers of a merge conflict, which would be rendered as text."""

        def get_source(self, environment: jinja2.Environment, template: str) -> Any:
            source = super().get_source(environment, template)
            if marker := conflict(source[0]):
                raise jinja2.TemplateSyntaxError(
                    "a merge conflict", marker[0], template, str(source[1])
                )
            return source

    class HclContext(Context):
        """Marks the result of a macro as HCL."""

        def call(self, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
            result = super().call(obj, *args, **kwargs)
            return Hcl(result) if isinstance(obj, Macro) else result

    environment = TemplateSandbox(
        filters,
        loader=Loader(root),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=finalize,
        bytecode_cache=_bytecode_cache("hcl" if finalize else "markdown"),
    )
    if finalize:
        environment.context_class = HclContext
    return environment


def _broken(where: str, line: int, message: str) -> InputError:
    return InputError([Diagnostic(where, line, 1, codes.CONTRACT, message)])


def _finalize(value: Any) -> Hcl:
    if isinstance(value, Hcl):
        return value
    import jinja2

    if isinstance(value, jinja2.Undefined):
        str(value)  # Raises an error that names the undefined value.
    return hcl.literal(value)


def _identifier(text: str) -> Hcl:
    """Print a name, for example in a reference or in the label of a block."""
    if not isinstance(text, str) or hcl.IDENTIFIER.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not an identifier")
    return Hcl(text)


def _raw(text: str) -> Hcl:
    """Print HCL from a contract or from the template itself; never a value from YAML."""
    if not isinstance(text, str):
        raise TypeError(f"only text can be raw HCL, not {text!r}")
    return Hcl(text)


def _comment(text: str) -> Hcl:
    """Print text as comment lines, which no character of the text can end."""
    lines = (_CONTROL.sub(" ", line).rstrip() for line in text.strip().splitlines())
    return Hcl("\n".join(f"# {line}".rstrip() for line in lines))


def _bytecode_cache(kind: str) -> jinja2.BytecodeCache | None:
    """Return a cache of compiled templates in the user's folder, or None if it is not available."""
    import jinja2

    from finbase.render import sandbox

    # Compiled templates contain the results of filters on constants. So the key of an entry covers
    # the code of the filters and Jinja's version, besides the template itself.

    key = hashlib.sha256(f"{jinja2.__version__} {kind}".encode())
    for module in (__file__, sandbox.__file__, hcl.__file__, markdown.__file__):
        key.update(Path(module).read_bytes())
    folder = SealedFolder.open("jinja", _MOST_COMPILED, _MOST_COMPILED_BYTES)
    if folder is None:
        return None
    kept = folder

    class Cache(jinja2.BytecodeCache):
        """Loads only files that this user has sealed: their content is run."""

        def get_cache_key(self, name: str, filename: str | None = None) -> str:
            """Return the hash that Jinja uses, also for paths that are not UTF-8."""
            text = f"{key.hexdigest()}|{name}|{filename}"
            return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()

        def load_bytecode(self, bucket: Any) -> None:
            if sealed := kept.read(bucket.key):
                bucket.bytecode_from_string(sealed)

        def dump_bytecode(self, bucket: Any) -> None:
            kept.write(bucket.key, bucket.bytecode_to_string())

    return Cache()
