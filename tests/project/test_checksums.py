from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from finbase.project import checksums

NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"),
    min_size=1,
)


@given(st.dictionaries(NAMES, st.binary()))
def test_checksums_round_trip(files: dict[str, bytes]) -> None:
    digests = {name: checksums.digest(content) for name, content in files.items()}
    assert checksums.parse(f"# a comment\n{checksums.listing(digests)}".encode()) == digests


def test_tree_hash_equals_go_modules() -> None:
    # The expected value was made with `sha256sum` and `base64`; the format is Hash1 of
    # https://pkg.go.dev/golang.org/x/mod/sumdb/dirhash.
    digests = {"b": checksums.digest(b"b\n"), "a": checksums.digest(b"a\n")}
    listing = (
        "87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7  a\n"
        "0263829989b6fd954f72baaf2fc64bc2e2f01d692d4de72986ea808f6e99813f  b\n"
    )
    assert checksums.listing(digests) == listing
    assert checksums.tree_hash(digests) == "h1:oOw/UxvBP/2Po35sddlb//tpKHscE/O5rdJW0fT3eFA="


def test_listing_readable_by_sha256sum(project: Path) -> None:
    sha256sum = shutil.which("sha256sum")
    assert sha256sum, "install GNU coreutils"
    lists = sorted(project.glob("modules/*/*/SHA256SUMS"))
    assert len(lists) >= 8
    for each in lists:
        command = [sha256sum, "--check", "--strict", "--quiet", each.name]
        subprocess.run(command, cwd=each.parent, check=True)
