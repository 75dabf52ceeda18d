"""The command line. Nothing heavy is imported before a command needs it."""

__all__ = ["main"]


def main() -> int:
    """Run the command that `sys.argv` spells; the result is the exit code."""
    try:
        import signal

        # Where nobody asks for something else, SIGTERM does what Ctrl-C does.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        from stormdb.cli.app import root
        from stormdb.cli.outcome import exit_code_of

        return exit_code_of(root)
    except KeyboardInterrupt:
        return 130  # ExitCode.INTERRUPTED, which may not be there: imports are under way
