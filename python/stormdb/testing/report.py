"""The outcomes of a contract for programs: JSON, and the XML that CI systems read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stormdb.testing.outcome import Outcome, Verdict

if TYPE_CHECKING:
    from stormdb.plugins import PluginRecord

__all__ = ["is_kept", "junit_xml", "to_json"]


def is_kept(outcomes: Sequence[Outcome]) -> bool:
    """Whether nothing is broken, nor hidden behind something that is."""
    return not any(one.verdict in {Verdict.BROKEN, Verdict.BLOCKED} for one in outcomes)


def to_json(
    record: PluginRecord, outcomes: Sequence[Outcome], narrowed: Sequence[str]
) -> dict[str, Any]:
    """Everything as plain data.

    Args:
        record: the plugin.
        outcomes: of its promises.
        narrowed: the declarations that ask less of it.
    """
    return {
        "plugin": record.name,
        "version": record.metadata.version if record.metadata else None,
        "source": record.source,
        "digest": f"sha256:{record.digest}" if record.digest else None,
        "is_kept": is_kept(outcomes),
        "declarations": list(narrowed),
        "promises": [_outcome(one) for one in outcomes],
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    problem = outcome.problem
    return {
        "name": outcome.name,
        "promise": outcome.promise,
        "outcome": str(outcome.verdict),
        "detail": outcome.detail,
        "blocked_by": list(outcome.blocked_by),
        "problem": problem
        and {"message": problem.message, "where": problem.where, "hint": problem.hint},
        "duration_s": round(outcome.duration_ns / 1e9, 3),
    }


def junit_xml(record: PluginRecord, outcomes: Sequence[Outcome], narrowed: Sequence[str]) -> bytes:
    """The same as a JUnit report."""
    from xml.etree.ElementTree import Element, SubElement, indent, tostring

    duration_s = sum(one.duration_ns for one in outcomes) / 1e9
    suite = Element(
        "testsuite",
        name=f"stormdb contract of {record.name}",
        tests=str(len(outcomes)),
        failures=str(sum(one.verdict is Verdict.BROKEN for one in outcomes)),
        errors=str(sum(_is_error(one) for one in outcomes)),
        skipped=str(sum(_is_skipped(one) for one in outcomes)),
        time=f"{duration_s:.3f}",
    )
    properties = SubElement(suite, "properties")
    for line in narrowed:
        SubElement(properties, "property", name="declaration", value=line)
    for one in outcomes:
        case = SubElement(
            suite,
            "testcase",
            classname=f"stormdb.contract.{record.name}",
            name=one.name,
            time=f"{one.duration_ns / 1e9:.3f}",
        )
        if one.problem is not None:
            SubElement(case, "failure", message=_plain(one.problem.message)).text = _plain(
                f"{one.promise}: {one.problem}"
            )
        elif _is_error(one):
            SubElement(case, "error", message=_plain(one.detail))
        elif _is_skipped(one):
            SubElement(case, "skipped", message=_plain(one.detail))
    suites = Element("testsuites")
    suites.append(suite)
    indent(suites)
    return bytes(tostring(suites, encoding="utf-8", xml_declaration=True)) + b"\n"


def _is_error(outcome: Outcome) -> bool:
    """Blocked, and nothing else in the report says so."""
    return outcome.verdict is Verdict.BLOCKED and not outcome.blocked_by


def _is_skipped(outcome: Outcome) -> bool:
    return outcome.verdict is Verdict.NOT_TRIED or bool(outcome.blocked_by)


def _plain(text: str) -> str:
    """Without what XML cannot hold; it may come out of a server's message."""
    return "".join(one if one.isprintable() or one in "\n\t" else "\ufffd" for one in text)
