"""Who may do what: keys and operators with roles, purposes and attributes, decided by Cedar policies.

The policies are the `.cedar` files of the project's folder `access`, checked against the schema beside this file; without
any, those that `init` writes hold. Cedar decides who may call, read for a purpose, see a field, run a command, break the
glass: never of a row, which `decide` does. A policy that fails while it is evaluated refuses: Cedar itself would skip it,
a `forbid` included. What was decided of a principal is remembered, so a reading pays for one look into a dictionary.
"""

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from steelthread.kit import Invalid
from steelthread.model import Model
from steelthread.privacy.purposes import Purpose, Purposes

FOLDER = "access"
DEFAULT_POLICIES = (resources.files("steelthread.privacy") / "policies" / "default.cedar").read_text("utf-8")
PARTS = ("records", "counts", "totals", "aliases", "traits", "household", "linked")
"""Parts of a profile that are no attributes; policies name them as fields too."""
_SCHEMA = (resources.files("steelthread.privacy") / "policies" / "schema.cedarschema").read_text("utf-8")
_STRICTNESS = ("special", "direct", "indirect", "none")
_REMEMBERED = 10_000


class Principal(msgspec.Struct, frozen=True):
    """Who asks: a key by its number, or an operator by name."""

    kind: Literal["Key", "Operator"]
    name: str
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()


class Ruling(msgspec.Struct, frozen=True):
    """What the policies say, and which of them."""

    allow: bool
    policies: tuple[str, ...]


class _Staff(msgspec.Struct, forbid_unknown_fields=True):
    roles: list[str] = []
    attributes: dict[str, str] = {}


class _StaffFile(msgspec.Struct, forbid_unknown_fields=True):
    operators: dict[str, _Staff] = {}


def read_policies(folder: Path) -> dict[str, str]:
    """Return the policies of a project by the name of their file; the default ones when it has no file of them."""
    files = sorted((folder / FOLDER).glob("*.cedar"))
    try:
        return {one.name: one.read_text("utf-8") for one in files} or {"default.cedar": DEFAULT_POLICIES}
    except UnicodeDecodeError:
        raise Invalid(f"A file of {folder / FOLDER} is not text in UTF-8: mend it.") from None


def permits_operators(folder: Path) -> bool:
    """Whether the policies are those that `init` writes, under which operators do everything: nobody needs to ask then."""
    return list(read_policies(folder).values()) == [DEFAULT_POLICIES]


def read_operators(folder: Path) -> dict[str, Principal]:
    """Return the operators that `access/operators.yaml` names; anybody else at the command line is one without a role."""
    path = folder / FOLDER / "operators.yaml"
    try:
        content = yaml.safe_load(path.read_text("utf-8")) if path.exists() else None
        staff = msgspec.convert(content or {}, _StaffFile).operators
    except (yaml.YAMLError, UnicodeDecodeError):
        raise Invalid(f"{path} is not valid YAML: mend it.") from None
    except msgspec.ValidationError as error:
        raise Invalid(f"{path}: {error}. See docs/access.md for what an operator may say.") from None
    return {
        name: Principal("Operator", name, tuple(one.roles), attributes=tuple(sorted(one.attributes.items())))
        for name, one in staff.items()
    }


class Access:
    """The policies of one project."""

    def __init__(self, folder: Path, purposes: Purposes, model: Model | None = None) -> None:
        import cedarpy  # noqa: PLC0415  # its start is a tenth of a second: who never asks does not pay it

        self._cedar = cedarpy
        self._fields = _fields(model) if model else {}
        self.texts = read_policies(folder)
        for name, text in self.texts.items():
            self._check(name, text)
        self._policies = cedarpy.PolicySet.from_str("\n".join(self.texts.values()))
        known = [_purpose(one) for one in purposes]
        known += [_entity("Field", name, {"name": name, "privacy": one}) for name, one in self._fields.items()]
        self._known = cedarpy.Entities.from_json_str(_json(known))
        self._rulings: dict[Any, Ruling] = {}
        self._hidden: dict[tuple[Principal, str], frozenset[str]] = {}

    def _check(self, name: str, text: str) -> None:
        """Invalid, with the file's name, for what is no policy or does not fit the schema."""
        try:
            self._cedar.PolicySet.from_str(text)
            found = [str(one) for one in self._cedar.validate_policies(text, _SCHEMA).errors]
        except ValueError as error:
            found = [str(error)]
        if found:
            raise Invalid(f"{FOLDER}/{name}: {'; '.join(found)} See docs/access.md for what policies speak of.")

    # -- questions ---------------------------------------------------------------------------------------------------

    def call(self, principal: Principal, scope: str) -> Ruling:
        """Whether a key may call what a scope opens."""
        return self._remembered(principal, "call", ("Scope", scope), {}, [_entity("Scope", scope, {"name": scope})])

    def read(self, principal: Principal, purpose: str, over: str, *, glass: bool = False) -> Ruling:
        """Whether one may read about people for a purpose; `over` is the scope or `command line`."""
        return self._remembered(principal, "read", ("Purpose", purpose), {"over": over, "glass": glass})

    def run(self, principal: Principal, command: Sequence[str]) -> Ruling:
        """Whether an operator may run a command; `key create` lies in `key`."""
        names = [" ".join(command[:end]) for end in range(1, len(command) + 1)]
        added = [_entity("Command", one, {"name": one}, "Command", names[:at]) for at, one in enumerate(names)]
        return self._remembered(principal, "run", ("Command", names[-1]), {}, added)

    def break_glass(self, principal: Principal, purpose: str, minutes: int) -> Ruling:
        """Whether one may read for a purpose that is closed to them, for so many minutes."""
        return self._asked(principal, "break_glass", [("Purpose", purpose)], {"minutes": minutes}, [])[0]

    def hidden(self, principal: Principal, purpose: str) -> frozenset[str]:
        """Return the fields that one may not see, whatever the purpose shows.

        A key sees what a policy permits; an operator what none forbids: roles of operators order work.
        """
        known = self._hidden.get((principal, purpose))
        if known is None:
            context = {"purpose": {"__entity": {"type": "Purpose", "id": purpose}}}
            rulings = self._asked(principal, "see", [("Field", one) for one in self._fields], context, [])
            known = frozenset(
                name
                for name, one in zip(self._fields, rulings, strict=True)
                if not one.allow and (principal.kind == "Key" or one.policies)
            )
            if len(self._hidden) > _REMEMBERED:
                self._hidden.clear()
            self._hidden[principal, purpose] = known
        return known

    def _remembered(
        self,
        principal: Principal,
        action: str,
        resource: tuple[str, str],
        context: Mapping[str, Any],
        added: Sequence[Any] = (),
    ) -> Ruling:
        asked = (principal, action, resource, *context.values())
        known = self._rulings.get(asked)
        if known is None:
            if len(self._rulings) > _REMEMBERED:
                self._rulings.clear()
            known = self._rulings[asked] = self._asked(principal, action, [resource], context, added)[0]
        return known

    def _asked(
        self,
        principal: Principal,
        action: str,
        wanted: Sequence[tuple[str, str]],
        context: Mapping[str, Any],
        added: Sequence[Any],
    ) -> list[Ruling]:
        entities = self._known.with_added_json_str(_json([_principal(principal), *added]))
        requests = [
            {
                "principal": {"type": principal.kind, "id": principal.name}, "action": {"type": "Action", "id": action},
                "resource": {"type": kind, "id": name}, "context": dict(context),
            }
            for kind, name in wanted
        ]  # fmt: skip
        return [_ruling(one) for one in self._cedar.is_authorized_batch(requests, self._policies, entities)]


def _ruling(answer: Any) -> Ruling:
    names = answer.diagnostics.id_annotations_by_reason
    told = tuple(sorted(names.get(one) or one for one in answer.diagnostics.reasons))
    if answer.diagnostics.errors:
        return Ruling(False, ("a policy that failed", *told))
    return Ruling(answer.allowed, told)


def _json(entities: Sequence[Any]) -> str:
    return msgspec.json.encode(entities).decode()


def _entity(
    kind: str, name: str, attributes: Mapping[str, Any], parent: str = "", parents: Sequence[str] = ()
) -> dict[str, Any]:
    return {
        "uid": {"type": kind, "id": name}, "attrs": attributes, "parents": [{"type": parent, "id": one} for one in parents],
    }  # fmt: skip


def _purpose(one: Purpose) -> dict[str, Any]:
    above = one.name.rpartition(".")[0]
    told = {"name": one.name, "legalBasis": one.legal_basis, "effect": one.effect, "covers": list(one.covers)}
    return _entity("Purpose", one.name, told, "Purpose", [above] if above else [])


def _principal(one: Principal) -> dict[str, Any]:
    attributes: dict[str, Any] = {"name": one.name}
    if one.kind == "Key":
        attributes |= {"scopes": list(one.scopes), "purposes": list(one.purposes)}
    return {**_entity(one.kind, one.name, attributes, "Role", one.roles), "tags": dict(one.attributes)}


def _fields(model: Model) -> dict[str, str]:
    """Return field -> privacy class, the strictest that an attribute of this name has anywhere."""
    found = dict.fromkeys(PARTS, "none")
    for entity in model.entities.values():
        for one in entity.attributes.values():
            found[one.name] = min(found.get(one.name, "none"), one.privacy, key=_STRICTNESS.index)
    return dict(sorted(found.items()))
