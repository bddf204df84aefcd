"""Giving way, and coming soon: work that nobody waits for leaves the processor to what somebody does wait for."""

import ctypes
import os
import struct
import sys
from contextlib import suppress
from pathlib import Path

_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274, "riscv64": 274}
"""Numbers of the system call sched_setattr(2), for which neither Python nor older C libraries have a name."""
_SCHED_ATTR = struct.Struct("=IIQiIQQQ")
"""`struct sched_attr`: size, policy, flags, nice, priority, then runtime, deadline, period in nanoseconds."""
_SHORTEST = 100_000
"""The shortest slice that the kernel gives, in nanoseconds; the usual one is 0.7 to 3 milliseconds."""
_SHORT = 300_000


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


def come_soon(process: int = 0, *, first: bool = False) -> None:
    """Have whoever somebody waits for run soon after waking: a thread of this machine, this one by default, and all that it begins.

    It asks the kernel (Linux 6.12 and later) for a shorter slice of the processor: whoever has one is let in before those
    of longer ones have used theirs up, and has no more of the processor in all. Who comes `first` comes before others who
    come soon. Nothing is done where there is no such thing.
    """
    number = _SCHED_SETATTR.get(os.uname().machine) if sys.platform == "linux" else None
    if number is None:
        return
    with suppress(OSError):
        nice = os.getpriority(os.PRIO_PROCESS, process)
        policy = os.sched_getscheduler(process)
        if policy == os.SCHED_OTHER:
            asked = _SCHED_ATTR.pack(_SCHED_ATTR.size, policy, 0, nice, 0, _SHORTEST if first else _SHORT, 0, 0)
            ctypes.CDLL(None).syscall(number, process, asked, 0)
