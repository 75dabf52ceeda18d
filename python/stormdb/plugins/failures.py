"""What went wrong in plugin code, as the child tells it and as the user reads it.

A *failure* is a map: `kind`, the exception's `type` and `text`, `place`, `traceback`, `hint`.
"""

from __future__ import annotations

import difflib
import re
import signal
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stormdb.errors import ConnectError, PluginError, ProgramError, StormdbError
from stormdb.plugin.metadata import MetadataError, PluginMetadata
from stormdb.plugins import places
from stormdb.plugins.keeper import VERDICT
from stormdb.plugins.record import Kind
from stormdb.units import format_bytes, format_duration

if TYPE_CHECKING:
    from stormdb.plugins.process import ChildLost
    from stormdb.plugins.record import PluginRecord

__all__ = [
    "ContractError",
    "describe",
    "error_of_end",
    "error_of_failure",
    "memory_error",
    "stage_name",
    "time_error",
]

_TEXT_CHARS = 2000
_ABSTRACT = re.compile(r"Can't instantiate abstract class (\w+) .*abstract methods? (.+)")
Failure = dict[str, Any]
_ACCESS_HINT = (
    "plugins reach their own files and temporary folder; name what else they need in "
    "[tool.stormdb.access] of the plugin or in plugins.limits, see docs/security.md"
)
_KINDS = {ConnectError: "connect", MemoryError: "memory", MetadataError: "metadata"}


class ContractError(Exception):
    """The plugin does not do what its contract asks; raised by the host, not by the plugin.

    Args:
        message: follows the plugin's name, such as `exports no PLUGIN`.
        hint: how to mend it.
        place: where in the plugin.
    """

    def __init__(self, message: str, *, hint: str = "", place: places.Place | None = None) -> None:
        super().__init__(message)
        self.hint = hint
        self.place = place


def describe(error: BaseException, roots: Sequence[str]) -> Failure:
    """Tell a failure of plugin code; runs in the child.

    Args:
        error: what the plugin's code raised; of a group, its first exception is told.
        roots: the plugin's files and folders.
    """
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    failure: Failure = {
        "kind": "raised",
        "type": type(error).__qualname__,
        "text": _text_of(error),
        "place": places.of_traceback(error.__traceback__, roots),
        "traceback": "".join(traceback.format_exception(error))[-20 * _TEXT_CHARS :],
        "hint": "",
    }
    if isinstance(error, ProgramError):
        failure |= {"kind": "program", "text": error.message, "hint": error.hint or ""}
        failure["where"] = error.where
    elif isinstance(error, ContractError):
        failure |= {"kind": "contract", "place": error.place, "hint": error.hint}
    elif isinstance(error, PermissionError) and error.filename:
        failure |= {"hint": _ACCESS_HINT}
    elif isinstance(error, SystemExit):
        failure |= {"kind": "exit", "text": repr(error.code)}
    elif kinds := [kind for known, kind in _KINDS.items() if isinstance(error, known)]:
        failure |= {"kind": kinds[0]}
    elif isinstance(error, TypeError) and "PluginMetadata.__init__()" in str(error):
        failure |= {"kind": "metadata", "text": _field_problem(str(error))}
    elif isinstance(error, TypeError) and (match := _ABSTRACT.match(str(error))):
        methods = ", ".join(re.findall(r"\w+", match[2]))
        failure |= {
            "kind": "contract",
            "text": f"makes a {match[1]} that lacks {methods}",
            "hint": f"write what is missing into the class {match[1]}",
        }
    elif isinstance(error, ModuleNotFoundError) and error.name:
        failure |= {"kind": "module", "text": error.name}
    elif isinstance(error, ImportError):
        # Python adds the path of the module that was looked into.
        failure |= {"text": re.sub(r" \([^()]*\)$", "", error.msg)}
    elif isinstance(error, SyntaxError):
        failure |= {"kind": "syntax", "text": error.msg}
        if error.filename and error.lineno:
            text = (error.text or "").strip()
            failure["place"] = {
                "file": error.filename,
                "line": error.lineno,
                "function": "",
                "text": text,
            }
    return failure


def _field_problem(text: str) -> str:
    """What is wrong with the fields of `PluginMetadata`, in the words of a `MetadataError`."""
    if match := re.search(r"unexpected keyword argument '(\w+)'", text):
        known = PluginMetadata.__dataclass_fields__
        near = difflib.get_close_matches(match[1], known, n=1)
        also = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        return f"there is no field {match[1]}, {also}"
    if match := re.search(r"missing \d+ required .*?: (.*)", text):
        return f"{match[1].replace(chr(39), '')} must be given"
    return text.partition("() ")[2]


def _text_of(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception as second:  # a plugin's __str__ may do anything
        text = f"(its text cannot be made: {type(second).__name__})"
    sqlstate = getattr(error, "sqlstate", None)
    return " ".join(text.split())[:_TEXT_CHARS] + (f" (SQLSTATE {sqlstate})" if sqlstate else "")


_STAGES = {
    "load": "import",
    "metadata": "get_metadata()",
    "initialize": "initialize()",
    "create_workload": "create_workload()",
    "compile": "describing its transactions",
    "shutdown": "the plugin's cleanup()",
}
_LIMIT_KEYS = {"setup": "setup_timeout", "cleanup": "setup_timeout", "verify": "verify_timeout"}


def stage_name(command: str) -> str:
    """What a user calls the part of a plugin that a command runs."""
    return _STAGES.get(command, f"{command}()")


def limit_key(command: str) -> str:
    """The configuration key that limits a command's time."""
    return f"plugins.limits.{_LIMIT_KEYS.get(command, 'load_timeout')}"


def error_of_failure(
    record: PluginRecord, command: str, failure: Failure, memory_bytes: int
) -> StormdbError:
    """The error that a user reads for a failure that the child told.

    Args:
        record: the plugin.
        command: the command that failed.
        failure: what `describe` made.
        memory_bytes: the memory limit of the child.
    """
    stage = stage_name(command)
    where = record.place(failure["place"])
    kind, text = failure["kind"], failure["text"]
    name = f"plugin {record.name}"
    hint = failure["hint"]
    if kind == "connect":
        return ConnectError(text)
    if kind == "memory":
        return memory_error(record, command, memory_bytes, failure["place"])
    if kind == "program":
        return ProgramError(
            f"{name}: {text}", where=_program_place(record, failure["where"]), hint=hint or None
        )
    if kind == "module":
        return _missing_module(record, text, where)
    if kind == "contract":
        message = f"{name} {text}"
    elif kind == "exit":
        message, hint = f"{name}: {stage} called sys.exit({text})", "raise an exception instead"
    elif kind == "metadata":
        message = f"{name} has metadata that cannot be used: {text}"
    elif kind == "syntax":
        message = f"{name} cannot be imported: {failure['type']}: {text}"
        hint = f"mend the line `{failure['place']['text']}`" if failure["place"] else ""
    else:
        shown = f"{failure['type']}: {text}" if text else failure["type"]
        message = f"{name}: {stage} raised {shown}"
    return PluginError(message, where=where, hint=hint or None)


def _program_place(record: PluginRecord, where: str) -> str:
    """A place of a program, which begins with the plugin's topmost package, for people."""
    file, _, line = where.rpartition(":")
    for root in record.entry.roots if record.entry else ():
        path = Path(root).parent / file
        if path.exists():
            return f"{record.show(str(path))}:{line}"
    return where


def memory_error(
    record: PluginRecord, command: str, memory_bytes: int, place: places.Place | None
) -> PluginError:
    """The error of a plugin that wants more memory than it may have."""
    return PluginError(
        f"plugin {record.name}: {stage_name(command)} needs more memory than the limit of "
        f"{format_bytes(memory_bytes)}",
        where=record.place(place),
        hint="work in smaller batches, or raise plugins.limits.memory",
    )


def time_error(
    record: PluginRecord, command: str, timeout_ns: int, place: places.Place | None
) -> PluginError:
    """The error of a plugin that does not come to an end."""
    doing = f"; it was at `{place['text']}`" if place and place["text"] else ""
    return PluginError(
        f"plugin {record.name}: {stage_name(command)} did not end within "
        f"{format_duration(timeout_ns)}{doing}",
        where=record.place(place),
        hint=f"raise {limit_key(command)} if it needs longer",
    )


_VERDICT = re.compile(f"^{VERDICT}(processes|disk)$", re.MULTILINE)
_EXCESSES = {
    "processes": "{stage} has more processes than its limit",
    "disk": "{stage} keeps more in its temporary folder than its limit",
}
_HINTS = {
    "processes": "raise plugins.limits.processes if it needs more",
    "disk": "raise plugins.limits.disk if it needs more",
}


def error_of_end(
    record: PluginRecord, command: str, lost: ChildLost, exiting: places.Place | None
) -> PluginError:
    """The error of a child that ended without an answer.

    Args:
        record: the plugin.
        command: what the child was doing, "" for nothing.
        lost: how it ended.
        exiting: where plugin code called `os._exit`; None if it did not.
    """
    stage = stage_name(command) if command else "code outside of any call"
    entry = record.entry
    place = exiting or (places.of_dump(lost.crash, entry.roots) if entry else None)
    hint: str | None = None
    if lost.damage:
        message = f"{stage} wrote to a pipe that is not its own: {lost.damage}"
    elif lost.status >= 0:
        message = f"{stage} ended its process with exit status {lost.status}"
        message += " by os._exit" if exiting else ""
        hint = "raise an exception instead"
    elif verdict := _VERDICT.search(lost.crash):
        message, hint = _EXCESSES[verdict[1]].format(stage=stage), _HINTS[verdict[1]]
    elif -lost.status == signal.SIGXCPU:
        message = f"{stage} used more time on a CPU than its limit"
        hint = "raise plugins.limits.cpu_time if it needs more"
    elif -lost.status == signal.SIGKILL:
        message = f"the process was killed during {stage}"
        hint = "look in the system's log: the machine may have run out of memory"
    else:
        number = signal.Signals(-lost.status)
        text = signal.strsignal(number) or "signal"
        message = f"{stage} crashed its process: {text.lower()} ({number.name})"
        hint = "look for native code that the plugin calls at this place"
    return PluginError(f"plugin {record.name}: {message}", where=record.place(place), hint=hint)


def _missing_module(record: PluginRecord, module: str, where: str) -> PluginError:
    top = module.partition(".")[0]
    assert record.entry
    if top == record.entry.module.partition(".")[0]:
        return PluginError(
            f"plugin {record.name} imports {module}, which is not among its files", where=where
        )
    if record.kind is Kind.FILE and Path(record.source).with_name(f"{top}.py").exists():
        return PluginError(
            f"plugin {record.name} imports {top}.py, which lies beside it; "
            "a plugin in one file has nothing beside it",
            where=where,
            hint="put both into a package folder, with an __init__.py that exports PLUGIN",
        )
    own_kinds = (Kind.BUILTIN, Kind.DISTRIBUTION)
    return PluginError(
        f"plugin {record.name} needs the module {module}, which is not installed",
        where=where,
        hint=f"uv pip install {top}"
        if record.kind in own_kinds
        else f'declare the package that has it, such as "{top}", in the dependencies of its script '
        "block or pyproject.toml",
    )
