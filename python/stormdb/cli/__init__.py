"""The command line. Nothing heavy is imported before a command needs it."""

__all__ = ["main"]


def main() -> int:
    """Run the command that `sys.argv` spells; the result is the exit code."""
    from stormdb.cli.app import root
    from stormdb.cli.outcome import exit_code_of

    return exit_code_of(root)
