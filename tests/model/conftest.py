"""Outside implementations that several tests read exports with."""

import json

import psycopg
import pytest
from mermaidx.engine import Engine


@pytest.fixture
def database(server):
    with psycopg.connect(server.conninfo, autocommit=True) as conn:
        conn.execute("drop schema if exists canonical cascade; create schema canonical")
        conn.execute("set search_path = canonical")
        yield conn
        conn.execute("drop schema canonical cascade")


@pytest.fixture(scope="module")
def mermaid_js():
    """Give the parser of mermaid.js itself: text -> what it says of it."""
    engine = Engine()
    engine.start()

    def parse(text):
        def run():
            context = engine._ctx
            context.eval(
                f"globalThis.told = ''; mermaid.parse({json.dumps(text)})"
                ".then(one => { told = JSON.stringify(one) }).catch(one => { told = 'wrong: ' + one })"
            )
            while context.execute_pending_job():
                pass
            return context.eval("told")

        return engine._executor.submit(run).result()

    yield parse
    engine.close()
