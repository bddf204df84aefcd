"""`erase`, `erased`: people erased, one or many at once, with proof."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import msgspec
from cyclopts import Parameter

from steelthread.cli.shell import DEFAULT, Common, actor, app, emit, err, out
from steelthread.kit import Misused, NotFound
from steelthread.rights import (
    BatchErased,
    Erased,
    RequestDesk,
    carry_on,
    erase_batch,
    erase_requested,
    list_erasures,
    show_erasure,
    write_certificates,
)
from steelthread.rights import erase as erase_person
from steelthread.thread import Space


@app.command
def erase(
    ref: str = "",
    /,
    *,
    list: Path | None = None,
    requests: bool = False,
    carry_on: bool = False,
    dry_run: Annotated[bool, Parameter(name="--dry-run")] = False,
    anonymise: bool = False,
    output: Path | None = None,
    common: Common = DEFAULT,
) -> None:
    """Erase a person over the whole graph, with proof: rows deleted, keys destroyed, everything searched, a certificate.

    Many at once (--list, --requests) go in one batch: everything is searched once, and each gets a certificate. A batch
    that was cut off is carried on by --carry-on, or by `serve` within a minute.

    Parameters
    ----------
    ref
        Any of the person's identifiers or records, or the universal ID.
    list
        A file with such a reference on each line: all of them are erased in one batch.
    requests
        Grant all open requests for erasure of which nothing is still to be shown, in one batch.
    carry_on
        Carry batches that were cut off to their ends.
    dry_run
        Say what would go, and change nothing.
    anonymise
        Keep what the person came to in counts by month of nobody in particular, so that totals stay true.
    output
        File for the certificate (it is in the answer of --json too); with many a new folder for all of them.
    """
    if bool(ref) + (list is not None) + requests + carry_on != 1:
        raise Misused("Say whom to erase: a reference, or --list FILE, or --requests, or --carry-on.")
    if (requests or carry_on) and (dry_run or anonymise):
        raise Misused("--dry-run and --anonymise go with a reference or --list.")
    who = f"operator {actor()}"
    with common.space() as space:
        if ref:
            _one(erase_person(space, ref, who, dry_run=dry_run, anonymise=anonymise), output, common)
            return
        if list is not None:
            refs = [line.strip() for line in list.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
            done: Sequence[BatchErased] = [erase_batch(space, refs, who, dry_run=dry_run, anonymise=anonymise)]
            told: Any = done[0]
        elif requests:
            told = erase_requested(space, RequestDesk(space), who)
            done = [told.batch] if told.batch else []
        else:
            told = done = _carried_on(space, who)
        _certificates(space, done, output)
    _many(done, told, common)


def _carried_on(space: Space, who: str) -> Sequence[BatchErased]:
    return carry_on(space, RequestDesk(space), who)


def _certificates(space: Space, done: Sequence[BatchErased], folder: Path | None) -> None:
    for number, one in enumerate(done):
        if folder is not None and not one.dry_run:
            own = folder if len(done) == 1 else folder / str(number + 1)
            with space.database.connect() as conn:
                write_certificates(conn, one.batch_id, own)
            one.certificates = str(own)


def _one(done: Erased, output: Path | None, common: Common) -> None:
    if output is not None and done.certificate:
        output.write_bytes(msgspec.json.encode(done.certificate))
    if common.json:
        emit(done)
    else:
        _stores(done.stores)
        out.print(
            f"{done.rows:,} rows {_verb(dry_run=done.dry_run)}, {done.keys_destroyed:,} data keys; "
            f"{done.kept_shared} identifiers stay with others."
        )
        if not done.dry_run:
            out.print(f"Searched everything: {len(done.hits)} hits. Request {done.request_id}", markup=False)
            _hits(done.hits)
    if done.hits:
        sys.exit(1)


def _many(done: Sequence[BatchErased], told: Any, common: Common) -> None:
    if common.json:
        emit(told)
    else:
        for one in done:
            _stores(one.stores)
            out.print(
                f"{one.people:,} people, {one.rows:,} rows {_verb(dry_run=one.dry_run)}, {one.keys_destroyed:,} data keys."
            )
            for other in one.not_erased[:20]:
                out.print(f"  not {other['number']}: {other['state']} {other.get('why', '')}", markup=False)
            if not one.dry_run:
                out.print(f"Searched everything: {len(one.hits)} hits. Batch {one.batch_id}", markup=False)
                _hits(one.hits)
        if not done:
            err.print("There is nobody to erase.")
    if any(one.hits for one in done):
        sys.exit(1)


def _verb(*, dry_run: bool) -> str:
    return "would go" if dry_run else "went"


def _stores(stores: Sequence[dict[str, Any]]) -> None:
    for store in stores:
        if store["rows"]:
            out.print(f"{store['rows']:>8,}  {store['store']}", markup=False)


def _hits(hits: Sequence[dict[str, Any]]) -> None:
    for hit in hits:
        out.print(f"  {hit['where']} ({hit['format']}, {hit['form']})", markup=False)


@app.command
def erased(number: UUID | None = None, /, *, output: Path | None = None, common: Common = DEFAULT) -> None:
    """Show erasures: the latest, or one of them, or a batch, with their certificates again.

    Parameters
    ----------
    number
        The request id of an erasure, or the number of a batch.
    output
        File for the certificate of an erasure, or a new folder for those of a batch.
    """
    with common.space() as space, space.database.connect() as conn:
        if number is None:
            if output is not None:
                raise Misused("Say which: the request id of an erasure, or the number of a batch.")
            told: Any = list_erasures(conn)
        else:
            told = show_erasure(conn, number)
            if told is None:
                raise NotFound("There is no erasure, and no batch of erasures, of this number.")
            if output is not None and "certificate" not in told:
                write_certificates(conn, number, output)
            elif output is not None:
                output.write_bytes(msgspec.json.encode(told["certificate"]))
    if common.json:
        emit(told)
        return
    for one in told if number is None else [told]:
        what = f"{one['people']:,} people" if "people" in one else f"{one['rows']:,} rows"
        out.print(f"{one['at'][:19]}  {one['id']}  {one['form']}  {what}  {one['state']}", markup=False, soft_wrap=True)
