"""Passwords: what they must be, how they are stored (Argon2id), whether one is right."""

from __future__ import annotations

import secrets
import threading
import unicodedata
from itertools import pairwise

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from cssim.errors import BadInput

MIN_PASSWORD, MAX_PASSWORD = 8, 1000
"""Length of a password in characters."""

_HASHER = PasswordHasher()  # Argon2id with the parameters of RFC 9106 (low memory)
_NOBODY = _HASHER.hash(secrets.token_hex(16))
"""Verified where there is nobody of that name, so that names cannot be told from timing."""
_AT_ONCE = threading.BoundedSemaphore(4)
"""Each hash takes 64 MiB: a flood of tries waits here and does not eat the machine's memory."""

_COMMON = """
    password passwort password1 password12 password123 passw0rd p@ssw0rd p@ssword 12345678
    123456789 1234567890 0123456789 0987654321 87654321 987654321 11223344 1q2w3e4r 1q2w3e4r5t
    1qaz2wsx qwertyui qwertyuiop qwerty12 qwerty123 qwertz123 asdfghjk asdfghjkl zxcvbnm1 abcd1234
    abc12345 a1b2c3d4 iloveyou sunshine princess football baseball superman trustno1 whatever
    jennifer michelle starwars computer internet samsung1 welcome1 welcome123 letmein1 letmein123
    changeme changeit admin123 administrator annotator researcher cssim123 master123 dragon123
    monkey123 liverpool mercedes testtest test1234 secret123 default1 guest123 hello123 football1
    charlie1
"""
"""Passwords that are tried first by whoever tries, in small letters."""


def hash_password(password: str, *, name: str = "") -> str:
    """The Argon2id hash of a new password.

    Args:
        password: `MIN_PASSWORD` to `MAX_PASSWORD` characters.
        name: whose; the password must not be the name.

    Raises:
        BadInput: it is too short or long, or would be guessed at once.
    """
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise BadInput(
            f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters, got {len(password)}"
        )
    if _guessed_at_once(password, name):
        raise BadInput("this password would be guessed at once; a few unrelated words are best")
    with _AT_ONCE:
        return _HASHER.hash(unicodedata.normalize("NFC", password))


def _guessed_at_once(password: str, name: str) -> bool:
    small = unicodedata.normalize("NFC", password).casefold().strip()
    steps = {ord(b) - ord(a) for a, b in pairwise(small)}
    runs = len(steps) <= 1 and steps <= {-1, 0, 1}  # aaaaaaaa, abcdefgh, 87654321
    return runs or small in _COMMON.split() or small == name.casefold().strip()


def verified(stored: str | None, password: str) -> bool:
    """Whether this is the password of that hash; takes as long where there is no hash."""
    if len(password) > MAX_PASSWORD:
        return False
    try:
        with _AT_ONCE:
            _HASHER.verify(stored or _NOBODY, unicodedata.normalize("NFC", password))
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def renewed(stored: str, password: str) -> str | None:
    """A stronger hash of a right password where `stored` was made with weaker parameters."""
    if not _HASHER.check_needs_rehash(stored):
        return None
    with _AT_ONCE:
        return _HASHER.hash(unicodedata.normalize("NFC", password))
