"""terraform-compliance without its slow parts, and with evidence in its report.

``python -m finbase.judge.runner`` takes the arguments of ``terraform-compliance`` and returns
the same verdict and exit code. It differs in eight ways:

* docopt parses the options with an equivalent grammar of one line (0.002 s); with the original
  usage text it compares thousands of option patterns (0.26 s);
* each of the 126 step patterns is compiled once, not once for each step, and each sentence is
  matched once, not in each scenario (0.15 s);
* IPython and GitPython are not imported, since only the debugging prompt and features in another
  repository use them (0.1 and 0.06 s);
* the plan is read for stock steps only if one uses it: each feature would read it again, and
  resolve the references in it (0.7 s for a stack of 130 resources);
* Python looks for unreachable cycles every 50,000 new objects, not every 700 (0.06 s);
* the cucumber JSON contains the messages of failed steps, which terraform-compliance only
  prints, and the resources that a scenario of stock steps checked;
* it reads plans of every Terraform and of every format 1.x: the list of versions in
  terraform-compliance ends with those of its own release, and a format 1.x only adds keys;
* it reads the outputs of modules only: terraform-compliance takes any key ``outputs`` for them,
  such as an argument of a module, and stops.

Steps attach evidence by ``step.embed(text)``, as ``text/plain``. Messages of failures have the
type ``FAILURE``.

With the only argument ``--ready`` it judges a plan for each line of standard input, each in a copy
of a process that has imported what they need: see ``finbase.judge.ready``.
"""

from __future__ import annotations

import builtins
import gc
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from traceback import extract_tb, walk_tb
from types import FunctionType, ModuleType
from typing import Any

from finbase.system import supervise
from finbase.system.memory import hidden

READY = "--ready"
SEEN = "text/plain"
FAILURE = "text/x-failure"

_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_REPEATED = re.compile(r"(--[a-z-]+=<[a-z]+>)\.\.\.")


def main() -> int:
    """Run terraform-compliance with ``sys.argv`` and return its exit code."""
    prepare()
    if sys.argv[1:] == [READY]:
        with hidden():
            _become_a_copy()
    return _judge()


def prepare() -> None:
    """Import terraform-compliance, and replace its slow parts."""
    gc.set_threshold(50_000)
    for name in ("exit", "quit"):  # ``site`` defines them, which does not run.
        setattr(builtins, name, sys.exit)
    prompt, git = ModuleType("IPython"), ModuleType("git")
    prompt.embed = git.Repo = lambda: None  # type: ignore[attr-defined]
    sys.modules |= {"IPython": prompt, "git": git} | sys.modules

    import radish.main
    import radish.matcher
    import terraform_compliance.main as compliance
    from terraform_compliance.common.defaults import Defaults
    from terraform_compliance.extensions import terraform
    from terraform_compliance.extensions.terraform import TerraformParser

    radish.main.docopt = simple_docopt(radish.main.docopt)
    radish.matcher.Parser = once_each(radish.matcher.Parser)
    radish.matcher.match_step = once_each(radish.matcher.match_step)
    # finbase has checked the format of the plan already.
    TerraformParser._version_check = lambda _: True
    terraform.seek_key_in_dict = outputs_of_modules(terraform.seek_key_in_dict)
    terraform.TerraformParser = on_demand(TerraformParser)
    # Its own fails if no plan was read.
    compliance.cleanup = lambda: shutil.rmtree(Defaults.cache_dir, ignore_errors=True)
    _record()


def _judge() -> int:
    import terraform_compliance.main as compliance

    code = compliance.cli()
    return 1 if code is None else int(code)  # None after it has printed a syntax error.


def _become_a_copy() -> None:
    """Start a copy for each line of standard input, which judges; return in the copies only.

    A line has the arguments, the folder and the environment of a judgement. The answer is a line
    with its exit code and output. All that a copy started ends with it.
    """
    supervise.adopt_orphans()
    gc.freeze()  # Else the collector would write to memory that copies share.
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    for line in iter(requests.readline, b""):
        request = json.loads(line)
        with (
            tempfile.TemporaryFile(dir=request["folder"]) as output,
            tempfile.TemporaryFile(dir=request["folder"]) as errors,
        ):
            child = os.fork()
            if child == 0:
                _take_over(request, output.fileno(), errors.fileno())
                return
            answer: dict[str, Any] = {"code": supervise.wait_for(child)}
            for name, file in (("stdout", output), ("stderr", errors)):
                file.seek(0)
                answer[name] = file.read().decode(errors="replace")
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()
    sys.exit()


def _take_over(request: Mapping[str, Any], output: int, errors: int) -> None:
    """Set up a copy as a process of its own is set up at its start."""
    from terraform_compliance.common.defaults import Defaults

    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, file in enumerate((nothing, output, errors)):
        os.dup2(file, number)
    os.close(nothing)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environ"])
    sys.argv[1:] = request["arguments"]
    tempfile.tempdir = None  # It is that of the environment.
    Defaults.cache_dir = tempfile.mkdtemp(prefix="terraform-compliance")


def simple_docopt(real: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Return a docopt that parses only ``[options]`` and ``<features>``."""

    def parse(doc: str, argv: Sequence[str], version: str) -> dict[str, Any]:
        usage, options = doc.split("\nOptions:\n", 1)
        repeated = "".join(f" [{option}]..." for option in sorted({*_REPEATED.findall(usage)}))
        grammar = f"Usage:\n    radish [options]{repeated} <features>...\n\nOptions:\n{options}"
        return {"show": False, **real(grammar, argv=argv, version=version)}

    return parse


def once_each(real: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that keeps what ``real`` returns for a text and the names of a mapping.

    >>> length = once_each(lambda text, names: print("counts") or len(text))
    >>> length("four", {}), length("four", {})
    counts
    (4, 4)
    """
    made: dict[tuple[str, ...], Any] = {}

    def kept(text: str, names: Mapping[str, Any]) -> Any:
        key = (text, *names)
        if key not in made:
            made[key] = real(text, names)
        return made[key]

    return kept


def outputs_of_modules(real: Callable[..., Any]) -> Callable[..., Any]:
    """Return a search for a key that finds ``outputs`` in the modules of a configuration only.

    >>> child = {"expressions": {"outputs": {"constant_value": 5}}, "module": {"outputs": {"a": 1}}}
    >>> plan = {"root_module": {"module_calls": {"child": child}}}
    >>> outputs_of_modules(print)(plan, "outputs")
    [{'outputs': {'a': 1}}]
    """

    def modules(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        yield module
        for call in module.get("module_calls", {}).values():
            yield from modules(call.get("module", {}))

    def seek(target: Any, key: str) -> Any:
        if key != "outputs":
            return real(target, key)
        return [{key: m[key]} for m in modules(target.get("root_module", {})) if key in m]

    return seek


def on_demand(real: type) -> type:
    """Return a subclass whose objects call the constructor when an attribute is first missed.

    >>> class Plan:
    ...     def __init__(self, name):
    ...         print("reads", name)
    ...         self.resources = {}
    >>> plan = on_demand(Plan)("plan.json")
    >>> plan.resources
    reads plan.json
    {}
    """

    class OnDemand(real):  # type: ignore[misc]
        def __init__(self, *arguments: Any) -> None:
            self._arguments: tuple[Any, ...] | None = arguments

        def __getattr__(self, name: str) -> Any:
            arguments, self._arguments = self.__dict__.get("_arguments"), None
            if arguments is None:
                raise AttributeError(name)
            super().__init__(*arguments)
            return getattr(self, name)

    return OnDemand


def _record() -> None:
    from radish.hookregistry import HookRegistry
    from terraform_compliance.common.error_handling import Error

    fail = Error._fail_step

    def fail_with_message(error: Any, step_id: int) -> None:
        error.step_obj.embed("\n".join(error.message), mime_type=FAILURE)
        fail(error, step_id)

    Error._fail_step = fail_with_message
    HookRegistry().register("after", "each_step", _attach_bug)
    HookRegistry().register("after", "each_scenario", _attach_seen)


def _attach_bug(step: Any) -> None:
    """Name the file and line of an exception by which a step does not say that a plan fails."""
    from radish import world
    from terraform_compliance.common.exceptions import Failure

    exception = getattr(step.failure, "exception", None)
    if isinstance(exception, AssertionError | Failure):
        return
    folder = Path(world.config.features[0])
    traceback = exception and exception.__traceback__
    # What a step yields is read after it has run: then its function is only a value of a frame.
    functions = [frame.f_locals.get("function") for frame, _ in walk_tb(traceback)]
    codes = [f.__code__ for f in functions if isinstance(f, FunctionType)]
    places = [(code.co_filename, code.co_firstlineno) for code in codes]
    places += [(frame.filename, frame.lineno or 1) for frame in extract_tb(traceback)]
    frames = [
        (Path(name).relative_to(folder.parent), line)
        for name, line in places
        if Path(name).is_relative_to(folder)
    ]
    if not frames:
        return
    # A project's own step often stops in what it calls.
    own = [frame for frame in frames if frame[0].parts[1] == "own"]
    file, line = (own or frames)[-1]
    what = f"{file}:{line}: the step stopped: {type(exception).__name__}: {exception}"
    step.embed(_one_line(what), mime_type=FAILURE)


def _attach_seen(scenario: Any) -> None:
    """Attach what the stock steps checked, unless a step has attached evidence."""
    steps = scenario.all_steps
    if not steps or any(step.embeddings for step in steps):
        return
    with suppress(Exception):  # Missing evidence must not change a verdict.
        if seen := _seen(scenario.context):
            steps[-1].embed("\n".join(map(_one_line, seen)))


def _seen(context: Any) -> list[str]:
    stash = context.stash
    if isinstance(stash, dict):  # After "When I count them".
        return [f"{context.name}: {stash['values']}"]
    return list(dict.fromkeys(_item(item, context.property_name) for item in stash))


def _one_line(text: str) -> str:
    """Escape what ends a line, so that no value of a plan can write a line of evidence."""
    return _BREAKS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _item(item: dict[str, Any], name: str) -> str:
    value = item.get("values")
    plain = (str, int, float, bool, type(None))
    if isinstance(value, plain) or (
        isinstance(value, list) and all(isinstance(member, plain) for member in value)
    ):
        return f"{item['address']}: {name} = {value}"
    return str(item["address"])


if __name__ == "__main__":
    sys.exit(main())
