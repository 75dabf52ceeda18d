"""The files that a run leaves when it is asked to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stormdb.errors import ConfigError, StoreError
from stormdb.report.export_csv import csv_report
from stormdb.report.export_hdr import hdr_log
from stormdb.report.export_json import json_report
from stormdb.report.files import STDOUT, write_whole

if TYPE_CHECKING:
    from stormdb.analysis import RunSummary

__all__ = ["Exports"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exports:
    """Which files to write, and where.

    Attributes:
        json: the report, see docs/schema/report-v1.json, of several workloads run-v1.json; `-` for
            standard output.
        csv: the time line.
        hdr: the HdrHistogram log.
    """

    json: str | Path | None = None
    csv: str | Path | None = None
    hdr: str | Path | None = None

    @property
    def uses_stdout(self) -> bool:
        """Whether standard output belongs to a file, so that nothing else may go there."""
        return STDOUT in {str(self.json), str(self.csv), str(self.hdr)}

    def check(self) -> None:
        """Look before the run whether the files could be written after it.

        Raises:
            ConfigError: two of them are one, or a folder is not there.
        """
        asked = {f"--{name}": str(path) for name, path in self._paths() if path is not None}
        for flag, path in asked.items():
            same = [other for other, there in asked.items() if there == path and other != flag]
            if same:
                raise ConfigError(f"{flag} and {same[0]} name the same file {path}", where=flag)
            if path != STDOUT and not Path(path).absolute().parent.is_dir():
                raise ConfigError(
                    f"the folder of {path} does not exist", where=flag, hint="make it first"
                )
            if Path(path).is_dir():
                raise ConfigError(f"{path} is a folder", where=flag, hint="name a file in it")

    def write(self, run: RunSummary) -> list[StoreError]:
        """Write each of them; one that cannot be written costs none of the others.

        Returns:
            Why those that are missing could not be written.
        """
        writers: dict[str, Callable[[], Iterable[bytes]]] = {
            "json": lambda: (json_report(run),),
            "csv": lambda: csv_report(run.results),
            "hdr": lambda: hdr_log(run.results),
        }
        problems = []
        for name, path in self._paths():
            if path is None:
                continue
            try:
                write_whole(path, writers[name]())
            except StoreError as error:
                problems.append(error)
        return problems

    def _paths(self) -> list[tuple[str, str | Path | None]]:
        return [("json", self.json), ("csv", self.csv), ("hdr", self.hdr)]
