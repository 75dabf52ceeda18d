"""The command line. Nothing heavy is imported before a command needs it."""

import os
import signal
from types import FrameType

__all__ = ["main"]

_INTERRUPTED = 130  # ExitCode.INTERRUPTED, which may not be imported yet


def main() -> int:
    """Run the command that `sys.argv` spells; the result is the exit code."""
    try:
        # Where nobody asks for something else, SIGTERM does what Ctrl-C does.
        signal.signal(signal.SIGINT, _interrupt)
        signal.signal(signal.SIGTERM, _interrupt)
        from stormdb.cli.app import root
        from stormdb.cli.outcome import exit_code_of
        from stormdb.cli.unasked import pass_unasked

        pass_unasked()
        return exit_code_of(root)
    except KeyboardInterrupt:
        return _INTERRUPTED


def _interrupt(_: int, frame: FrameType | None) -> None:
    """Raise `KeyboardInterrupt`; end at once amid an import.

    There Python runs callbacks that print an exception and go on as if nothing had happened.
    """
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            os._exit(_INTERRUPTED)
        frame = frame.f_back
    raise KeyboardInterrupt
