"""
Files that hold keys or say whose tokens count: for their owner's eyes only, or they are not read.
"""

import errno
import os
import stat
import sys
from pathlib import Path

from stripe_mcp.errors import ConfigurationError, redact


def read_private(file: Path, name: str, *, own: bool = False) -> str:
    """
    The text of *file*, which is for its owner only; *name* says in errors who asks for it. With *own*, we
    are the owner, and a link to such a file is not followed.

    Raises:
        ConfigurationError: It is not private, not to be read, or no text.
    """
    shown = redact(str(file))  # a key in the wrong place is no path, and is not repeated
    flags = getattr(os, "O_NONBLOCK", 0) | (getattr(os, "O_NOFOLLOW", 0) if own else 0)
    try:
        descriptor = os.open(file, os.O_RDONLY | flags)
        try:
            if problem := _exposure(os.fstat(descriptor), own):
                raise ConfigurationError(f"{name}: {problem.format(shown)}")
            with os.fdopen(descriptor, encoding="utf-8-sig", closefd=False) as opened:
                return opened.read()
        finally:
            os.close(descriptor)
    except UnicodeDecodeError:
        raise ConfigurationError(f"{name}: cannot read {shown}: it is not text") from None
    except OSError as error:
        reason = "it is a symbolic link" if error.errno == errno.ELOOP else error.strerror
        raise ConfigurationError(f"{name}: cannot read {shown}: {reason}") from None


def _exposure(found: os.stat_result, own: bool) -> str | None:
    """
    What lets others have a hand in a file that was *found* to be so, with a place for its name.
    """
    if not stat.S_ISREG(found.st_mode):
        return "{} is not a file."
    if sys.platform != "win32" and found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return "others can read {}; run chmod 600 on it."
    if sys.platform != "win32" and own and found.st_uid != os.geteuid():
        return "{} belongs to somebody else."
    return None
