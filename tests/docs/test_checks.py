"""The checks find what is wrong with a block."""

from __future__ import annotations

import pytest

from .blocks import Block, DocsError
from .checks import check_from, check_interface, check_output, check_run_by


def block(text: str) -> Block:
    return Block(page="page.md", line=1, language="python", text=text)


def test_a_part_of_a_file_may_be_indented_differently() -> None:
    check_from(
        block('case "my_workload_read":\n    return MyWorkload("read")\n'),
        "examples/plugins/my_workload.py",
    )


@pytest.mark.parametrize("text", ['case "other":\n', "from __future__ import\n"])
def test_a_block_that_is_no_part_of_its_file_is_found(text: str) -> None:
    with pytest.raises(DocsError, match="not a part of"):
        check_from(block(text), "examples/plugins/my_workload.py")


def test_a_command_that_the_named_file_does_not_run_is_found() -> None:
    check_run_by(block("make test   # all of it\n"), ".ci/run")
    with pytest.raises(DocsError, match=r"does not run `make wheel`"):
        check_run_by(block("make test\nmake wheel\n"), ".ci/run")  # it runs `make wheel-check`


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("class Finding:\n    name: str\n    ok: int\n    detail: str\n", "ok"),
        ("class Finding:\n    name: str\n    ok: bool\n", "detail"),
        ("class WorkloadPlugin:\n    def initialize(self, x: int) -> None: ...\n", "initialize"),
        ("class WorkloadPlugin:\n    async def cleanup(self) -> None: ...\n", "cleanup"),
    ],
)
def test_a_signature_that_differs_from_the_contract_is_found(text: str, names: str) -> None:
    with pytest.raises(DocsError, match=names):
        check_interface(block(text), "stormdb.plugin")


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ("", ""),
        ("one\ntwo\n", "one  \ntwo\n"),
        ("one\n…\nfour\n", "one\ntwo\nthree\nfour\n"),
        ("one\n…\n", "one\n"),
        ("took … ms\n", "took 12 ms\n"),
    ],
)
def test_output_as_shown_passes(expected: str, actual: str) -> None:
    check_output("page.md:1", "command", expected, actual)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ("", "a surprise\n"),
        ("one\n", ""),
        ("one\n…\nfour\n", "one\nfive\n"),
        ("took … ms\n", "took 12\n13 ms\n"),
        ("a.c\n", "abc\n"),
    ],
)
def test_other_output_is_found(expected: str, actual: str) -> None:
    with pytest.raises(DocsError, match="printed something else"):
        check_output("page.md:1", "command", expected, actual)
