"""Giving way: work that nobody waits for leaves the processor to what somebody does wait for."""

import os
from contextlib import suppress
from pathlib import Path


def give_way(niceness: int, process: int = 0) -> None:
    """Have a process of this machine, this one by default, give way to others by so many steps of `nice`.

    Where the kernel shares the processor among sessions (Linux with autogroup, outside of containers), niceness counts
    among the processes of one session only, and the session's own among all: it is set too, so the process should lead a
    session of its own. Threads begun before are left as they are. Nothing is done where it is not allowed.
    """
    if niceness <= 0:
        return
    process = process or os.getpid()
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process, os.getpriority(os.PRIO_PROCESS, process) + niceness)
    with suppress(OSError):
        if os.getsid(process) == process:
            session = Path(f"/proc/{process}/autogroup")
            # "/autogroup-25 nice 0"; nothing at all where the kernel could share among sessions and does not
            if group := session.read_text("ascii").split():
                session.write_text(str(int(group[-1]) + niceness), "ascii")
