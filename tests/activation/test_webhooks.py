"""Webhooks to a real receiver: signed, retried, given up, tried again; secrets rotate without a gap."""

import json
import time
from datetime import timedelta

import pytest
from tests.activation.receivers import Receiver

from steelthread.activation import (
    Aim,
    Deliverer,
    add_webhook,
    dead_letters,
    list_webhooks,
    new_secret,
    remove_webhook,
    retry_webhook,
    rotate_secret,
    signed,
    verified,
)
from steelthread.activation.deliver import SCHEDULE
from steelthread.kit import Conflict, Invalid, NotFound, now


@pytest.fixture
def receiver():
    one = Receiver()
    yield one
    one.close()


def add(space, receiver, types=()):
    with space.database.connect() as conn:
        return add_webhook(conn, space.vault, space.log, "shop", receiver.url, types, Aim("operations"))


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def standing(space):
    with space.database.connect() as conn:
        return list_webhooks(conn)[0]


@pytest.fixture
def deliver(space):
    running = []

    def start(schedule=(0.05, 0.05)):
        running.append(Deliverer(space, schedule))
        running[-1].start()

    yield start
    for one in running:
        one.stop()


def test_changes_arrive_signed_and_once(space, load, receiver, deliver):
    load("before", "customer_id,first_name,email\n1,Old,old@example.com\n")
    secret = add(space, receiver, ["profile.created"])
    deliver()
    deliver()  # two processes share the work
    load("crm", "customer_id,first_name,email\n" + "".join(f"{n},Ann,ann{n}@example.com\n" for n in range(150)))
    until(lambda: standing(space).delivered == 2)
    told = []
    for _, headers, body in receiver.got:
        assert headers["content-type"] == "application/cloudevents-batch+json"
        assert verified(secret, headers, body, time.time())
        assert not verified(secret, headers, body + b" ", time.time())
        assert not verified(new_secret(), headers, body, time.time())
        assert not verified(secret, headers, body, time.time() + 600)
        assert b"example.com" not in body
        told += json.loads(body)
    assert {one["type"] for one in told} == {"profile.created"}
    assert len({one["subject"] for one in told}) == len(told) == 150
    assert standing(space).waiting == 0


def test_what_fails_is_tried_again_then_dead_then_tried_anew(space, load, receiver, deliver):
    add(space, receiver, ["profile.created"])
    receiver.answers = [500, 429, 503]
    deliver()
    load("crm", "customer_id,first_name,email\n1,Ann,ann@example.com\n")
    until(lambda: standing(space).dead == 1)
    with space.database.connect() as conn:
        (dead,) = dead_letters(conn, "shop", 10)
        assert (dead.attempts, dead.last, dead.events) == (3, "503", 1)
        assert retry_webhook(conn, space.vault, "shop") == 1
        conn.commit()
    until(lambda: standing(space).delivered == 1)
    assert len({headers["webhook-id"] for _, headers, _ in receiver.got}) == 1
    assert [status for status, _, _ in receiver.got] == [500, 429, 503, 204]


def test_what_waits_for_a_later_attempt_says_why_and_can_be_tried_at_once(space, load, receiver, deliver):
    add(space, receiver, ["profile.created"])
    receiver.answers = [500]
    deliver((7200,))
    load("crm", "customer_id,first_name,email\n1,Ann,ann@example.com\n")
    until(lambda: standing(space).last)
    waits = standing(space)
    assert (waits.waiting, waits.dead, waits.last) == (1, 0, "500")
    assert waits.next_at - now() > timedelta(hours=1)
    with space.database.connect() as conn:
        assert retry_webhook(conn, space.vault, "shop") == 1
        conn.commit()
    until(lambda: standing(space).delivered == 1)
    assert len({headers["webhook-id"] for _, headers, _ in receiver.got}) == 1
    assert (standing(space).last, standing(space).next_at) == ("", None)


def test_retries_wait_as_standard_webhooks_proposes_and_longer_where_the_receiver_asks_for_it(
    space, load, receiver, deliver
):
    """Nobody waits three days: each pause is read where it is written, and then over."""
    hours = [5 / 3600, 5 / 60, 0.5, 2, 5, 10, 14, 20, 24]
    asked = {1: 1200, 3: 60}  # the former is longer than the schedule's 5 minutes, the latter shorter than its 2 hours
    receiver.answers = [(503, asked[number]) if number in asked else 500 for number in range(len(hours) + 1)]
    add(space, receiver, ["profile.created"])
    deliver(SCHEDULE)
    load("crm", "customer_id,first_name,email\n1,Ann,ann@example.com\n")
    pauses = []
    with space.database.connect() as conn:
        conn.autocommit = True
        for number in range(len(hours)):
            sql = "select extract(epoch from next_at - now())::float8 from activation.delivery where attempts = %s"
            until(lambda: conn.execute(sql, (number + 1,)).fetchone())  # noqa: B023  # it is asked at once
            pauses.append(conn.execute(sql, (number + 1,)).fetchone()[0])
            conn.execute("update activation.delivery set next_at = now()")
    for number, (pause, usual) in enumerate(zip(pauses, hours, strict=True)):
        least = max(usual * 3600, asked.get(number, 0))
        assert least - 3 <= pause <= max(usual * 3600 * 1.1, least) + 0.1, (number, pause)
    until(lambda: standing(space).dead == 1)
    assert len(receiver.got) == len(hours) + 1


def test_a_receiver_that_is_gone_is_told_no_more(space, load, receiver, deliver):
    add(space, receiver, ["profile.created"])
    receiver.answers = [410]
    deliver()
    load("crm", "customer_id,first_name,email\n1,Ann,ann@example.com\n")
    until(lambda: standing(space).disabled)
    load("shop", "customer_id,first_name,email\n7,Bob,bob@example.com\n")
    time.sleep(0.3)
    assert len(receiver.got) == 1
    with space.database.connect() as conn:
        retry_webhook(conn, space.vault, "shop")
        conn.commit()
    until(lambda: standing(space).delivered == 2)
    assert not standing(space).disabled


def test_a_dead_address_does_not_hold_up_the_others(space, load, receiver, deliver):
    add(space, receiver, ["profile.created"])
    with space.database.connect() as conn:
        add_webhook(conn, space.vault, space.log, "nobody", "http://127.0.0.1:9/", [], Aim("operations"))
    deliver()
    load("crm", "customer_id,first_name,email\n1,Ann,ann@example.com\n")
    until(lambda: {one.name: one.delivered for one in _listed(space)} == {"shop": 1, "nobody": 0})
    until(lambda: {one.name: one.dead for one in _listed(space)}["nobody"] >= 1)
    with space.database.connect() as conn:
        assert dead_letters(conn, "nobody", 1)[0].last == "ConnectError"


def _listed(space):
    with space.database.connect() as conn:
        return list_webhooks(conn)


def test_secrets_rotate_without_a_gap(space, load, receiver, deliver):
    first = add(space, receiver, ["profile.created"])
    with space.database.connect() as conn:
        second = rotate_secret(conn, space.vault, "shop", timedelta(hours=1))
    deliver()
    load("crm", "customer_id,first_name,email\n1,Ann,ann@example.com\n")
    until(lambda: len(receiver.got) == 1)
    _, headers, body = receiver.got[0]
    assert verified(first, headers, body, time.time())
    assert verified(second, headers, body, time.time())
    with space.database.connect() as conn:
        third = rotate_secret(conn, space.vault, "shop", timedelta(0))
    load("shop", "customer_id,first_name,email\n7,Bob,bob@example.com\n")
    until(lambda: len(receiver.got) == 2)
    _, headers, body = receiver.got[1]
    assert [verified(one, headers, body, time.time()) for one in (first, second, third)] == [False, False, True]


def test_the_example_of_the_standard():
    """The test vector of the Standard Webhooks specification's libraries."""
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    headers = signed([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_is_refused(space, receiver):
    add(space, receiver)
    with space.database.connect() as conn:
        stored = conn.execute("select sealed::text || types::text from activation.webhook").fetchone()[0]
        assert "127.0.0.1" not in stored
        with pytest.raises(Conflict):
            add_webhook(conn, space.vault, space.log, "shop", receiver.url, [])
        with pytest.raises(Invalid):
            add_webhook(conn, space.vault, space.log, "two", "ftp://shop.example/", [])
        with pytest.raises(Invalid):
            add_webhook(conn, space.vault, space.log, "two", receiver.url, ["profile.eaten"])
        remove_webhook(conn, space.vault, "shop")
        assert list_webhooks(conn) == []
        with pytest.raises(NotFound):
            rotate_secret(conn, space.vault, "shop", timedelta(0))
