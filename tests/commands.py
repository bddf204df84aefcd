"""Run a command of the command line in a process of its own that has imported everything before: `python -m steelthread` less a second.

A nursery imports the command line once and forks for each command: own memory, arguments, environment, output and exit
code. What is to be killed, waited for or typed into is started as a program (`subprocess.Popen`), as users start it.
"""

import atexit
import contextlib
import functools
import gc
import json
import locale
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = [sys.executable, "-m", "steelthread"]


def run(command, *, text=False, check=False, env=None, given=None):
    """Run `python -m steelthread ...` as `subprocess.run` does, with its input given and what it says captured."""
    assert command[:3] == PROGRAM
    words = [os.fspath(word) for word in command[3:]]
    asked = json.dumps([words, dict(os.environ if env is None else env), str(Path.cwd())])
    ours, theirs = socket.socketpair()
    with ours, tempfile.TemporaryFile() as read, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        read.write((given or "").encode())
        read.seek(0)
        with theirs:
            socket.send_fds(_nursery(), [b"."], [theirs.fileno(), read.fileno(), out.fileno(), err.fileno()])
        ours.sendall(asked.encode())
        ours.shutdown(socket.SHUT_WR)
        code = int(ours.makefile().read())
        said = [_read(stream, text) for stream in (out, err)]
    done = subprocess.CompletedProcess(command, code, *said)
    if check:
        done.check_returncode()
    return done


def _read(stream, text):
    stream.seek(0)
    said = stream.read()
    return said.decode(locale.getencoding()).replace("\r\n", "\n") if text else said


@functools.cache
def _nursery():
    """Start the nursery of this process; it ends when this process does."""
    ours, theirs = socket.socketpair()
    with theirs:
        subprocess.Popen([sys.executable, __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()]).returncode = 0
    atexit.register(ours.close)
    return ours


def _serve(asked):
    """Fork for each command that is asked for, until nobody can ask any more; the child returns, to see to the command."""
    while True:
        _, fds, _, _ = socket.recv_fds(asked, 1, 4)
        if not fds:
            os._exit(0)
        if not os.fork():
            asked.close()
            return fds
        for one in fds:
            os.close(one)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _become(fds):
    """Be the command that is asked for, in a process whose parent tells how it ended; return its words."""
    answer = socket.socket(fileno=fds[0])
    words, environment, folder = json.loads(answer.makefile().read())
    if child := os.fork():
        status = os.waitpid(child, 0)[1]
        answer.sendall(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    answer.close()
    for stream, fd in enumerate(fds[1:]):
        os.dup2(fd, stream)
        os.close(fd)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    return words


def _main():
    sys.path.pop(0)  # the folder of the tests, which no command has
    from steelthread.cli import main  # noqa: PLC0415  # in the nursery only

    gc.collect()
    gc.freeze()  # what is there already is not looked through by each command
    words = _become(_serve(socket.socket(fileno=int(sys.argv[1]))))
    sys.argv = ["steelthread", *words]
    main()


if __name__ == "__main__":
    _main()
