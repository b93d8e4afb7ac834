"""What the database itself cannot do, in words: read-only, held, full, damaged, out of reach."""

from __future__ import annotations

import sqlite3

from sqlalchemy import make_url
from sqlalchemy.exc import DatabaseError, OperationalError

from cssim.errors import Unavailable

_SQLITE: dict[int, str] = {
    sqlite3.SQLITE_READONLY: "cannot be written",
    sqlite3.SQLITE_PERM: "cannot be written",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened",
    sqlite3.SQLITE_BUSY: "is held by another process",
    sqlite3.SQLITE_LOCKED: "is held by another process",
    sqlite3.SQLITE_FULL: "has no room to grow",
    sqlite3.SQLITE_IOERR: "cannot be read or written",
    sqlite3.SQLITE_CORRUPT: "is damaged",
    sqlite3.SQLITE_NOTADB: "is damaged, or something else than a SQLite file",
}
"""What has happened, by the first byte of SQLite's code."""
_RIGHTS = "Check that the file and its folder may be written by whoever runs CS-Sim."
_WAIT = "Try again; if it stays so, end the process that holds it."
_DISK = "Look whether the disk is full or failing; what was stored before is safe."
_BACKUP = "Put a backup in its place (docs/operations.md), or name another by CSSIM_DATABASE_URL."
_REMEDY: dict[int, str] = {
    sqlite3.SQLITE_READONLY: _RIGHTS,
    sqlite3.SQLITE_PERM: _RIGHTS,
    sqlite3.SQLITE_CANTOPEN: _RIGHTS,
    sqlite3.SQLITE_BUSY: _WAIT,
    sqlite3.SQLITE_LOCKED: _WAIT,
    sqlite3.SQLITE_FULL: _DISK,
    sqlite3.SQLITE_IOERR: _DISK,
    sqlite3.SQLITE_CORRUPT: _BACKUP,
    sqlite3.SQLITE_NOTADB: _BACKUP,
}


def in_words(error: BaseException, url: str) -> Unavailable | None:
    """What the database at `url` could not do, and what to do; None where it is not to blame.

    A table that does not exist, or a rule of the tables that was broken, is a defect of the caller.
    """
    if not isinstance(error, DatabaseError):
        return None
    if isinstance(error.orig, sqlite3.Error):
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        if code not in _SQLITE:
            return None
        file = make_url(url).database
        return Unavailable(f"the database {file} {_SQLITE[code]}: {error.orig}. {_REMEDY[code]}")
    if not isinstance(error, OperationalError):
        return None
    return Unavailable(
        f"the database {make_url(url).render_as_string(hide_password=True)} does not answer: "
        f"{str(error.orig).strip().rstrip('.')}. Check CSSIM_DATABASE_URL and that the server runs."
    )
