"""A contact point is shown once, with its state: declared, verified or bounced."""

import pytest

MAPPING = """name: {name}
key: id
observed_at: at
entities:
  - entity: Individual
    attributes: {{firstName: first}}
  - entity: ContactPointEmail
    attributes: {{emailAddress: email{more}}}
"""


def state(space, load, sources):
    for name, more, text in sources:
        (space.project.sources / f"{name}.yaml").write_text(MAPPING.format(name=name, more=more))
        load(name, text)
    with space.database.connect() as conn:
        (point,) = space.reader(conn).profile("email:ann@example.com")["contactPoints"]
    return point["state"], point["sources"]


CRM = ("crm", "", "id,at,first,email\n1,2026-01-01,Ann,ann@example.com\n")
MAILER = ("mailer", ", isUndeliverable: back", "id,at,first,email,back\n9,{at},Ann,ann@example.com,{back}\n")


@pytest.mark.parametrize(
    ("at", "back", "shown"),
    [("2026-02-01", "yes", "bounced"), ("2025-02-01", "yes", "bounced"), ("2026-02-01", "no", "declared")],
)
def test_a_bounce_is_seen_whatever_others_declare(space, load, at, back, shown):
    name, more, text = MAILER
    told = state(space, load, [CRM, (name, more, text.format(at=at, back=back))])
    assert told == (shown, ["crm", "mailer"])


def test_an_address_that_was_only_given_is_declared(space, load):
    assert state(space, load, [CRM]) == ("declared", ["crm"])


def test_a_confirmed_address_is_verified_until_it_bounces(space, load):
    shop = ("shop", ", isVerified: ok", "id,at,first,email,ok\n3,2026-01-05,Ann,ann@example.com,yes\n")
    assert state(space, load, [CRM, shop]) == ("verified", ["crm", "shop"])
    name, more, text = MAILER
    assert state(space, load, [(name, more, text.format(at="2026-03-01", back="yes"))])[0] == "bounced"
