"""Running PostgreSQL as root: it refuses, so the child drops to an unprivileged user.

The user keeps CAP_DAC_OVERRIDE (and CAP_DAC_READ_SEARCH where we have it) as ambient capabilities, so that it reaches a
project below a home that others cannot enter, and no parent folder's permissions are touched. See capabilities(7).
"""

import ctypes
import os
import pwd
import struct

_PR_SET_SECUREBITS = 28
_NO_SETUID_FIXUP = 1 << 2
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_DAC_OVERRIDE = 1
_DAC_READ_SEARCH = 2
_VERSION_3 = 0x20080522


def unprivileged() -> tuple[int, int] | None:
    """Return (uid, gid) to run as; None when we are an ordinary user ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return 65534, 65534
    return nobody.pw_uid, nobody.pw_gid


def drop() -> None:
    """Become the unprivileged user, in a child before exec; keeps the right to pass folders."""
    user = unprivileged()
    if user is None:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    # Without the fix-up, capabilities stay over setuid, and access(2) looks at them too.
    libc.prctl(_PR_SET_SECUREBITS, _NO_SETUID_FIXUP, 0, 0, 0)
    os.setgroups([])
    os.setresgid(user[1], user[1], user[1])
    os.setresuid(user[0], user[0], user[0])
    for wanted in ((_DAC_OVERRIDE, _DAC_READ_SEARCH), (_DAC_OVERRIDE,)):
        bits = sum(1 << capability for capability in wanted)
        header = struct.pack("=Ii", _VERSION_3, 0)
        content = struct.pack("=6I", bits, bits, bits, 0, 0, 0)
        if libc.capset(header, content) == 0:
            for capability in wanted:
                libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0)
            return
