"""The contract: the promises in their order, and `PluginContract`, whose tests they are."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from stormdb.errors import ConfigError, WorkloadError
from stormdb.testing.bench import Bench
from stormdb.testing.checks import data, errors, identity, load, outages, work
from stormdb.testing.outcome import BrokenPromiseError, NotTriedError, Outcome, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from stormdb.plugin import WorkloadPlugin

__all__ = ["PROMISES", "PluginContract", "Promise", "promises_named", "try_promise"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One thing that a plugin keeps.

    Attributes:
        check: finds out whether it does.
    """

    check: Callable[[Bench], Awaitable[str]]

    @property
    def name(self) -> str:
        """A word for programs."""
        return self.check.__name__

    @property
    def text(self) -> str:
        """A sentence for people."""
        return (self.check.__doc__ or "").rstrip(".")


PROMISES = tuple(
    Promise(check=check)
    for check in (
        identity.metadata_is_valid,
        identity.each_type_is_created,
        identity.a_type_that_is_not_listed_is_refused,
        data.setup_makes_the_data,
        data.rows_grow_with_the_scale,
        data.setup_twice_changes_nothing,
        data.the_same_seed_makes_the_same_data,
        data.verify_holds_after_setup,
        data.cleanup_leaves_nothing_behind,
        data.cleanup_spares_what_was_there,
        load.each_type_runs,
        load.each_statement_has_rows,
        load.verify_holds_after_a_run,
        load.it_stays_within_its_schema,
        work.the_same_seed_offers_the_same_work,
        work.both_forms_agree,
        outages.a_cancelled_run_ends,
        outages.a_cut_connection_is_counted_and_replaced,
        outages.a_restarted_server_is_counted_and_used_again,
        errors.a_full_table_is_told,
        errors.a_missing_table_is_told,
        errors.a_refused_permission_is_told,
        work.memory_stays_flat,
    )
)


def promises_named(words: Collection[str]) -> list[Promise]:
    """Those that have one of the words in their name; all of them if there are no words.

    Raises:
        ConfigError: a word is in no name.
    """
    for word in words:
        if not any(word in promise.name for promise in PROMISES):
            raise ConfigError(
                f"no promise has {word!r} in its name",
                where="--only",
                hint=f"there are {', '.join(promise.name for promise in PROMISES)}",
            )
    return [one for one in PROMISES if not words or any(word in one.name for word in words)]


async def try_promise(promise: Promise, bench: Bench) -> Outcome:
    """Find out whether a plugin keeps a promise.

    Raises:
        ConfigError: a key of the declaration cannot be used, or the server's role lacks a right.
        ConnectError: the server cannot be reached.
    """
    start_ns = time.monotonic_ns()
    detail, problem = "", None
    try:
        detail = await promise.check(bench)
        verdict = Verdict.KEPT
    except BrokenPromiseError as error:
        verdict, problem = Verdict.BROKEN, error
        bench.broken.append(promise.name)
    except NotTriedError as reason:
        verdict, detail = Verdict.NOT_TRIED, str(reason)
    except WorkloadError as error:
        verdict, detail = Verdict.BLOCKED, f"the way there is barred: {error}"
    return Outcome(
        name=promise.name,
        promise=promise.text,
        verdict=verdict,
        detail=detail,
        problem=problem,
        blocked_by=tuple(bench.broken) if verdict is Verdict.BLOCKED else (),
        duration_ns=time.monotonic_ns() - start_ns,
    )


class PluginContract:
    """Inherit from it: `class TestContract(PluginContract): plugin = PLUGIN`.

    Each promise is a test; the other attributes are those of `Declaration`.

    Attributes:
        plugin: what its module exports, its path, or its name.
    """

    plugin: ClassVar[WorkloadPlugin | str | Path]

    writes: ClassVar[bool]
    grows: ClassVar[bool]
    allows_empty_reads: ClassVar[Collection[str]]
    allows_errors: ClassVar[Collection[str]]
    allows_long_calls: ClassVar[bool]
    varies: ClassVar[Collection[str]]
    scale: ClassVar[int]
    larger_scale: ClassVar[int]
    seed: ClassVar[int]
    run_s: ClassVar[float]
    patience_s: ClassVar[float]
    memory_s: ClassVar[float]
    keys: ClassVar[Mapping[str, Any]]


def _test_of(promise: Promise) -> Callable[[PluginContract, Callable[[Promise], None]], None]:
    def test(self: PluginContract, stormdb_promise: Callable[[Promise], None]) -> None:  # noqa: ARG001
        stormdb_promise(promise)

    test.__name__ = test.__qualname__ = f"test_{promise.name}"
    test.__doc__ = promise.check.__doc__
    return test


for _promise in PROMISES:
    setattr(PluginContract, f"test_{_promise.name}", _test_of(_promise))
