"""What this machine could not do (read, write, reach its database) as an error fit to be shown."""

from __future__ import annotations

import errno

from cssim.config import Settings
from cssim.errors import CSSimError, Unavailable
from db.failures import in_words

_FULL = (errno.ENOSPC, errno.EDQUOT)
_RIGHTS = (errno.EACCES, errno.EPERM, errno.EROFS)


def told(error: Exception, settings: Settings) -> CSSimError | None:
    """The failure in words, and what to do; None where the machine is not to blame."""
    if not isinstance(error, OSError):
        return in_words(error, settings.url)
    if error.errno is None or error.errno == errno.EPIPE:  # nobody reads any more: no failure
        return None
    what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
    if error.errno in _FULL:
        return Unavailable(f"{what}. Make room on the disk and try again.")
    if error.errno in _RIGHTS:
        return Unavailable(f"{what}. Check that whoever runs CS-Sim may read and write there.")
    return Unavailable(what)
