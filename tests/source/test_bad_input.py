"""Files that mean harm: nothing is executed, nothing is written, and the answer is quick."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from finbase.contract.registry import Registry
from finbase.environment.load import load
from finbase.errors import InputError
from finbase.render.editor_schema import environment_schema, pinnable
from finbase.render.hcl import literal
from finbase.render.stack import render_stacks
from tests.support.commands import ROOT, finbase
from tests.support.sample import SAMPLE, changed, write

CORPUS = ROOT / "tests" / "corpus" / "injection"
REGISTRY = Registry(ROOT)
# A yardstick is a million turns of a loop, in the same process: how fast the machine is, and what
# else it does, decides nothing. 45 of them take 2 s on a machine of 2026.
YARDSTICKS, MIB = 45, 300

PAYLOADS = {
    "hcl": '${file("/etc/passwd")}',
    "directive": "%{ for word in [1, 2] }x%{ endfor }",
    "jinja": "{{ cycler.__init__.__globals__.os.popen('touch owned').read() }}",
    "jinja-block": '{% include "/etc/passwd" %}',
    "quotes": 'x"\n}\nresource "terraform_data" "owned" {\n  input = "x',
    "comment": 'x" # " /* "',
    "escapes": "\\${x} $${x} %%{x} \\u0024{x} \\",
    "nul": "x\0y",
    "override": "x\u202ey",
    "mark": "x\u200fy",
    "path": "../../../etc/cron.d/owned",
    "newline": "ledger\n",
}
UNSEEN = {"nul", "override", "mark"}
# What may hold any text that can be seen; a tag may hold a path.
FREE = {"cache.description"}
TAGS = {"tags.owner", "tags.cost_centre", "tags.team"}


def snapshot(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def corpus(suffix: str) -> list[str]:
    return sorted(path.stem for path in CORPUS.glob(f"*.{suffix}"))


@pytest.mark.parametrize("name", corpus("yaml"))
def test_load_refuses_hostile_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / "environments" / "production.yaml"
    path.parent.mkdir()
    shutil.copy(CORPUS / f"{name}.yaml", path)
    before = snapshot(tmp_path)
    with pytest.raises(InputError) as caught:
        load(path, REGISTRY, tmp_path)
    found = [f"{d.line}:{d.column} {d.code}" for d in caught.value.diagnostics]
    assert found == (CORPUS / f"{name}.expected").read_text().splitlines()
    assert all(d.hint and d.message.isprintable() for d in caught.value.diagnostics)
    assert snapshot(tmp_path) == before


def test_corpus_is_complete() -> None:
    assert corpus("yaml") == corpus("expected")
    assert len(corpus("yaml")) + len(list(CORPUS.parent.glob("*.yaml"))) >= 180


# Every text of an environment, found in the schema: a new input is tried without being named.

WHOLE: dict[str, Any] = changed(
    {
        "tags.team": "ledger",
        "database.parameters": {"work_mem": "65536"},
        "cache.description": "Sessions",
        "cache.user_group_id": "ledger-applications",
        "monitoring.email_addresses": ["oncall@ledger.example"],
        "replica.instances.reporting.maintenance_window": "tue:04:00-tue:05:00",
    }
)


def texts(schema: Mapping[str, Any], value: Any, way: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """The way to each text of a value, and to each key that people choose, as ``("key", …)``."""
    match schema.get("type", "string"):
        case "string":
            yield way
        case "array":
            yield from texts(schema["items"], value[0], (*way, 0))
        case "object":
            named = schema.get("properties", {})
            for key, inner in value.items():
                if key not in named:
                    yield ("key", *way, key)
                below = named.get(key, schema.get("additionalProperties"))
                yield from texts(below, inner, (*way, key))


def filled(schema: Mapping[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """The value with every text that the schema has a default for."""
    given = {
        key: part["default"]
        for key, part in schema.get("properties", {}).items()
        if "default" in part and part["type"] in ("string", "array") and part["default"]
    }
    return {**given, **value}


SCHEMA = environment_schema(pinnable(REGISTRY))
MODULES = {name: REGISTRY.current(name).section_schema() for name in REGISTRY.names}
SCHEMA["properties"]["modules"]["properties"] = MODULES
WHOLE["modules"] = {name: filled(MODULES[name], s) for name, s in WHOLE["modules"].items()}
TEXTS = list(texts(SCHEMA, WHOLE, ()))


def injected(way: tuple[Any, ...], payload: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(json.dumps(WHOLE))
    at_key, *steps = way if way[0] == "key" else (None, *way)
    tree = result
    for step in steps[:-1]:
        tree = tree[step]
    if at_key:
        entries = [(payload if k == steps[-1] else k, v) for k, v in tree.items()]
        tree.clear()
        tree.update(entries)
    else:
        tree[steps[-1]] = payload
    return result


def shown(way: tuple[Any, ...]) -> str:
    return ".".join(str(step) for step in way if step != "modules")


def test_hostile_texts_cover_every_input() -> None:
    named = {shown(way) for way in TEXTS}
    assert len(TEXTS) >= 48
    assert named >= FREE
    assert named >= {"project", "tags.team", "key.tags.team", "kms.version", "state.bucket"}
    assert named >= {"key.replica.instances.reporting", "key.network.zones.eu-west-1a"}
    assert named >= {"key.database.parameters.work_mem", "monitoring.email_addresses.0"}


@pytest.mark.parametrize("way", TEXTS, ids=shown)
def test_hostile_text_stays_text(
    way: tuple[Any, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for kind, payload in PAYLOADS.items():
        path = write(tmp_path, injected(way, payload), "production")
        before = snapshot(tmp_path)
        if (shown(way) in FREE and kind not in UNSEEN) or (shown(way) in TAGS and kind == "path"):
            marker = "m4rk3r"
            found = render_stacks([load(path, REGISTRY, tmp_path)], ROOT)
            plain = write(tmp_path, injected(way, marker), "production")
            usual = render_stacks([load(plain, REGISTRY, tmp_path)], ROOT)
            assert sum(text.count(f'"{marker}"'.encode()) for text in usual.values()) == 1
            quoted = literal(payload).encode()
            replaced = {f: t.replace(f'"{marker}"'.encode(), quoted) for f, t in usual.items()}
            assert found == replaced, kind
        else:
            with pytest.raises(InputError) as caught:
                load(path, REGISTRY, tmp_path)
            assert all(d.message.isprintable() for d in caught.value.diagnostics), kind
            assert snapshot(tmp_path) == before, kind
        assert snapshot(tmp_path).keys() == {"environments/production.yaml"}, kind


# What is heavy: each in a process of its own, which is measured.


def sample_text() -> str:
    return json.dumps(SAMPLE)


def with_input(module: str, name: str, value: str) -> str:
    """The sample with one more input of a module, which is given as text."""
    text = json.dumps(changed({f"{module}.{name}": "@@"}))
    assert text.count('"@@"') == 1
    return text.replace('"@@"', value)


def many(count: int, one: Callable[[int], str]) -> str:
    return ", ".join(one(number) for number in range(count))


def zone_entries(count: int) -> str:
    ranges = json.dumps(
        dict.fromkeys(("public_cidr", "private_cidr", "database_cidr"), "10.20.0.1/24")
    )
    return "{" + many(count, lambda n: f'"eu-west-1{chr(97 + n % 26)}{n}": {ranges}') + "}"


def key_entries(count: int, each: int) -> str:
    keys = many(each, lambda n: f'"{n}": 1')
    return "{" + many(count, lambda n: f'"z{n}": {{{keys}}}') + "}"


def replica_entries(count: int) -> str:
    return "{" + many(count, lambda n: f'"R{n}": {{"instance_class": "db.r9.x{n}"}}') + "}"


def parameter_entries(count: int) -> str:
    return "{" + many(count, lambda n: f'"work_mem{n}": "1"') + "}"


HEAVY: dict[str, Callable[[], str | bytes]] = {
    "alias-bomb": lambda: (
        "a0: &a0 [x]\n"
        + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 3000))
    ),
    "merge-bomb": lambda: (
        "a0: &a0 {x: 1}\n"
        + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 20_000))
    ),
    "brackets": lambda: "a: " + "[" * 1_000_000,
    "braces": lambda: "{a: " * 250_000,
    "dashes": lambda: "- " * 500_000,
    "question-marks": lambda: "? " * 500_000,
    "deep-block": lambda: "".join(" " * n + "a:\n" for n in range(1400)),
    "one-key": lambda: "a" * 1_000_000 + ": 1",
    "one-line": lambda: f"environment: {'x' * 1_000_000}",
    "spaces": lambda: " " * 1_000_000,
    "newlines": lambda: "\n" * 1_000_000,
    "comment": lambda: "#" * 1_000_000,
    "quotes": lambda: '"' + "\\" * 1_000_000,
    "long-number": lambda: "port: " + "9" * 1_000_000,
    "unknown-keys": lambda: "".join(f"key{n}: 1\n" for n in range(90_000)),
    "same-keys": lambda: "a: 1\n" * 200_000,
    "tags": lambda: "".join(f"k{n}: !!python/object:x.Y {{}}\n" for n in range(28_000)),
    "documents": lambda: "---\na: 1\n" * 100_000,
    "zones": lambda: with_input("network", "zones", zone_entries(9000)),
    "zones-as-many-as-are-read": lambda: with_input("network", "zones", zone_entries(400)),
    "replicas": lambda: with_input("replica", "instances", replica_entries(20_000)),
    "replicas-as-many-as-are-read": lambda: with_input(
        "replica", "instances", replica_entries(400)
    ),
    "parameters": lambda: with_input("database", "parameters", parameter_entries(45_000)),
    "parameters-as-many-as-are-read": lambda: json.dumps(
        json.loads(with_input("database", "parameters", parameter_entries(400)))
        | {"environment": "other"}
    ),
    "values": lambda: with_input("network", "zones", key_entries(190, 390)),
    "values-as-many-as-are-read": lambda: with_input("network", "zones", key_entries(320, 5)),
    "endpoints": lambda: with_input(
        "network",
        "interface_endpoints",
        '["secretsmanager", ' + many(60_000, lambda n: f'"sqs{n}"') + "]",
    ),
    "emails": lambda: with_input(
        "monitoring", "email_addresses", f'["{"a." * 200_000}@{"a-" * 200_000}.b"]'
    ),
    "internet-cidrs": lambda: with_input(
        "access", "internet_cidrs", "[" + many(60_000, lambda n: f'"10.0.{n % 256}.1/8"') + "]"
    ),
    "log-exports": lambda: with_input(
        "database", "log_exports", "[" + many(100_000, lambda n: f'"log{n}"') + "]"
    ),
    "modules": lambda: (
        '{"modules": {' + many(40_000, lambda n: f'"databas{n}": {{"version": "1"}}') + "}}"
    ),
    "tag-values": lambda: json.dumps(
        changed({"tags": {f"tag_{n}": "${x}" for n in range(40_000)}})
    ),
    "binary": lambda: bytes(range(256)) * 4000,
    "utf16": lambda: sample_text().encode("utf-16") * 200,
    "too-large": lambda: "a: 1\n" * 1_000_000,
}

# Forks for each project, so that the peak is that of one file: VmHWM of a process starts with what
# this program has, unlike getrusage, which also counts what the tests' own process had.
MEASURE = """
import os, re, signal, sys, time
sys.path[:0] = [f"{sys.argv[1]}/generator"]
from pathlib import Path
from finbase.contract.registry import Registry
from finbase.environment.load import load
from finbase.errors import InputError
registry = Registry(Path(sys.argv[1]))
def yardstick():
    start = time.process_time()
    sum(n * n % 7 for n in range(250_000))
    return 4 * (time.process_time() - start)
def measure(root):
    signal.alarm(60)
    before = yardstick()
    start = time.process_time()
    try:
        load(root / "environments" / "production.yaml", registry, root)
        found = "accepted"
    except InputError as error:
        found = " ".join(sorted({d.code for d in error.diagnostics}))
        assert len(error.diagnostics) <= 101, len(error.diagnostics)
    seconds = time.process_time() - start
    peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
    print(seconds / max(before, yardstick()), int(peak[1]) // 1024, found, flush=True)
for line in sys.stdin:
    if not (child := os.fork()):
        measure(Path(line.rstrip()))
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print("0 0 stopped", flush=True)
"""


@pytest.fixture(scope="module")
def measure() -> Iterator[Callable[[Path], str]]:
    """A function that loads the environment of a project in a process that is measured."""
    with subprocess.Popen(
        [sys.executable, "-c", MEASURE, str(ROOT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as server:
        assert server.stdin
        assert server.stdout
        stdin, stdout = server.stdin, server.stdout

        def ask(root: Path) -> str:
            stdin.write(f"{root}\n")
            return stdout.readline()

        yield ask
        stdin.close()


@pytest.mark.parametrize("kind", HEAVY)
def test_load_bounds_time_and_memory(
    kind: str,
    tmp_path: Path,
    measure: Callable[[Path], str],
    record_property: Callable[[str, object], None],
) -> None:
    path = tmp_path / "environments" / "production.yaml"
    path.parent.mkdir()
    content = HEAVY[kind]()
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    before = snapshot(tmp_path)
    times, peak, found = measure(tmp_path).split(maxsplit=2)
    record_property("measured", f"{times} yardsticks, {peak} MiB")
    assert found.startswith("FB"), found
    assert float(times) < YARDSTICKS, f"{times} yardsticks, {found}"
    assert int(peak) < MIB, f"{peak} MiB, {found}"
    assert snapshot(tmp_path) == before


def test_render_writes_nothing_for_bad_file(project: Path) -> None:
    shutil.copy(CORPUS / f"{corpus('yaml')[0]}.yaml", project / "environments" / "production.yaml")
    shutil.rmtree(project / "environments" / "production")
    before = snapshot(project)
    result = finbase(project, "render")
    assert result.exit_code == 2
    assert "environments/production.yaml:" in result.output
    assert snapshot(project) == before


@pytest.mark.parametrize("place", ["/etc/passwd", "/dev/zero", "/proc/self/mem", "../outside.yaml"])
def test_load_refuses_outside_link(tmp_path: Path, place: str) -> None:
    root = tmp_path / "project"
    (root / "environments").mkdir(parents=True)
    (tmp_path / "outside.yaml").write_text("secret: hunter2\n")
    link = root / "environments" / "production.yaml"
    link.symlink_to(place if place.startswith("/") else root / place)
    with pytest.raises(InputError) as caught:
        load(link, REGISTRY, root)
    (diagnostic,) = caught.value.diagnostics
    assert str(diagnostic).startswith("environments/production.yaml:1:1: ")
    assert diagnostic.code == "FB122"
    assert "hunter2" not in str(diagnostic)
    assert str(tmp_path) not in str(diagnostic)
