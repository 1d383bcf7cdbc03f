"""Addresses that name several servers of Postgres."""

import pytest

from credit.pool import servers


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("postgresql://me@a/db", ["postgresql://me@a/db"]),
        ("postgresql:///db?host=/run", ["postgresql:///db?host=/run"]),
        ("postgresql://a,b:6000/db", ["postgresql://a/db", "postgresql://b:6000/db"]),
        (
            "postgresql://me:p%40,ss@a:1,b:2,[::1]:3/db?target_session_attrs=read-write&ssl=on",
            [
                "postgresql://me:p%40,ss@a:1/db?target_session_attrs=read-write&ssl=on",
                "postgresql://me:p%40,ss@b:2/db?target_session_attrs=read-write&ssl=on",
                "postgresql://me:p%40,ss@[::1]:3/db?target_session_attrs=read-write&ssl=on",
            ],
        ),
    ],
)
def test_address_of_several_servers_becomes_one_for_each(address: str, expected: list[str]) -> None:
    """Each keeps the account, the database and the options; a comma in a password is no server."""
    assert servers(address) == expected
