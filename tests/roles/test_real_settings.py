"""What a role can do to its own logins, and that it keeps nobody out."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from tests.roles.stage import DATABASE, Stage, until

HERE = f"ALTER ROLE {{}} IN DATABASE {DATABASE}"


def test_settings_that_keep_a_login_out(shared: Stage) -> None:
    login = shared.current("app")["username"]
    for place in (HERE, "ALTER ROLE {}"):
        shared.query(f"{place.format(login)} SET local_preload_libraries = 'nothing'")
    assert "could not access file" in shared.refused("app", "SELECT 1")
    resets = [
        f"ALTER ROLE {login}{place} RESET local_preload_libraries"
        for place in (f" IN DATABASE {DATABASE}", "")
    ]
    says = "has settings of its own that can refuse or end a session; apply or rotate runs "
    refused = f"the login of the secret of app is refused: {login} {says}{'; '.join(resets)}"
    assert refused in shared.drift()
    answer = shared.apply()
    assert (answer["changed"], answer["drift"]) == ([f"ran {reset}" for reset in resets], [])
    shared.as_role("app", "SELECT 1")


def test_rotation_resets_settings_of_both_logins_that_end_sessions(shared: Stage) -> None:
    shared.rotate("app")
    logins = [shared.current("app", label) for label in ("AWSPREVIOUS", "AWSCURRENT")]
    for login in logins:
        name = login["username"]
        done, told = shared.run_as(
            login,
            f"{HERE.format(name)} SET statement_timeout = 1;"
            f"ALTER ROLE {name} SET idle_session_timeout = 1;"
            f"ALTER ROLE {name} SET local_preload_libraries = 'nothing'",
        )
        assert done, told
    # Others stay, and an apply sets what is not as declared.
    turn = logins[0]["username"]
    shared.query(
        f"ALTER ROLE {turn} SET work_mem = '8MB'; ALTER ROLE {turn} SET statement_timeout = 7"
    )
    shared.rotate("app")
    shared.as_role("app", "SELECT 1")
    assert shared.drift() == [
        f"not set: statement_timeout of {turn}",
        f"role {turn} has a setting of its own: work_mem",
    ]
    shared.query(
        f"ALTER ROLE {turn} RESET work_mem; ALTER ROLE {turn} SET statement_timeout = '30s'"
    )


HOLDING = (
    "SELECT count(*) FROM pg_locks WHERE relation = 'pg_db_role_setting'::regclass "
    "AND mode = 'RowExclusiveLock'"
)


@contextmanager
def opening(stage: Stage, credentials: Mapping[str, Any], sql: str) -> Iterator[list[int]]:
    """Let a login open one session after the other, which holds what ``sql`` locks."""
    counts, stop = [0], threading.Event()
    connect = partial(stage.run_as, credentials, f"BEGIN; {sql}; SELECT pg_sleep(9)")

    def again() -> None:
        while not stop.is_set():
            counts[0] += 1
            if "password authentication failed" in connect()[1]:
                return

    threads = [threading.Thread(target=again) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: int(stage.query(HOLDING)) == len(threads))
        yield counts
    finally:
        stop.set()
        stage.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE 'app\\_%'"
        )
        for thread in threads:
            thread.join()


def test_role_that_goes_on_changing_itself_stops_nothing(shared: Stage) -> None:
    held = shared.current("app")
    shared.rotate("app")  # Now it is the turn of the login that goes on.
    shared.query("ALTER ROLE app_1 CONNECTION LIMIT 9; ALTER ROLE app_2 CONNECTION LIMIT 9")
    with opening(shared, held, "ALTER ROLE CURRENT_USER SET work_mem = '4MB'") as counts:
        answer = shared.apply()
        until(lambda: counts[0] > 3)
        shared.rotate("app")  # From here on, the password of those sessions is another one.
    assert {f"set connection limit 20 of app_{number}" for number in (1, 2)} <= {*answer["changed"]}
    # However many there were.
    assert answer["drift"] == [f"ended a session of {held['username']}, which was changing a role"]
    assert shared.run_as(shared.current("app"), "SELECT 1")[0]
