"""Errors as problem documents: a database that is away is no defect, and nothing of the error's own words is told."""

import socket

import psycopg
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from psycopg_pool import ConnectionPool

from steelthread.api.problems import install


@pytest.fixture
def away():
    """Where no database answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield f"host=127.0.0.1 port={free.getsockname()[1]} user=needle dbname=needle connect_timeout=2"


def test_a_database_that_is_away_is_told_as_such_with_when_to_ask_again(away):
    api = FastAPI()
    install(api)

    @api.get("/connected")
    def connected() -> None:
        psycopg.connect(away)

    @api.get("/pooled")
    def pooled() -> None:
        with ConnectionPool(away, min_size=1, open=True, timeout=0.3) as pool, pool.connection():
            pass

    client = TestClient(api)
    for path in ("/connected", "/pooled"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json()["detail"] == "The database does not answer at this moment: ask again."
        assert "needle" not in answer.text
