"""What tests of the thread share."""

import pytest

from steelthread.identity import ledger


@pytest.fixture
def asked(monkeypatch):
    """Note which statements a batch asks."""
    said: list[str] = []
    ask = ledger._binary

    def note(conn, sql, parameters):
        said.append(sql)
        return ask(conn, sql, parameters)

    monkeypatch.setattr(ledger, "_binary", note)
    return said
