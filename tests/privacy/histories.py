"""Made-up histories of consent, from bytes; the policy and the questions that the laws are checked with."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from steelthread.privacy import Decider, Purpose, Purposes, Statement

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(days=40)
PURPOSES = Purposes(
    {
        "marketing": Purpose(channels=["email", "sms"]),
        "marketing.news": Purpose(double_opt_in=True),
        "analytics": Purpose(legal_basis="legitimate_interests", effect="profiling"),
        "law": Purpose(legal_basis="legal_obligation"),
    }
)
DECIDER = Decider(PURPOSES)
SAID = [
    "given", "refused", "withdrawn", "objected", "opted_out", "limited", "expired", "double_confirmed", "restricted",
    "unrestricted", "minor", "authorised",
]  # fmt: skip
QUESTIONS = [
    ("marketing", ""), ("marketing", "email"), ("marketing", "sms"), ("marketing.news", "email"), ("analytics", ""), ("law", ""),
]  # fmt: skip


_PURPOSES = ["marketing", "marketing", "marketing.news", "analytics", "law", "*"]
_WORDS = [*SAID, "given", "given", "double_confirmed"]
SIZE = 6


def history(content, nodes, first):
    """Read bytes as a history: Hypothesis makes and shrinks bytes twenty times faster than objects."""
    statements = []
    for place in range(0, len(content) - SIZE + 1, SIZE):
        node, purpose, word, day, late, rest = content[place : place + SIZE]
        when = START + timedelta(days=day % 13)
        statements.append(
            Statement(
                event_id=UUID(int=first + place),
                node=nodes[node % 2],
                scope="contact_point",
                purpose=_PURPOSES[purpose % 6],
                said=_WORDS[word % 15],
                occurred_at=when,
                recorded_at=when + timedelta(days=late % 4),
                channel=["", "email", "sms"][rest % 3],
                valid_until=[None, None, START + timedelta(days=5), START + timedelta(days=50)][rest // 3 % 4],
                signal="gpc" if rest > 190 else "",
            )
        )
    return statements
