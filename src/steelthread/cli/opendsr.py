"""`opendsr ...`: requests of controllers, and erasures carried on to destinations."""

from pathlib import Path
from uuid import UUID

import msgspec
from cyclopts import App

from steelthread.cli.shell import DEFAULT, Common, actor, app, cell, emit, out
from steelthread.rights import Controller, Processor, RequestDesk, standing

opendsr = App(name="opendsr", help="OpenDSR 2.0: what other companies ask of us, and what we ask of them.")
app.command(opendsr)


@opendsr.command
def status(*, common: Common = DEFAULT) -> None:
    """List what destinations have not settled: who was told, how it stands, what went wrong."""
    with common.space() as space, space.database.connect() as conn:
        found = Controller(space).notices.open_ones(conn)
    if common.json:
        emit({"notices": found})
        return
    for one in found:
        line = f"{one.erasure_id}  {one.destination}  {one.kind}  {one.state}  since {one.made_at:%Y-%m-%d %H:%M}  {one.told}"
        out.print(cell(line), soft_wrap=True)
    out.print(f"{len(found)} open")


@opendsr.command
def follow(*, common: Common = DEFAULT) -> None:
    """Do what controllers asked for, tell destinations, and ask how they stand: what `serve` does every minute."""
    with common.acting("opendsr follow") as space:
        done = Processor(space).work()
        told = Controller(space, RequestDesk(space).settled).follow()
    if common.json:
        emit({"requests": done, "notices": told})
    else:
        out.print(f"{done} requests done, {told} notices worked on")


@opendsr.command
def certificate(erasure: UUID, /, *, output: Path | None = None, common: Common = DEFAULT) -> None:
    """Certify how an erasure stands at its destinations; checked offline like the certificate of the erasure.

    Parameters
    ----------
    erasure
        Number of the erasure, as `erase` tells it.
    output
        File to write the certificate to.
    """
    with common.space() as space, space.database.connect() as conn:
        controller = Controller(space)
        told = controller.certificate(conn, erasure, f"operator {actor()}")
        stands = standing(controller.notices.of(conn, erasure))
        conn.commit()
    if output is not None:
        output.write_bytes(msgspec.json.encode(told))
    if common.json:
        emit(told)
        return
    for name, one in stands.items():
        out.print(cell(f"{name}: {one['state']}  {one['told']}"), soft_wrap=True)
