"""Looks at a plugin again each time that its files are saved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from stormdb.errors import InterruptedRunError, StormdbError

if TYPE_CHECKING:
    from stormdb.config import RunConfig
    from stormdb.plugins import Catalog
    from stormdb.server import EmbeddedServer

__all__ = ["Show", "develop"]

_LOOK_NS = 3_000_000_000
_ENDINGS = (".yaml", ".yml", ".toml", ".sql", ".json")

Show = Callable[[list[str]], None]


async def develop(
    path: Path,
    load_catalog: Callable[[], Catalog],
    load_config: Callable[[str], RunConfig],
    show: Show,
    workload: str | None = None,
) -> None:
    """Check, set up, run and look, now and at each save, until it is cancelled.

    Args:
        path: the plugin's file or folder, absolute.
        load_catalog: finds the plugin anew.
        load_config: gives the configuration of a workload type.
        show: shows the lines of a page in place of the last one.
        workload: the workload type to look at; None for each.
    """
    from watchfiles import PythonFilter, awatch

    from stormdb.workshop.look import looking_server

    shown = path.name
    show([f"{shown}: starting a server …"])
    async with looking_server(load_config("any")) as server:
        watch_filter = PythonFilter(extra_extensions=_ENDINGS)
        async for _ in _now_and(awatch(path, watch_filter=watch_filter, raise_interrupt=False)):
            show([f"{shown}: checking, setting up, running …"])
            try:
                lines = await _page(path, load_catalog(), load_config, server, workload)
            except InterruptedRunError:
                return
            except StormdbError as error:
                lines = [f"problem: {error}"]
            show([*lines, "", f"{shown}: waiting for the next save; Ctrl-C ends"])


async def _now_and(changes: AsyncGenerator[object]) -> AsyncIterator[object]:
    """Once at the start, then at each change; the watch begins before the start."""
    pending = asyncio.ensure_future(anext(changes, None))
    try:
        yield None
        while await pending is not None:
            pending = asyncio.ensure_future(anext(changes, None))
            yield None
    finally:
        pending.cancel()


async def _page(
    path: Path,
    catalog: Catalog,
    load_config: Callable[[str], RunConfig],
    server: EmbeddedServer,
    wanted: str | None,
) -> list[str]:
    """What is wrong with the plugin; if it can be used, what each of its workload types does."""
    from stormdb.plugins.check import check
    from stormdb.workshop.look import look_at
    from stormdb.workshop.page import look_lines

    await catalog.load()
    record = catalog.named(path)
    problems = [step.problem async for step in check(record, catalog.limits) if step.problem]
    lines = [f"problem: {problem}" for problem in problems]
    if record.metadata is None:
        return lines
    for workload in [wanted] if wanted else record.metadata.workload_types:
        lines += [*_gap(lines), f"{workload}:"]
        try:
            look = await look_at(load_config(workload), catalog, server, duration_ns=_LOOK_NS)
            lines += look_lines(look)
        except InterruptedRunError:
            raise
        except StormdbError as error:
            lines.append(f"problem: {error}")
    return lines


def _gap(lines: list[str]) -> Iterator[str]:
    if lines:
        yield ""
