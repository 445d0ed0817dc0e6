"""
What a signal leaves to a server: the time for a write to end, and no more than that.
"""

import os
import threading
from types import FrameType

DRAIN = 10  # seconds that a write may take to end after a signal


def end_in_time() -> None:
    """
    From now on the process has `DRAIN` seconds to end by itself.
    """
    overdue = threading.Timer(DRAIN, cut_off)
    overdue.daemon = True
    overdue.start()


def cut_off() -> None:
    """
    End the process though something still goes on, and say what that means.
    """
    os.write(2, b"stripe-mcp: a write did not end in time; its outcome is unknown\n")
    os._exit(0)


def exit_at_once(number: int, frame: FrameType | None) -> None:
    """
    A handler for the second signal of who does not want to wait.
    """
    os._exit(128 + number)
