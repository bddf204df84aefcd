"""What all commands share: the app, the common options, the consoles."""

import getpass
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from steelthread import __version__
from steelthread.app import reading_purpose
from steelthread.identity import kinds_of_parties, parties_there
from steelthread.kit import Forbidden, Invalid, Project, open_project
from steelthread.privacy import Access, Principal, Ruling, load_purposes, permits_operators, read_operators
from steelthread.rights import Auditor, Mask, glasses_of, principal_name, replay_erasures
from steelthread.thread import Restored, Space

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
    reads_for: Annotated[str, Parameter(name="--for")] = ""
    """The purpose for which people are read about, one of purposes.yaml; the project's default_purpose by default."""

    def open(self) -> Project:
        """Read the project's settings; Forbidden when the access policies keep the command from the operator."""
        project = open_project(self.project)
        words = command()
        if words and not permits_operators(project.folder):
            ruling = _access(project).run(operator(project), words)
            if not ruling.allow:
                raise _refused(project, f"the command {' '.join(words)}", ruling)
        return project

    def space(self) -> Space:
        """Open the project with its database and keyring."""
        return open_space(self.open())

    def reading(self, what: str, *refs: str, whole: bool = False) -> Space:
        """Open the project for reading about people: as the operator, for a purpose; the audit log tells.

        With `whole` the purpose must show everything: what is read is not made of fields.
        """
        space = open_space(self.purposeful())
        purpose = reading_purpose(space.project, self.reads_for)
        if whole and not self.mask(space).whole:
            Auditor(space).act(f"operator {actor()}", "refused", wanted=f"{what} for {purpose}", policies=[])
            space.close()
            raise Forbidden(
                f"{what} shows people as a whole: it wants a purpose whose fields are all (*), and {purpose} shows some. "
                "Name another with --for."
            )
        Auditor(space).read(f"operator {actor()}", what, purpose, refs)
        return space

    def mask(self, space: Space) -> Mask:
        """Return the mask of what is read: the fields of the purpose, less those that access policies forbid the operator."""
        purposes = load_purposes(space.project.folder / "purposes.yaml")
        purpose = purposes.get(reading_purpose(space.project, self.reads_for))
        hidden: frozenset[str] = frozenset()
        if not permits_operators(space.project.folder):
            access = Access(space.project.folder, purposes, space.model)
            hidden = access.hidden(operator(space.project), purpose.name)
        return Mask(purpose, space.model, hidden)

    def purposeful(self) -> Project:
        """Read the project's settings; Invalid when there is no purpose under which the operator may read."""
        project = self.open()
        purpose = reading_purpose(project, self.reads_for)
        if not permits_operators(project.folder):
            ruling = _may_read(project, purpose)
            if not ruling.allow:
                raise _refused(project, f"reading for {purpose}", ruling)
        return project

    def acting(self, what: str, *refs: str, **details: Any) -> Space:
        """Open the project for an operator's action; the audit log tells."""
        space = self.space()
        Auditor(space).act(f"operator {actor()}", what, refs, **details)
        return space


DEFAULT = Common()


def open_space(project: Project) -> Space:
    """Open a project. A database that was restored first forgets those who were erased since its backup was made."""
    try:
        return Space(project)
    except Restored:
        err.print("This database was restored: people who were erased since are erased again first.", markup=False)
    with Space(project, gated=False) as space:
        replay_erasures(space)
    return Space(project)


def command() -> tuple[str, ...]:
    """Return the words of the command that runs, such as `key create`; none outside of one."""
    return app.parse_commands(sys.argv[1:])[0]


def operator(project: Project) -> Principal:
    """Return who is at the keyboard, as the policies know them."""
    name = actor()
    return read_operators(project.folder).get(name) or Principal("Operator", name)


def _access(project: Project) -> Access:
    return Access(project.folder, load_purposes(project.folder / "purposes.yaml"))


def _may_read(project: Project, purpose: str) -> Ruling:
    access, who = _access(project), operator(project)
    name = load_purposes(project.folder / "purposes.yaml").get(purpose).name
    ruling = access.read(who, name, "command line")
    if ruling.allow:
        return ruling
    with open_space(project) as space, space.database.connect() as conn:
        broken = any(one.purpose == name for one in glasses_of(conn, principal_name(who)))
    return access.read(who, name, "command line", glass=broken)


def _refused(project: Project, what: str, ruling: Ruling) -> Forbidden:
    """Tell the audit log who was turned away, and return the error."""
    with open_space(project) as space:
        Auditor(space).act(f"operator {actor()}", "refused", wanted=what, policies=list(ruling.policies))
    why = f" ({', '.join(ruling.policies)})" if ruling.policies else ""
    return Forbidden(f"The access policies keep {what} from operator {actor()}{why}; see: steelthread policy check")


def emit(content: Any) -> None:
    """Print one line of JSON."""
    print(msgspec.json.encode(content).decode(), flush=True)  # noqa: T201  # stdout is what --json is for


def cell(value: object) -> Text:
    """Return a value for a table as it stands: brackets are no markup, and nothing in it steers the terminal."""
    return Text("".join(one if one.isprintable() or one == "\n" else " " for one in str(value)))


def table_of(*columns: str) -> Table:
    """Return a table in which nothing is cut off: what is too long for its column goes on below."""
    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def complain(message: str) -> None:
    """Print an error, for people, on stderr."""
    err.print("[bold red]error:[/bold red]", end=" ")
    err.print(message, markup=False, soft_wrap=True)


def note(message: str) -> None:
    """Print a remark on stderr."""
    err.print(message, markup=False, style="dim", soft_wrap=True)


def parties_in(space: Space) -> str:
    """Return what those of a space are called: individuals, organisations, or both."""
    with space.database.connect() as conn:
        return kinds_of_parties(parties_there(conn, space.model), "individuals").capitalize()


def drawn_into(picture: Path, text: str) -> None:
    """Write a picture into the file that was asked for, and say so."""
    try:
        picture.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Invalid(f"{picture} cannot be written: {error.strerror}.") from None
    note(f"Drawn into {picture}")


def actor() -> str:
    """Return who is at the keyboard."""
    return os.environ.get("STEELTHREAD_ACTOR") or getpass.getuser()
