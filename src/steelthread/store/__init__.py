"""Store: PostgreSQL, embedded in the project's folder or any server by URL; migrations; backup and restore."""

from steelthread.store.backups import backup, restore
from steelthread.store.database import Database, open_database
from steelthread.store.migrations import migrate, migrations

__all__ = ["Database", "backup", "migrate", "migrations", "open_database", "restore"]
