from __future__ import annotations

from stormdb.plugins.plugin_log import LINES_PER_S, LogSieve, PluginLog


def line(text: str) -> PluginLog:
    return PluginLog(plugin="shop", level="info", logger="stdout", message=text)


def test_a_flood_is_cut_and_counted() -> None:
    heard: list[PluginLog] = []
    now_ns = [0]
    sieve = LogSieve(heard.append, clock_ns=lambda: now_ns[0])
    for number in range(LINES_PER_S + 7):
        sieve.add(line(str(number)))
    assert len(heard) == LINES_PER_S
    now_ns[0] = 10**9
    sieve.tick("shop")
    assert heard[-1].message == f"7 lines were left out: more than {LINES_PER_S} a second"
    assert heard[-1].level == "warning"
    sieve.add(line("again"))
    assert heard[-1].message == "again"


def test_a_second_below_the_limit_is_whole() -> None:
    heard: list[PluginLog] = []
    now_ns = [0]
    sieve = LogSieve(heard.append, clock_ns=lambda: now_ns[0])
    for number in range(3 * LINES_PER_S):
        now_ns[0] = number * 10**9 // LINES_PER_S
        sieve.add(line(str(number)))
    assert [log.message for log in heard] == [str(number) for number in range(3 * LINES_PER_S)]


def test_what_the_last_second_left_out_is_told_at_the_end() -> None:
    heard: list[PluginLog] = []
    sieve = LogSieve(heard.append, clock_ns=lambda: 10**9)
    for number in range(LINES_PER_S + 7):
        sieve.add(line(str(number)))
    sieve.flush("talker")
    assert heard[-1].message == f"7 lines were left out: more than {LINES_PER_S} a second"
    sieve.flush("talker")
    assert len(heard) == LINES_PER_S + 1
