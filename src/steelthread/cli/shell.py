"""What all commands share: the app, the common options, the consoles."""

import getpass
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from cyclopts import App, Parameter
from rich.console import Console
from rich.text import Text

from steelthread import __version__
from steelthread.app import reading_purpose
from steelthread.kit import Project, open_project
from steelthread.rights import Auditor
from steelthread.thread import Space

app = App(
    name="steelthread",
    help="One profile per customer under one universal ID, from all your systems.",
    version=__version__,
    suppress_keyboard_interrupt=False,  # main says what stays
)
out = Console(soft_wrap=False, highlight=False)
err = Console(stderr=True, highlight=False)


@Parameter(name="*")
@dataclass(frozen=True)
class Common:
    """Options of every command."""

    project: Path = Path()
    """Folder of the project."""
    json: bool = False
    """Print one line of JSON on stdout, for programs."""

    def open(self) -> Project:
        """Read the project's settings."""
        return open_project(self.project)

    def space(self) -> Space:
        """Open the project with its database and keyring."""
        return Space(self.open())

    def reading(self, what: str, *refs: str) -> Space:
        """Open the project for reading about people: as the operator, under its default purpose; the audit log tells."""
        space = Space(self.purposeful())
        purpose = space.project.settings.project.default_purpose
        Auditor(space).read(f"operator {actor()}", what, purpose, refs)
        return space

    def purposeful(self) -> Project:
        """Read the project's settings; Invalid when there is no purpose under which the operator may read."""
        project = self.open()
        reading_purpose(project)
        return project

    def acting(self, what: str, *refs: str, **details: Any) -> Space:
        """Open the project for an operator's action; the audit log tells."""
        space = self.space()
        Auditor(space).act(f"operator {actor()}", what, refs, **details)
        return space


DEFAULT = Common()


def emit(content: Any) -> None:
    """Print one line of JSON."""
    print(msgspec.json.encode(content).decode(), flush=True)  # noqa: T201  # stdout is what --json is for


def cell(value: object) -> Text:
    """Return a value for a table as it stands: brackets are no markup, and nothing in it steers the terminal."""
    return Text("".join(one if one.isprintable() or one == "\n" else " " for one in str(value)))


def complain(message: str) -> None:
    """Print an error, for people, on stderr."""
    err.print("[bold red]error:[/bold red]", end=" ")
    err.print(message, markup=False, soft_wrap=True)


def note(message: str) -> None:
    """Print a remark on stderr."""
    err.print(message, markup=False, style="dim", soft_wrap=True)


def actor() -> str:
    """Return who is at the keyboard."""
    return os.environ.get("STEELTHREAD_ACTOR") or getpass.getuser()
