"""Settings of a project: `steelthread.toml` in its folder, each also by environment.

`[database] url` is `STEELTHREAD_DATABASE_URL` in the environment, and so on: `STEELTHREAD_<SECTION>_<NAME>`.
The environment wins.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from steelthread.kit.errors import Invalid, NotFound

FILE = "steelthread.toml"


class ProjectSettings(msgspec.Struct, forbid_unknown_fields=True):
    """Who the project is and what it takes for granted."""

    name: str = "steelthread"
    country: str = ""
    """Default country (ISO 3166-1 alpha-2) of phone numbers that have no prefix."""
    place: str = ""
    """Whose law counts when nothing says otherwise: a country or a part of one, such as DE or US-CA; `country` by default."""
    time_zone: str = "UTC"
    """The time zone in which days are counted, for the law's clocks and periods of traits, such as Europe/Berlin."""
    default_purpose: str = "operations"
    """The purpose under which the command line reads profiles."""
    special_attributes: bool = False
    """Whether attributes of GDPR Art. 9 and 10 (religion, health, convictions, ...) may be mapped at all."""


class ControllerSettings(msgspec.Struct, forbid_unknown_fields=True):
    """Who answers for the data (GDPR Art. 4(7)): what consent receipts say of the company."""

    name: str = ""
    address: str = ""
    contact: str = ""
    """Where people write to, such as privacy@example.com."""
    privacy_notice: str = ""
    """Address of the privacy notice."""
    withdrawal: str = ""
    """How a yes is taken back, such as the address of a page."""
    storage: str = ""
    """Where the data is stored, such as DE."""
    language: str = "en"
    """Language of the notice when a statement says none."""


class DatabaseSettings(msgspec.Struct, forbid_unknown_fields=True):
    """Where the facts are kept."""

    url: str = ""
    """A PostgreSQL >= 15 to use; empty starts the embedded server in the project's folder."""
    idle_seconds: int = 20
    """How long the embedded server stays after its last client has gone."""


class KeyringSettings(msgspec.Struct, forbid_unknown_fields=True):
    """Where the data keys are kept: never in the database."""

    path: str = ""
    """Folder of the keyring; empty means `.steelthread/keyring` in the project."""
    root_key: str = ""
    """The root key as 64 hexadecimal digits (best by environment); empty means the file `root.key` in the keyring."""


class ServerSettings(msgspec.Struct, forbid_unknown_fields=True):
    """The HTTP server."""

    host: str = "127.0.0.1"
    port: int = 8360
    require_purpose: bool = True
    """Whether a call must say what it reads for; else a key that carries one purpose says it by itself."""


class MailSettings(msgspec.Struct, forbid_unknown_fields=True):
    """The server by which mails go that the program writes by itself."""

    host: str = ""
    """Empty: none is sent."""
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: str = ""
    """Best by environment."""
    sender: str = ""
    """From whom they come, such as privacy@example.com."""


class ActivationSettings(msgspec.Struct, forbid_unknown_fields=True):
    """What other systems are told."""

    log_days: int = 730
    """For how long the log of deliveries is kept: of whom which receiver was told, or not; 0 keeps it."""


class RetentionSettings(msgspec.Struct, forbid_unknown_fields=True):
    """How long data is kept."""

    daily_at: str = "03:00"
    """When `serve` runs what retention.yaml says, in the project's time zone; empty: never by itself."""


class LogSettings(msgspec.Struct, forbid_unknown_fields=True):
    """The log of facts."""

    retention_days: int = 0
    """Partitions older than this lose their key and their rows; 0 keeps them."""


class LoadSettings(msgspec.Struct, forbid_unknown_fields=True):
    """Loading of files."""

    batch_rows: int = 5000
    workers: int = 1
    """Whether large files are mapped in a process beside the main one (1) or within it (0)."""


class MatchingSettings(msgspec.Struct, forbid_unknown_fields=True):
    """When new and changed records are compared with all others by the model in force, while `serve` runs."""

    new_records: Literal["command", "interval", "stream"] = "command"
    """By `steelthread resolve --incremental` only; every so many minutes; or each as soon as it is folded in."""
    interval_minutes: Annotated[float, msgspec.Meta(gt=0)] = 5
    """Every so many minutes, where it is by interval."""


class SparkSettings(msgspec.Struct, forbid_unknown_fields=True):
    """Where `resolve --engine spark` compares; what else a cluster needs stands in its own spark-defaults.conf."""

    master: str = "local[*]"
    """Address of the cluster, such as spark://host:7077 or yarn; local[*] is this machine."""
    memory: str = "4g"
    """Memory of the driver, which on this machine is all there is."""


class LiveSettings(msgspec.Struct, forbid_unknown_fields=True):
    """Live events."""

    deduplicate_days: int = 30
    """For how long a message that comes again is told from a new one, by its id."""
    received_hours: int = 24
    """For how long an event is kept as it came, sealed, after its hour has ended and it was folded in."""
    country_database: str = ""
    """File in MaxMind's format (.mmdb) that tells the country of an IP address; empty: none is told by address."""
    country_header: str = ""
    """Header in which a proxy or CDN tells a browser's country, such as CF-IPCountry."""
    count_bots: bool = False
    """Whether what robots did counts in profiles and traits; it is kept and marked either way."""
    niceness: int = 5
    """By how many steps of `nice` the worker, and what the embedded server does for it, gives way to readers; 0: not at all."""


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    """All settings of one project."""

    project: ProjectSettings = msgspec.field(default_factory=ProjectSettings)
    controller: ControllerSettings = msgspec.field(default_factory=ControllerSettings)
    database: DatabaseSettings = msgspec.field(default_factory=DatabaseSettings)
    keyring: KeyringSettings = msgspec.field(default_factory=KeyringSettings)
    server: ServerSettings = msgspec.field(default_factory=ServerSettings)
    mail: MailSettings = msgspec.field(default_factory=MailSettings)
    activation: ActivationSettings = msgspec.field(default_factory=ActivationSettings)
    retention: RetentionSettings = msgspec.field(default_factory=RetentionSettings)
    log: LogSettings = msgspec.field(default_factory=LogSettings)
    load: LoadSettings = msgspec.field(default_factory=LoadSettings)
    matching: MatchingSettings = msgspec.field(default_factory=MatchingSettings)
    spark: SparkSettings = msgspec.field(default_factory=SparkSettings)
    live: LiveSettings = msgspec.field(default_factory=LiveSettings)


class Project(msgspec.Struct, frozen=True):
    """A project folder with its settings.

    `data` holds all that the software writes (database, keyring, logs, temporary files); the rest of the folder is text
    that belongs under version control.
    """

    folder: Path
    settings: Settings

    @property
    def data(self) -> Path:
        """Folder of everything the software writes."""
        return self.folder / ".steelthread"

    @property
    def keyring(self) -> Path:
        """Folder of the keyring."""
        path = self.settings.keyring.path
        return (self.folder / path) if path else self.data / "keyring"

    @property
    def logs(self) -> Path:
        """Folder of the server's own logs."""
        return self.data / "logs"

    @property
    def temp(self) -> Path:
        """Folder of temporary files."""
        return self.data / "tmp"

    @property
    def sources(self) -> Path:
        """Folder of the source mappings."""
        return self.folder / "sources"


def open_project(folder: Path) -> Project:
    """Read a project folder; raise NotFound without `steelthread.toml`, Invalid when it cannot be understood."""
    path = folder / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFound(
            f"{folder} is not a Steelthread project: it has no {FILE}. "
            "Make one with `steelthread init DIR`, or name one with --project DIR."
        ) from None
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{path} is not valid TOML: {error}") from None
    try:
        settings = msgspec.convert(_with_environment(raw), Settings, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(f"{path}: {error}. See docs/settings.md for the settings.") from None
    return Project(folder=folder.resolve(), settings=settings)


def _with_environment(raw: dict[str, Any]) -> dict[str, Any]:
    """Overlay `STEELTHREAD_<SECTION>_<NAME>` on what the file says."""
    merged = {section: dict(values) if isinstance(values, dict) else values for section, values in raw.items()}
    for section in Settings.__struct_fields__:
        kind = type(getattr(Settings(), section))
        for name in kind.__struct_fields__:
            value = os.environ.get(f"STEELTHREAD_{section}_{name}".upper())
            if value is not None:
                merged.setdefault(section, {})[name] = value
    return merged
