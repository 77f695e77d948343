"""The servers that tests are given: real, private, and fresh for each test."""

import psycopg
import redis

from ops.embedded.postgres import Place


def test_a_database_is_migrated_and_empty(database: str) -> None:
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM log.events").fetchone() == (0,)
        connection.execute("CREATE TABLE left_behind ()")


def test_the_next_database_is_another(database: str) -> None:
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT to_regclass('left_behind')").fetchone() == (None,)


def test_the_server_answers_on_a_socket_only(postgres_server: Place) -> None:
    with psycopg.connect(postgres_server.url("postgres")) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_the_broker_evicts_nothing(valkey: str) -> None:
    with redis.Redis.from_url(valkey) as connection:
        assert connection.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
