"""Saved plans that are damaged, forged, or of another backend than their stack."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finbase.errors import FinbaseError
from finbase.plan import saved
from finbase.plan.saved_file import read_plan_file
from tests.support.saved import archive, field, manifest, members, packed, save, tfplan

S3 = {"bucket": "a-bucket", "key": "ledger/w/terraform.tfstate", "encrypt": True}


def verify(plan: Path, stack: Path, name: Path) -> None:
    """Verify a plan; the files on disk are those that were rendered."""
    root = stack.parent.parent
    files = [path for path in root.rglob("*.tf") if path.is_file()]
    rendered = {PurePosixPath(path.relative_to(root)): path.read_bytes() for path in files}
    saved.verify(plan, stack, name, rendered)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stack of two modules, of which one is there twice."""
    root = tmp_path_factory.mktemp("project")
    for name in ("m", "n"):
        folder = root / "modules" / name / "1.0.0"
        folder.mkdir(parents=True)
        (folder / "main.tf").write_text(f'resource "terraform_data" "{name}" {{}}\n')
    made = root / "environments" / "w"
    made.mkdir(parents=True)
    calls = (("a", "m"), ("b", "m"), ("c", "n"))
    (made / "main.tf").write_text(
        'locals {\n  environment = "w"\n}\n'
        + "".join(
            f'\nmodule "{call}" {{\n  source = "../../modules/{name}/1.0.0"\n}}\n'
            for call, name in calls
        )
    )
    lines = "".join(f"    {name} = {json.dumps(value)}\n" for name, value in S3.items())
    (made / "backend.tf").write_text(f'terraform {{\n  backend "s3" {{\n{lines}  }}\n}}\n')
    return made


@pytest.fixture(scope="module")
def good(stack: Path) -> bytes:
    """A plan of the stack."""
    plan = stack.parent.parent / "good"
    save(plan, stack)
    verify(plan, stack, plan)
    return plan.read_bytes()


def refusal(plan: Path, stack: Path) -> str:
    with pytest.raises(FinbaseError) as caught:
        verify(plan, stack, Path("p"))
    return caught.value.message


def rewritten(plan: Path, content: bytes, **changed: bytes) -> Path:
    """Write the plan with other members."""
    plan.write_bytes(content)
    plan.write_bytes(archive((name, changed.get(name, each)) for name, each in members(plan)))
    return plan


UNREADABLE = "p is not a saved plan, or it is encrypted or damaged: "


# --- damaged -------------------------------------------------------------------------------------


def test_verify_of_flipped_bits(good: bytes, stack: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan"
    for place in range(len(good)):
        flipped = bytearray(good)
        flipped[place] ^= (0x01, 0x08, 0x80)[place % 3]
        plan.write_bytes(flipped)
        with suppress(FinbaseError):
            verify(plan, stack, plan)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_read_plan_file_of_changed_bytes(data: st.DataObject, good: bytes) -> None:
    places = st.integers(0, len(good) - 1)
    changed = bytearray(good)
    for place, byte in data.draw(st.dictionaries(places, st.integers(0, 255), max_size=8)).items():
        changed[place] = byte
    cut = slice(*sorted((data.draw(places), data.draw(places))))
    if data.draw(st.booleans()):
        del changed[cut]
    try:
        read_plan_file(bytes(changed))
    except ValueError:
        return


@given(content=st.binary(max_size=200))
def test_read_plan_file_of_any_content(content: bytes) -> None:
    modules = ("tfconfig/modules.json", b'[{"Key":"","Dir":"."}]')
    for plan in (content, tfplan("s3", content, "default")):
        try:
            read_plan_file(archive([("tfplan", plan), modules], zipfile.ZIP_STORED))
        except ValueError:
            continue


@pytest.mark.parametrize(
    "modules",
    [
        "",
        "null",
        "1",
        "{}",
        "[]",
        "[1]",
        "[null]",
        "[[]]",
        '[{"Dir": "."}]',
        '[{"Key": ""}]',
        '[{"Key": "", "Dir": 1}]',
        '[{"Key": "", "Dir": null}]',
        '[{"Key": ["a"], "Dir": "."}]',
        '[{"Key": "", "Dir": "a\\u0000"}]',
        '[{"Key": "", "Dir": "a\\ud800"}]',
        '[{"Key": "", "Dir": "."}, {"Key": "", "Dir": "."}]',
        '[{"Key": "", "Dir": ".", "dir": "elsewhere"}]',
        '[{"Key": "", "Dir": "."}, {"Key": "a", "Dir": "a"}]',
        '[{"Key": "", "Dir": "."}, {"Key": "a", "Source": 1, "Dir": "a"}]',
        '[{"Key": "a", "Source": ".", "Dir": "."}]',
        "[" * 100_000,
        "\udcff",
    ],
)
def test_read_plan_file_refuses_other_modules(modules: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_plan_file(of_the_root(modules))


def of_the_root(modules: str) -> bytes:
    """Write a plan of one module and another list of its modules."""
    return archive(
        [
            ("tfplan", tfplan("s3", packed(S3), "default")),
            ("tfconfig/m-/main.tf", b""),
            ("tfconfig/modules.json", modules.encode(errors="surrogateescape")),
        ]
    )


def test_read_plan_file_modules() -> None:
    modules = '[{"Key": "", "Dir": "."}, {"Key": "a", "Source": "./a", "Dir": "a"}]'
    assert list(read_plan_file(of_the_root(modules)).modules) == ["", "a"]


CONFIG = packed(S3)
BACKEND = field(1, b"s3") + field(2, field(1, CONFIG)) + field(3, b"default")


@pytest.mark.parametrize(
    "plan",
    [
        b"",
        b"\x08\x03",
        b"\x6b",
        b"\x68\x01",
        field(13, b""),
        field(13, BACKEND) * 2,
        field(13, BACKEND + field(3, b"other")),
        field(13, field(1, b"\xff") + BACKEND[4:]),
        field(13, BACKEND)[:-1],
        b"\xff" * 11,
        tfplan("s3", b"", "default"),
        tfplan("s3", b"\x01", "default"),
        tfplan("s3", CONFIG + b"\xc0", "default"),
        tfplan("s3", b"\x82\xa1a\xc0\xa1a\xc0", "default"),
        tfplan("s3", b"\x81\x90\xc0", "default"),
        tfplan("s3", b"\x81\xa1a\xd4\x00\x00", "default"),
        tfplan("s3", b"\x81\xa1\xff\xc0", "default"),
        tfplan("s3", b"\xdf\xff\xff\xff\xff", "default"),
        tfplan("s3", b"\x81\xa1a" + b"\x91" * 100_000, "default"),
    ],
)
def test_verify_refuses_malformed_backends(
    plan: bytes, good: bytes, stack: Path, tmp_path: Path
) -> None:
    assert refusal(rewritten(tmp_path / "plan", good, tfplan=plan), stack).startswith(UNREADABLE)


@pytest.mark.parametrize("depth", [17, 100, 400, 1000])
def test_verify_refuses_deep_settings(depth: int, good: bytes, stack: Path, tmp_path: Path) -> None:
    config = b"\x81\xa6bucket" + b"\x91" * depth + b"\xc0"
    plan = rewritten(tmp_path / "plan", good, tfplan=tfplan("s3", config, "default"))
    assert refusal(plan, stack).startswith(UNREADABLE)


def test_read_plan_file_settings() -> None:
    form = {
        b"\x07": 7,
        b"\xff": -1,
        b"\xcc\xff": 255,
        b"\xd1\xff\xfe": -2,
        b"\xcb" + struct.pack(">d", 1.5): 1.5,
        b"\xc2": False,
        b"\xda\x00\x01x": "x",
        b"\xdb\x00\x00\x00\x01x": "x",
        b"\x92\x01\xa1y": [1, "y"],
        b"\x82\xa1a\xc0\xa1b\xc3": {"b": True},
    }
    for data, value in form.items():
        content = archive(
            [
                ("tfplan", tfplan("s3", b"\x81\xa1k" + data, "default")),
                ("tfconfig/modules.json", b'[{"Key":"","Dir":"."}]'),
            ]
        )
        assert read_plan_file(content).backend.settings == {"k": value}


# --- what Go and Python would read in two ways ---------------------------------------------------


def test_verify_refuses_duplicate_names(good: bytes, stack: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan"
    plan.write_bytes(good)
    own = members(plan)
    other = tfplan("s3", packed(S3), "other")
    with pytest.warns(UserWarning, match="Duplicate name"):
        content = archive([("tfplan", other), *own])
    plan.write_bytes(content)
    assert refusal(plan, stack).startswith(UNREADABLE)


def test_verify_refuses_null_in_names(good: bytes, stack: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan"
    plan.write_bytes(good)
    longer = archive((name.replace("tfplan", "tfplan!"), each) for name, each in members(plan))
    plan.write_bytes(longer.replace(b"tfplan!", b"tfplan\0"))
    assert refusal(plan, stack).startswith(UNREADABLE)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_verify_refuses_other_compression(
    method: int, good: bytes, stack: Path, tmp_path: Path
) -> None:
    plan = tmp_path / "plan"
    plan.write_bytes(good)
    plan.write_bytes(archive(members(plan), method))
    assert refusal(plan, stack).startswith(UNREADABLE)


@pytest.mark.parametrize("where", ["before", "after", "comment", "second end"])
def test_verify_refuses_extra_bytes(where: str, good: bytes, stack: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan"
    comment = io.BytesIO(good)
    with zipfile.ZipFile(comment, "a") as written:
        written.comment = b"x"
    end = len(good) - 22
    start = int.from_bytes(good[end + 16 : end + 20], "little")
    size, count = good[end + 12 : end + 16], good[end + 10 : end + 12]
    large = struct.pack(
        "<4sQHHLLQQQQ",
        b"PK\6\6",
        44,
        45,
        45,
        0,
        0,
        *(
            int.from_bytes(count, "little"),
            int.from_bytes(count, "little"),
            int.from_bytes(size, "little"),
            start,
        ),
    ) + struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
    content = {
        "before": good + good,
        "after": good + b"x",
        "comment": comment.getvalue(),
        "second end": good[:end] + large + good[end:],
    }[where]
    plan.write_bytes(content)
    assert refusal(plan, stack).startswith(UNREADABLE)


# --- another configuration -----------------------------------------------------------------------


def test_verify_compares_each_module(good: bytes, stack: Path, tmp_path: Path) -> None:
    for key in ("a", "b"):
        plan = rewritten(tmp_path / "plan", good, **{f"tfconfig/m-{key}/main.tf": b"# other\n"})
        assert "modules/m/1.0.0/main.tf differs" in refusal(plan, stack)


def test_verify_refuses_other_module_folders(stack: Path, tmp_path: Path) -> None:
    plan, to = tmp_path / "plan", "../../modules/{}/1.0.0"
    modules = manifest({"": ".", **{k: to.format(n) for k, n in zip("abc", "mmn", strict=True)}})
    modules[3]["Dir"] = to.format("m")
    save(plan, stack, modules=modules)
    other = (stack / to.format("m") / "main.tf").read_bytes()
    rewritten(plan, plan.read_bytes(), **{"tfconfig/m-c/main.tf": other})
    assert f"module c was read from {to.format('m')}, not from {to.format('n')}" in refusal(
        plan, stack
    )
    modules[0]["Dir"] = "../w2"
    save(plan, stack, modules=modules)
    assert "the stack was read from ../w2, not from ." in refusal(plan, stack)


def test_verify_refuses_unlisted_modules(good: bytes, stack: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan"
    plan.write_bytes(good)
    plan.write_bytes(archive([*members(plan), ("tfconfig/m-d/main.tf", b"")]))
    assert refusal(plan, stack).startswith(UNREADABLE)


def test_verify_ignores_hidden_files(good: bytes, stack: Path, tmp_path: Path) -> None:
    plan, hidden = tmp_path / "plan", stack / ".#main.tf"
    plan.write_bytes(good)
    hidden.symlink_to("nobody@nowhere.1")  # As an editor locks the file.
    try:
        verify(plan, stack, plan)
    finally:
        hidden.unlink()


# --- another backend -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "difference"),
    [
        ({"bucket": "another"}, "its bucket is not a-bucket"),
        ({"encrypt": False}, "its encrypt is not true"),
        ({"encrypt": None}, "its encrypt is not true"),
        ({"region": "eu-west-2"}, "its region is not in"),
        ({"use_path_style": True}, "its use_path_style is not in"),
        ({"endpoints": {"s3": "http://x"}}, "its endpoints is not in"),
        ({"kind": "gcs"}, "its backend is gcs, not s3"),
    ],
)
def test_verify_refuses_other_backends(
    settings: dict[str, Any], difference: str, stack: Path, tmp_path: Path
) -> None:
    save(tmp_path / "plan", stack, **settings)
    assert f"p was made for another state: {difference}" in refusal(tmp_path / "plan", stack)


def test_verify_allows_credentials(stack: Path, tmp_path: Path) -> None:
    role = {"role_arn": "arn:aws:iam::111122223333:role/reader", "duration": None}
    save(tmp_path / "plan", stack, profile="payments", assume_role=role)
    verify(tmp_path / "plan", stack, tmp_path / "plan")


def test_verify_compares_all_settings(stack: Path, tmp_path: Path) -> None:
    plan, file = tmp_path / "plan", stack / "backend.tf"
    text = file.read_text()
    more = (
        '    max_retries = "3"\n    profile = null\n    key2 = "a$${b}"\n    # A comment.\n'
        '    allowed_account_ids = [\n      "2",\n      "1",\n    ]\n'
        '    assume_role = {\n      role_arn = "r"\n      policy = null\n    }\n'
        '    endpoints {\n      s3 = "z"\n    }\n'
    )
    changes: dict[str, Any] = {
        "max_retries": 3,
        "key2": "a${b}",
        "allowed_account_ids": ["1", "2"],
        "assume_role": {"role_arn": "r", "duration": None},
        "endpoints": {"s3": "z"},
    }
    file.write_text(text.replace("  }\n}\n", f"{more}  }}\n}}\n"))
    try:
        save(plan, stack, **changes)
        verify(plan, stack, plan)
        for name, other in {**changes, "max_retries": 4, "assume_role": {"role_arn": "s"}}.items():
            if other != changes[name]:
                save(plan, stack, **{**changes, name: other})
                assert f"its {name} is not" in refusal(plan, stack)
    finally:
        file.write_text(text)


def test_verify_reports_unreadable_backend(stack: Path, tmp_path: Path) -> None:
    plan, file = tmp_path / "plan", stack / "backend.tf"
    text = file.read_text()
    file.write_text(f"{text}{{\n")
    try:
        save(plan, stack)
        assert "backend.tf cannot be read" in refusal(plan, stack)
    finally:
        file.write_text(text)
