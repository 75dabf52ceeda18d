"""Which files a run leaves, and what is said of those that it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stormdb.analysis import summarise_run
from stormdb.errors import ConfigError
from stormdb.report import Exports
from tests.unit.report import results


def test_nothing_asked_nothing_written() -> None:
    exports = Exports()
    exports.check()
    assert not exports.uses_stdout
    assert exports.write(summarise_run([results.simple()])) == []


def test_all_three_are_written(tmp_path: Path) -> None:
    exports = Exports(json=tmp_path / "r.json", csv=tmp_path / "r.csv", hdr=tmp_path / "r.hdr")
    exports.check()
    assert exports.write(summarise_run([results.simple()])) == []
    assert json.loads((tmp_path / "r.json").read_text())["format"] == "stormdb.report/1"
    assert (tmp_path / "r.csv").read_text().startswith("start_utc,interval_index,")
    assert (tmp_path / "r.hdr").read_text().startswith("#[Histogram log format version 1.3]")


def test_one_that_cannot_be_written_costs_none_of_the_others(tmp_path: Path) -> None:
    (tmp_path / "taken.csv").mkdir()
    exports = Exports(
        json=tmp_path / "absent" / "r.json", csv=tmp_path / "taken.csv", hdr=tmp_path / "r.hdr"
    )
    problems = exports.write(summarise_run([results.simple()]))
    assert [problem.where for problem in problems] == [
        str(tmp_path / "absent" / "r.json"),
        str(tmp_path / "taken.csv"),
    ]
    assert (tmp_path / "r.hdr").stat().st_size > 0


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"json": "absent/r.json"}, "--json: the folder of {0}/absent/r.json does not exist"),
        ({"csv": "."}, "--csv: {0} is a folder; hint: name a file in it"),
        ({"json": "r", "hdr": "r"}, "--json: --json and --hdr name the same file {0}/r"),
    ],
)
def test_before_the_run_it_is_seen_what_could_not_be_written_after_it(
    tmp_path: Path, names: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        Exports(**{name: tmp_path / path for name, path in names.items()}).check()
    assert str(raised.value).startswith(message.format(tmp_path))


def test_two_files_cannot_both_be_standard_output() -> None:
    with pytest.raises(ConfigError, match="--json and --csv name the same file -"):
        Exports(json="-", csv="-").check()


@pytest.mark.parametrize("name", ["json", "csv", "hdr"])
def test_standard_output_belongs_to_one_file(
    name: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    exports = Exports(**{name: "-"})
    exports.check()
    assert exports.uses_stdout
    assert exports.write(summarise_run([results.simple()])) == []
    captured = capfdbinary.readouterr()
    assert len(captured.out) > 1000
    assert captured.err == b""
