from __future__ import annotations

from stormdb.testing.scratch import ScratchDatabase, ScratchServer

KEYS = {
    "type": "postgres",
    "host": "db.example",
    "port": 5433,
    "username": "tester",
    "password": "p@ss/word",
    "dbname": "shop",
    "sslmode": "disable",
}


def test_a_url_says_all_and_escapes_what_it_must() -> None:
    database = ScratchDatabase(keys=KEYS)
    assert database.name == "shop"
    assert database.url == "postgresql://tester:p%40ss%2Fword@db.example:5433/shop"


def test_its_text_has_no_password() -> None:
    assert "p@ss" not in repr(ScratchDatabase(keys=KEYS))


def test_the_same_database_is_there_for_another_role() -> None:
    other = ScratchDatabase(keys=KEYS).of_role("poor", "secret")
    assert (other.target.user, other.target.password, other.name) == ("poor", "secret", "shop")


def test_a_server_that_a_url_names_is_not_ours_to_restart() -> None:
    with ScratchServer.start("postgresql://tester:p%40ss@db.example:5433/shop") as server:
        assert not server.is_ours
        assert server.administration.url == "postgresql://tester:p%40ss@db.example:5433/shop"
