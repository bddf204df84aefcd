"""What a live event is, whatever dialect it was told in."""

from typing import Any, Literal, Protocol

import msgspec

from steelthread.intake.live.record_keys import event_key

MessageType = Literal["track", "identify", "page", "screen", "group", "alias"]


class Message(msgspec.Struct, omit_defaults=True):
    """One live event in Segment's words (its specification, "Common fields"), checked and with its clock corrected.

    Times are microseconds since 1970. `timestamp` is receivedAt - (sentAt - originalTimestamp) where a client said both.
    """

    id: str
    """The client's `messageId`; made at the door when absent. At most 200 characters."""
    type: MessageType
    timestamp: int
    received: int
    event: str = ""
    """Name of the track event, or of the page or screen."""
    user_id: str = ""
    anonymous_id: str = ""
    previous_id: str = ""
    """The former identifier of an alias."""
    group_id: str = ""
    traits: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    context: dict[str, Any] = {}
    integrations: dict[str, Any] = {}
    external_ids: list[tuple[str, str]] = []
    """Further identifiers, as (kind, value): `context.externalIds`, a dialect's own device or session cookie."""
    once: dict[str, Any] = {}
    """Traits that hold only where nothing is known yet (`$set_once`)."""
    per_source: bool = False
    """Whether `id` tells events apart within its source only (CloudEvents, webhooks), not in the whole space."""
    mapped: bool = False
    """Whether the source's mapping says what `properties` mean, not the words of Segment."""

    @property
    def key(self) -> str:
        """What tells it from all other events of its source."""
        return event_key(self.id, per_source=self.per_source)


class LiveSource(msgspec.Struct, frozen=True):
    """A source that receives live events."""

    name: str
    source_id: int


class Acceptor(Protocol):
    """Keeps events for good; the collector tells its client "ok" after that."""

    async def accept(self, source: LiveSource, messages: list[Message]) -> None:
        """Return when the events are durable; Overloaded when too much waits already."""
