"""A user without HOME and without an entry in the list of users, as in many containers."""

from __future__ import annotations

import pwd

import pytest

from finbase.terraform.provider import _expand


def test_expand_needs_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> object:
        raise KeyError("uid not found")

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", refuse)
    assert _expand("/opt/mirror", {}) == "/opt/mirror"
    assert _expand("~/mirror", {}) == "~/mirror"
    assert _expand("~/mirror", {"HOME": "/h"}) == "/h/mirror"
