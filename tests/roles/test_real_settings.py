"""What a role can do to its own logins, and that it keeps nobody out."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.roles.stage import DATABASE, Stage

REFUSED = "the login of the secret of app is refused: app_2 "
HERE = f"ALTER ROLE app_{{}} IN DATABASE {DATABASE}"


def test_settings_that_keep_a_login_out(ready: Stage) -> None:
    for place in (HERE, "ALTER ROLE app_{}"):
        ready.query(f"{place.format(2)} SET local_preload_libraries = 'nothing'")
    assert "could not access file" in ready.refused("app", "SELECT 1")
    resets = [
        f"ALTER ROLE app_2{place} RESET local_preload_libraries"
        for place in (f" IN DATABASE {DATABASE}", "")
    ]
    says = "has settings of its own that can refuse or end a session; apply or rotate runs "
    assert f"{REFUSED}{says}{'; '.join(resets)}" in ready.drift()
    answer = ready.apply()
    assert (answer["changed"], answer["drift"]) == ([f"ran {reset}" for reset in resets], [])
    ready.as_role("app", "SELECT 1")


def test_rotation_resets_settings_of_both_logins_that_end_sessions(ready: Stage) -> None:
    ready.rotate("app")
    for label, number in (("AWSPREVIOUS", 2), ("AWSCURRENT", 1)):
        done, told = ready.run_as(
            ready.current("app", label),
            f"{HERE.format(number)} SET statement_timeout = 1;"
            f"ALTER ROLE app_{number} SET idle_session_timeout = 1;"
            f"ALTER ROLE app_{number} SET local_preload_libraries = 'nothing'",
        )
        assert done, told
    # Others stay, and an apply sets what is not as declared.
    ready.query("ALTER ROLE app_2 SET work_mem = '8MB'; ALTER ROLE app_2 SET statement_timeout = 7")
    ready.rotate("app")
    ready.as_role("app", "SELECT 1")
    assert ready.drift() == [
        "not set: statement_timeout of app_2",
        "role app_2 has a setting of its own: work_mem",
    ]


@contextmanager
def opening(stage: Stage, credentials: Mapping[str, Any], sql: str) -> Iterator[list[int]]:
    """Let a login open one session after the other, which holds what ``sql`` locks."""
    counts, stop = [0], threading.Event()
    environment = {
        "PGHOST": "localhost",
        "PGPORT": str(stage.server.port),
        "PGUSER": credentials["username"],
        "PGPASSWORD": credentials["password"],
        "PGDATABASE": DATABASE,
    }
    psql = str(stage.server.binaries / "psql")
    command = [psql, "-X", "-q", "-c", f"BEGIN; {sql}; SELECT pg_sleep(9)"]

    def again() -> None:
        while not stop.is_set():
            counts[0] += 1
            done = subprocess.run(command, env=environment, capture_output=True, check=False)
            if b"password authentication failed" in done.stderr:
                return

    threads = [threading.Thread(target=again) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        stop.set()
        stage.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE 'app\\_%'"
        )
        for thread in threads:
            thread.join()


def test_role_that_goes_on_changing_itself_stops_nothing(ready: Stage) -> None:
    held = ready.current("app")
    ready.rotate("app")
    ready.query("ALTER ROLE app_1 CONNECTION LIMIT 9; ALTER ROLE app_2 CONNECTION LIMIT 9")
    with opening(ready, held, "ALTER ROLE CURRENT_USER SET work_mem = '4MB'") as counts:
        ready.rotate("app")
        answer = ready.apply()
    assert counts[0] > 3
    assert "set connection limit 20 of app_2" in answer["changed"]
    assert f"ended a session of {held['username']}, which was changing a role" in answer["drift"]
    assert len(answer["drift"]) == 1  # However many there were.
    assert ready.run_as(ready.current("app"), "SELECT 1")[0]
