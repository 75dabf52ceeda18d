from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

from stormdb.plugins.record import Kind, PluginRecord
from stormdb.testing.outcome import BrokenPromiseError, Outcome, Verdict
from stormdb.testing.report import is_kept, junit_xml, to_json

RECORD = PluginRecord(name="ledger", kind=Kind.FILE, source="/x/ledger.py", digest="ab")
KEPT = Outcome(name="a", promise="It is", verdict=Verdict.KEPT, duration_ns=1_500_000_000)
BROKEN = Outcome(
    name="b",
    promise="It holds",
    verdict=Verdict.BROKEN,
    problem=BrokenPromiseError("it does \x00 not", where="x.py:1", hint="mend it"),
)
WAIVED = Outcome(name="c", promise="It may", verdict=Verdict.NOT_TRIED, detail="no occasion")
BLOCKED = Outcome(name="d", promise="It can", verdict=Verdict.BLOCKED, detail="barred")
BEHIND_B = replace(BLOCKED, name="e", blocked_by=("b",))


def test_what_is_hidden_behind_a_failure_is_not_kept() -> None:
    assert is_kept([KEPT, WAIVED])
    assert not is_kept([KEPT, BROKEN])
    assert not is_kept([KEPT, BLOCKED])
    assert not is_kept([KEPT, BEHIND_B])


def test_json_says_everything() -> None:
    report = to_json(RECORD, [KEPT, BROKEN], ["writes = False"])
    assert (report["is_kept"], report["declarations"]) == (False, ["writes = False"])
    assert [one["outcome"] for one in report["promises"]] == ["kept", "broken"]
    assert report["promises"][0]["duration_s"] == 1.5
    assert report["promises"][1]["problem"]["hint"] == "mend it"


def test_junit_can_be_read_whatever_a_server_says() -> None:
    root = ET.fromstring(junit_xml(RECORD, [KEPT, BROKEN, WAIVED], ["writes = False"]))
    suite = root.find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    failure = suite.find("testcase[@name='b']/failure")
    assert failure is not None
    assert failure.get("message") == "it does \N{REPLACEMENT CHARACTER} not"
    assert failure.text
    assert "hint: mend it" in failure.text
    assert suite.find("properties/property[@value='writes = False']") is not None


def test_what_is_blocked_is_an_error_unless_the_cause_is_in_the_same_report() -> None:
    root = ET.fromstring(junit_xml(RECORD, [BROKEN, BLOCKED, BEHIND_B], []))
    suite = root.find("testsuite")
    assert suite is not None
    assert [suite.get(kind) for kind in ("failures", "errors", "skipped")] == ["1", "1", "1"]
    assert suite.find("testcase[@name='d']/error[@message='barred']") is not None
    assert suite.find("testcase[@name='e']/skipped") is not None
