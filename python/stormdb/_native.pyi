"""Types of the native extension: schedule, recorder, histograms and the precise timer.

All times are integer nanoseconds. Unless a name says otherwise they count from the start of the
run, so a caller subtracts its own start (a reading of `time.monotonic_ns`) first. Rates are
integers in micro arrivals per second: 1/s is 1_000_000.

An impossible argument raises `ValueError` with a message of the form "what, where; hint: ...", a
number that is negative or above 64 bits `OverflowError`.
Each object belongs to one thread at a time; nothing here blocks or reads a clock (`Timer` apart).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, Self, final

# fmt: off
__all__ = [
    "HIGHEST_TIME_NS", "MAX_NAMES", "MAX_ROWS", "MAX_WORKERS", "CallRecord", "Cell", "Engine",
    "HdrLog", "Histogram", "Interval", "IntervalSnapshot", "NullServer", "Phase",
    "PhaseIdentity", "Plan", "Problem", "ProcessGauges", "RandomStream", "Rate", "Recorder",
    "Schedule", "Target", "Timer", "Trace", "ValueSketch", "WorkerCounts", "__version__",
    "adopt_orphans", "check_program", "die_with_parent", "drop_capabilities", "random_u64",
    "restrict",
]
# fmt: on

__version__: Final[str]

MAX_ROWS: Final[int]  # rows of one recorder
MAX_WORKERS: Final[int]  # worker numbers are below this
MAX_NAMES: Final[int]  # custom counters, and custom values, of one recorder
HIGHEST_TIME_NS: Final[int]  # 24 h: longer times count as this, and in `clamped_count`

_Role = Literal["warm_up", "ramp", "steady", "cool_down"]
_Arrival = Literal["constant", "poisson", "trace"]
_RowKind = Literal["transaction", "operation"]
_Address = str | tuple[str, int]  # path of a Unix socket, or address and port

def random_u64(seed: int, stream: int, counter: int) -> int:
    """Random number that is a pure function of three numbers.

    The first word of Philox4x64-10 with key (seed, stream) and counter (counter, 0, 0, 0).

    Args:
        seed: 0 .. 2**64 - 1, one per run.
        stream: 0 .. 2**64 - 1, one per use. Streams from 2**63 on belong to the schedule.
        counter: 0 .. 2**64 - 1, for example the index of the arrival.

    Returns:
        0 .. 2**64 - 1, uniform.

    Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (SC 2011).
    """

@final
class Rate:
    """Offered rate over the length of a phase, in micro arrivals per second."""

    @staticmethod
    def hold(rate_micro_per_s: int) -> Rate:
        """Same rate from start to end; above 0."""

    @staticmethod
    def ramp(from_micro_per_s: int, to_micro_per_s: int) -> Rate:
        """Straight line from one rate to another; one of them may be 0."""

    @staticmethod
    def steps(from_micro_per_s: int, to_micro_per_s: int, count: int) -> Rate:
        """`count` rates from one to another, each held for the same time; 2 to 1000."""

    @staticmethod
    def sine(mean_micro_per_s: int, amplitude_micro_per_s: int, period_ns: int) -> Rate:
        """Sine around `mean`, starting upwards; the amplitude is at most the mean.

        Drawn as 64 straight lines per period: off by at most 0.13 % of the amplitude, and exact in
        the number of arrivals of a whole period.
        """

    @staticmethod
    def spike(base_micro_per_s: int, peak_micro_per_s: int, at_ns: int, width_ns: int) -> Rate:
        """`base`, but `peak` from `at_ns` of the phase for `width_ns`; base may be 0."""

@final
class Phase:
    """One phase of a run; `rate` None is closed loop."""

    def __new__(
        cls, name: str, role: _Role, duration_ns: int, rate: Rate | None = None
    ) -> Self: ...
    name: Final[str]
    role: Final[_Role]
    duration_ns: Final[int]
    rate: Final[Rate | None]

@final
class Trace:
    """Recorded arrivals: times after the start of the run."""

    last_ns: Final[int]  # when the last one is due

    @staticmethod
    def parse(name: str, text: str, *, micro_speed: int = 1_000_000) -> Trace:
        """Read 1 to 5,000,000 times, one per line in seconds, in order; `#` begins a comment.

        `name` is of the file, for messages; at `micro_speed` 2,000,000 it is played twice as fast.

        Raises:
            ValueError: a line cannot be used; names file and line.
        """

    def __len__(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...

@final
class Interval:
    """A piece of the run's time line: [start_ns, end_ns)."""

    index: Final[int]
    phase_index: Final[int | None]
    """Phase that the interval lies in; None while the run drains after its last phase."""
    start_ns: Final[int]
    end_ns: Final[int]
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Plan:
    """Phases of a run, their arrivals and the time line of its intervals. Immutable, picklable.

    Each phase starts a new grid of intervals, so its last one may be shorter. After the last phase
    drain intervals of `interval_ns` follow without end.

    Args:
        phases: 1 to 1000; all open loop or all closed loop.
        arrival: process of the intended starts; ignored in closed loop.
        seed: of the Poisson process.
        trace: when arrivals are due, which makes an open loop of phases without rates; `arrival`
            is `trace` then.
        interval_ns: length of an interval, from 1 ms to 1 h.

    Raises:
        ValueError: a rate, a length or the mix of phases is impossible.
    """

    def __new__(
        cls,
        phases: Iterable[Phase],
        *,
        arrival: _Arrival = "constant",
        seed: int = 0,
        trace: Trace | None = None,
        interval_ns: int = 1_000_000_000,
    ) -> Self: ...
    phases: Final[list[Phase]]
    arrival: Final[_Arrival]
    seed: Final[int]  # 0 unless Poisson
    interval_ns: Final[int]
    duration_ns: Final[int]
    """Sum of the phases, without the drain."""
    is_open_loop: Final[bool]
    interval_count: Final[int]
    """Intervals up to the end of the last phase, without the drain."""
    def interval(self, index: int) -> Interval: ...
    def interval_at(self, at_ns: int) -> Interval: ...
    def phase_at(self, at_ns: int) -> int | None:
        """Index of the phase at a time; None once the last phase is over."""

    def phase_start_ns(self, phase_index: int) -> int: ...
    def planned_count(self, phase_index: int) -> int:
        """Arrivals of a phase over all nodes: the mean if Poisson, 0 in closed loop."""

    def to_bytes(self) -> bytes: ...
    @staticmethod
    def from_bytes(data: bytes) -> Plan: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __reduce__(self) -> tuple[object, tuple[bytes]]: ...

@final
class Schedule(Iterator[tuple[int, int, int]]):
    """Arrivals of one node in order: (arrival index, intended start, phase index).

    Node k of n owns the arrivals whose index leaves k when divided by n, so each arrival belongs
    to exactly one node, whatever n is. Empty in closed loop.
    """

    def __new__(cls, plan: Plan, node_index: int = 0, node_count: int = 1) -> Self: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> tuple[int, int, int]: ...
    def peek(self) -> tuple[int, int, int] | None:
        """What `next` would give, without taking it; None at the end."""

@final
class Histogram:
    """HDR histogram of times: 3 significant digits, 0 ns to 24 h. Empty ones take no memory."""

    def __new__(cls) -> Self: ...
    def record(self, time_ns: int, count: int = 1) -> None:
        """Count a time; one beyond the range is counted as the nearest end of the range."""

    def merge(self, other: Histogram) -> None: ...
    def copy(self) -> Histogram: ...
    @property
    def count(self) -> int: ...
    @property
    def min_ns(self) -> int:
        """Smallest recorded time within 0.1 %; 0 if empty, as every statistic."""

    @property
    def max_ns(self) -> int: ...
    @property
    def mean_ns(self) -> float: ...
    @property
    def stdev_ns(self) -> float: ...
    def quantile(self, quantile: float) -> int:
        """Time that a share of 0 .. 1 of the recorded ones does not exceed, within 0.1 %."""

    def count_at_or_below(self, time_ns: int) -> int:
        """Recorded times up to this one, or up to what the histogram cannot tell from it."""

    def buckets(self) -> list[tuple[int, int, int]]:
        """(lowest time, highest time, count) of each bucket that has a count, ascending."""

    def encode_v2(self, compressed: bool = True) -> bytes:
        """HdrHistogram's V2 form, deflated if `compressed`."""

    @staticmethod
    def decode_v2(data: bytes) -> Histogram:
        """Read either V2 form.

        Raises:
            ValueError: the bytes are damaged or have other bounds than 1 ns .. 24 h and 3 digits.
        """

    def __eq__(self, other: object, /) -> bool: ...

@final
class RandomStream:
    """Draws of a stream of random numbers, one after another, as `random.Random` wants them.

    The n-th draw is made of `random_u64(seed, stream, n)`.

    Args:
        seed: 0 .. 2**64 - 1, one per run.

    Attributes:
        stream: which one.
        counter: number of the next draw.
    """

    stream: int
    counter: int

    def __new__(cls, seed: int) -> Self: ...
    def rewind(self, stream: int, /) -> None:
        """Begin a stream."""

    def random(self) -> float:
        """The next number of [0, 1), a multiple of 2**-53."""

    def getrandbits(self, count: int, /) -> int:
        """An integer of so many bits.

        Raises:
            ValueError: the number is negative.
        """

    def below(self, limit: int, /) -> int:
        """A number of 0 .. limit - 1; up to 2**32 it is too frequent by at most one in 2**32."""

@final
class Recorder:
    """Measurements of one process (or thread), by interval; see docs/adr/0002.

    A transaction belongs to the phase of its arrival: its intended start in open loop, its start
    in closed loop. It is counted in the interval of its finish. What arrives for an interval that
    `flip` already handed out goes into the oldest one still here: it is never lost.

    Args:
        plan: of the whole run.
        process_index: number of this process in the run, for its gauges.
    """

    def __new__(cls, plan: Plan, process_index: int = 0) -> Self: ...
    def row(self, name: str, kind: _RowKind = "transaction") -> int:
        """Number of a row of the report; the same pair gives the same number.

        Raises:
            ValueError: more than `MAX_ROWS` rows, or the name is empty or over 200 bytes.
        """

    def offer(self, arrival_ns: int, count: int = 1) -> None:
        """Count arrivals when they come due: at the intended start, or the start in closed loop."""

    def drop(self, intended_ns: int, reason: str) -> None:
        """Count an offered arrival that is never started; at most 16 reasons."""

    def unfinished(self, arrival_ns: int, count: int = 1) -> None:
        """Count offered transactions that were started (or queued) and given up at the end."""

    def commit(
        self, row: int, worker: int, intended_ns: int | None, start_ns: int, finish_ns: int
    ) -> None:
        """Record a committed transaction or operation.

        Args:
            row: from `row`.
            worker: number of the worker in the whole run, below `MAX_WORKERS`.
            intended_ns: intended start; None in closed loop (no response time, no lag) and for
                operations.
            start_ns: first byte written.
            finish_ns: answer read.
        """

    def roll_back(
        self, row: int, worker: int, intended_ns: int | None, start_ns: int, finish_ns: int
    ) -> None:
        """Count a transaction that the workload rolled back on purpose; its times are not kept."""

    def fail(
        self,
        row: int,
        worker: int,
        intended_ns: int | None,
        start_ns: int,
        finish_ns: int,
        sqlstate: str,
        message: str = "",
    ) -> None:
        """Record a failed transaction or operation under its SQLSTATE.

        Its service time goes into a histogram of its own. The first message per SQLSTATE and
        interval is kept, up to 300 bytes. `sqlstate` is five digits or upper-case letters; past 64
        codes per cell more are counted as "other".
        """

    def retry(self, row: int, arrival_ns: int, at_ns: int, sqlstate: str) -> None:
        """Count one more try of a transaction that arrived at `arrival_ns`, made at `at_ns`."""

    def count(self, name: str, count: int, at_ns: int) -> None:
        """Add to a custom counter.

        Raises:
            ValueError: more than `MAX_NAMES` names, or the name is empty or over 200 bytes.
        """

    def value(self, name: str, value: float, at_ns: int) -> None:
        """Record a custom value of any sign.

        Raises:
            ValueError: as for `count`, or the value is not finite.
        """

    def gauge(self, cpu_ns: int, loop_lag_max_ns: int, rss_bytes: int) -> None:
        """Note the process's own load in the oldest interval that was not handed out.

        Call it before each `flip`: it is about the interval that ended.

        Args:
            cpu_ns: CPU time since the last call, used and waited for; added up.
            loop_lag_max_ns: worst lateness of the event loop since the last call; the maximum
                stays, as for `rss_bytes`.
            rss_bytes: memory now.
        """

    @property
    def current_interval(self) -> Interval:
        """The interval being recorded; call `flip` at its `end_ns`."""

    def flip(self, now_ns: int) -> list[IntervalSnapshot]:
        """Hand out every interval that ended by now, idle ones too, in order.

        At most 4096 at once; the next call gives the rest. Costs microseconds: encode the
        snapshots (`to_bytes` releases the GIL) in another thread if that matters.
        """

    def finish(self, now_ns: int) -> list[IntervalSnapshot]:
        """Hand out all that is left, the current interval last.

        Raises:
            ValueError: the recorder was finished before (as for every other method afterwards).
        """

@final
class CallRecord:
    """The call that a worker of the coroutine executor makes, and the short way to count it.

    Args:
        recorder: of the process.
        row: of `Recorder.row`, for a call that went well and recorded nothing.
        worker: number of the worker in the whole run.
        run_start_ns: start of the run on the monotonic clock.

    Attributes:
        begin_ns: when it began.
        granted_ns: when an operation that had to wait for its first connection got it; of an
            earlier one if that is before its start.
        first_granted_ns: the same of the first operation of the call.
        intended_ns: intended start; None in closed loop.
        is_plain: nothing was recorded but what `commit` will.
        is_active: the call is being made.
        has_succeeded: something of any call went well.
    """

    is_plain: bool
    is_active: bool
    has_succeeded: bool
    @property
    def begin_ns(self) -> int: ...
    @property
    def granted_ns(self) -> int: ...
    @property
    def first_granted_ns(self) -> int: ...
    @property
    def intended_ns(self) -> int | None: ...
    def __new__(cls, recorder: Recorder, row: int, worker: int, run_start_ns: int) -> Self: ...
    def begin(self, now_ns: int, intended_ns: int | None, /) -> None:
        """Begin the next call; like all of `now_ns` here, a reading of the monotonic clock."""

    def granted(self, now_ns: int, /) -> None:
        """An operation waited for its first connection until now."""

    def commit(self, now_ns: int, /) -> bool:
        """Count a plain call as one committed transaction; in closed loop it is offered too.

        Returns:
            False if the call is not plain: nothing was counted then.
        """

@final
class IntervalSnapshot:
    """Everything measured in one interval, or in any intervals and processes merged into one.

    Merging is exact, associative and commutative; totals of a run are merged snapshots.
    """

    @property
    def first_interval(self) -> Interval: ...
    @property
    def last_interval(self) -> Interval: ...
    @property
    def interval_index(self) -> int:
        """Index of the first interval."""

    def merge(self, other: IntervalSnapshot) -> None: ...
    def copy(self) -> IntervalSnapshot: ...
    def to_bytes(self) -> bytes:
        """Versioned msgpack with V2 histograms; the GIL is released meanwhile."""

    @staticmethod
    def from_bytes(data: bytes) -> IntervalSnapshot:
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: the bytes are damaged, too many, or of another version.
        """

    def identity(self) -> list[PhaseIdentity]:
        """Accounting per arrival phase, in order; only phases that something was counted for."""

    def cells(self) -> list[Cell]:
        """Outcomes per arrival phase and row, in order of phase, kind and name."""

    def row_totals(self, phase_indexes: Collection[int] | None = None) -> list[Cell]:
        """Outcomes per row, merged over these arrival phases (None: all); `phase_index` is None."""

    @property
    def workers(self) -> dict[int, WorkerCounts]: ...
    @property
    def counters(self) -> dict[str, int]:
        """Custom counters."""

    @property
    def values(self) -> dict[str, ValueSketch]:
        """Custom values."""

    @property
    def processes(self) -> dict[int, ProcessGauges]:
        """By process index; each process that took part has an entry."""

    @property
    def examples(self) -> dict[str, str]:
        """Earliest message per SQLSTATE."""

    @property
    def clamped_count(self) -> int:
        """Times that were negative or above 24 h and were recorded as the end of the range."""

    def __eq__(self, other: object, /) -> bool: ...

@final
class PhaseIdentity:
    """offered = committed + rolled_back + failed + dropped + unfinished, once a run is over.

    Transactions only: operations are parts of one.
    """

    phase_index: Final[int]
    offered: Final[int]
    committed: Final[int]
    rolled_back: Final[int]
    failed: Final[int]
    dropped: Final[int]
    dropped_by_reason: Final[dict[str, int]]
    unfinished: Final[int]
    in_flight: Final[int]
    """Offered without an outcome so far; below 0 shows a bug of the generator."""
    holds: Final[bool]  # whether `in_flight` is 0

@final
class Cell:
    """Outcomes of one row."""

    phase_index: Final[int | None]
    name: Final[str]
    kind: Final[_RowKind]
    committed: Final[int]
    rolled_back: Final[int]
    failed: Final[dict[str, int]]  # by SQLSTATE
    retried: Final[dict[str, int]]
    """Number of retries by the SQLSTATE that caused them."""
    rows: Final[int]
    """Rows that statements returned or changed, whatever the outcome; 0 where the executor does
    not see the protocol, as `sent_bytes` and `received_bytes`."""
    sent_bytes: Final[int]  # bytes of the protocol to the server, before encryption
    received_bytes: Final[int]  # bytes of the protocol from the server, before encryption
    response_time: Final[Histogram]
    """Committed; empty in closed loop and for operations, as `schedule_lag`."""
    service_time: Final[Histogram]  # committed
    schedule_lag: Final[Histogram]  # committed
    failed_service_time: Final[Histogram]  # service time of the failed ones

@final
class WorkerCounts:
    """Share of one worker."""

    committed: Final[int]
    failed: Final[int]
    busy_ns: Final[int]
    """Service time of all its transactions, whatever their outcome."""
    service_sum_ns: Final[int]  # service time of the committed ones

@final
class ProcessGauges:
    """Load of one process."""

    cpu_ns: Final[int]
    loop_lag_max_ns: Final[int]
    rss_bytes: Final[int]

@final
class ValueSketch:
    """Distribution of a custom value: exact count, minimum and maximum, quantiles within 0.4 %."""

    count: Final[int]
    sum: Final[float]
    mean: Final[float]
    min: Final[float]
    max: Final[float]
    def quantile(self, quantile: float) -> float: ...

@final
class HdrLog:
    """HdrHistogram interval log (text, V2 compressed), written piece by piece.

    Args:
        start_unix_ns: wall clock at the run's start; lines give seconds since then.
        comment: lines for the head of the log.
    """

    def __new__(cls, start_unix_ns: int, comment: str = "") -> Self: ...
    def add(self, tag: str, start_ns: int, end_ns: int, histogram: Histogram) -> None:
        """Append a line; characters that a tag may not hold (comma, white space) become "_"."""

    def take(self) -> bytes:
        """What was written since the last call."""

@final
class Timer:
    """Wake-up with the kernel's precision instead of the event loop's millisecond (Linux).

    Add `fileno()` to the loop's readers; when it becomes readable, call `clear` and arm it anew.
    `NotImplementedError`: the system has no timerfd; use `loop.call_at` there.
    """

    def __new__(cls) -> Self: ...
    def fileno(self) -> int: ...
    def arm(self, at_monotonic_ns: int) -> None:
        """Become readable at this reading of `time.monotonic_ns`; replaces an earlier time."""

    def clear(self) -> bool:
        """Make it unreadable again; whether it had expired."""

    def close(self) -> None:
        """Free the descriptor; remove it from the loop first. A second call does nothing."""

def restrict(read: Sequence[str], write: Sequence[str], connect: Sequence[int]) -> int: ...
def drop_capabilities() -> None: ...
def adopt_orphans() -> None: ...
def die_with_parent() -> None: ...
def check_program(program: bytes) -> None:
    """Refuse bytes that are no program (`ValueError`: why not, and where in the author's code)."""

@final
class Target:
    """Where and as whom an engine connects. Words and files mean what they mean in libpq.

    Args:
        endpoints: tried in order: name of the host, the same for people, address.
        user: role.
        dbname: database.
        password: None if none is known.
        settings: of each session, such as `search_path`.
        sslmode: `disable`, `allow`, `prefer`, `require`, `verify-ca` or `verify-full`; a Unix
            socket is never encrypted.
        sslrootcert: file of trusted authorities, `system`, or "" to trust every certificate.
        sslcert: file of the client certificate, or "".
        sslkey: file of its key, or "" if it is in the same file.
        sslcrl: file of revoked certificates, or "".
        channel_binding: `disable`, `prefer` or `require`.
        target_session_attrs: `any`, `read-write`, `read-only`, `primary`, `standby` or
            `prefer-standby`.
        connect_timeout_ns: limit of one attempt; 0 for none.
        protocol_version: to ask for, `3.0` or `3.2`; an older server may answer with 3.0.

    Raises:
        ValueError: a word is unknown, or a file is not what it should be.
    """

    def __new__(
        cls,
        endpoints: Sequence[tuple[str, str, _Address]],
        *,
        user: str,
        dbname: str,
        password: str | None = None,
        settings: Mapping[str, str] = ...,
        sslmode: str = "prefer",
        sslrootcert: str = "",
        sslcert: str = "",
        sslkey: str = "",
        sslcrl: str = "",
        channel_binding: str = "prefer",
        target_session_attrs: str = "any",
        connect_timeout_ns: int = 0,
        protocol_version: str = "3.0",
    ) -> Self: ...

@final
class Problem:
    """Why a thread of an engine, or the whole run, ended before its time."""

    message: Final[str]
    hint: Final[str]  # may be ""
    is_of_server: Final[bool]  # the server or the way to it is the cause

@final
class Engine:
    """Threads that execute a program: they connect, prepare and wait for `go`.

    Dropping it ends them. Times are readings of `time.monotonic_ns`.

    Args:
        program: what to run.
        plan: when.
        target: where.
        threads: at most `connections` and `workers`; half of `connections` if some transactions,
            but not all, have a connection of their own.
        connections: that may be open at once.
        workers: transactions that may be under way at once.
        seed: of all that is drawn.
        max_queue: open loop: arrivals that may wait, over all threads.
        drain_ns: how long transactions may go on after the last phase, or after `stop`.
        transient_ratio: part of the transactions that have a connection of their own, which is
            part of their service time; its steps are the custom values
            `stormdb.connect_tcp_ns`, `…_tls_ns`, `…_authentication_ns` and `…_startup_ns`.
        think_time_ns: closed loop: mean pause between two transactions of a worker.
        is_think_exponential: draw the pause; else it is constant.
        max_lag_ns: open loop: drop an arrival that is later than this as `too_late`; 0 for never.
        transaction_timeout_ns: end a transaction that takes longer without its pauses, by 25P04
            and with its session; looked at every 20 ms; 0 for never.
        max_tries: of a block, at least 1.
        retry_backoff_ns: pause before the second try; doubles with each further one.
        protocol: `prepared`, `extended` or `simple`.
        io: `auto`, `uring` or `poll`.

    Raises:
        ValueError: a word is unknown, or the program cannot be run.
    """

    def __new__(
        cls,
        program: bytes,
        plan: Plan,
        target: Target,
        *,
        threads: int,
        connections: int,
        workers: int,
        seed: int,
        max_queue: int,
        drain_ns: int,
        transient_ratio: float = 0.0,
        think_time_ns: int = 0,
        is_think_exponential: bool = False,
        max_lag_ns: int = 0,
        transaction_timeout_ns: int = 0,
        max_tries: int = 1,
        retry_backoff_ns: int = 0,
        protocol: str = "prepared",
        io: str = "auto",
    ) -> Self: ...
    @property
    def io(self) -> Literal["uring", "poll"]:
        """How bytes reach the server."""

    @property
    def is_ready(self) -> bool:
        """Every connection of every thread is open and has prepared the statements."""

    @property
    def is_ended(self) -> bool:
        """Every thread has ended; what it sent last is in `poll`."""

    @property
    def problems(self) -> list[Problem]:
        """Why threads ended before their time; empty if all went as planned."""

    @property
    def busy_ns(self) -> int:
        """Processor time of the threads that have ended."""

    def poll(self) -> list[IntervalSnapshot]:
        """Snapshots that came since the last call: one per thread and interval."""

    def go(self, start_ns: int) -> None:
        """Start the run at this time."""

    def stop(self) -> None:
        """Offer nothing more, end within `drain_ns`."""

@final
class NullServer:
    """A PostgreSQL server with canned answers, on this machine only. Dropping it ends it.

    A statement that returns rows is answered by one row with the value 1, every other by a count
    of one row. Whole numbers are `int4`, all else is `text`. By its script it stalls, fails, cuts
    connections.

    Args:
        socket: path of a Unix socket; None for a port.
        port: on 127.0.0.1; 0 for any that is free.
        threads: each serves its own clients.
        io: `auto`, `uring` or `poll`.
        rules: pairs of words and values: a statement that contains the words returns one row of
            the values; `NULL` is null. The first rule counts.
        answer_delay_ns: pause before each answer.
        startup_delay_ns: pause before the answer to a start-up message.
        error_every: every so many statements one fails; 0 for none.
        error_code: SQLSTATE of these.
        cut_every: every so many statements the connection is closed in the middle of the answer.
        is_trickling: send answers one byte at a time.
        is_state_reported: say at start-up whether it is a primary, as servers since 14 do.

    Raises:
        ValueError: it cannot listen there.
    """

    def __new__(
        cls,
        *,
        socket: str | None = None,
        port: int = 0,
        threads: int = 1,
        io: str = "auto",
        rules: Sequence[tuple[str, Sequence[str]]] = ...,
        answer_delay_ns: int = 0,
        startup_delay_ns: int = 0,
        error_every: int = 0,
        error_code: str = "XX000",
        cut_every: int = 0,
        is_trickling: bool = False,
        is_state_reported: bool = True,
    ) -> Self: ...
    port: Final[int]
    """Port on 127.0.0.1; 0 for a Unix socket."""
    clients: Final[int]
    """Connections that came so far."""
    answered: Final[int]
    """Statements that were answered so far, errors and cuts included."""
    errors: Final[int]
    """Scripted errors so far."""
    cuts: Final[int]
    """Connections that were cut so far."""
    cancelled: Final[int]
    """Requests to cancel that came so far."""
    def stall(self, for_ns: int) -> None:
        """Answer nothing for so long from now on."""

    def stop(self) -> None:
        """End it and wait for that."""
