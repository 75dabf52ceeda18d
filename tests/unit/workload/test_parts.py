from __future__ import annotations

from stormdb.workload.parts import Parts


def labels(*statements: tuple[str, str | None, str]) -> list[str]:
    parts = Parts()
    for transaction, label, sql in statements:
        parts.statement(transaction, label, sql, 0)
    return [statement.label for statement in parts.statements]


def test_labels_are_the_first_words() -> None:
    assert labels(("t", None, "SELECT  a\n FROM t")) == ["t / SELECT a FROM t"]
    long = "UPDATE account SET cents = cents + $2, changed = now() WHERE id = $1"
    assert labels(("t", None, long)) == ["t / UPDATE account SET cents = cents + $2"]
    assert labels(("t", None, "x" * 50)) == [f"t / {'x' * 40}"]


def test_labels_are_unique() -> None:
    long = "SELECT a_long_name, another_long_name FROM somewhere WHERE id = "
    assert labels(("t", None, f"{long}1"), ("t", None, f"{long}2"), ("u", None, f"{long}1")) == [
        "t / SELECT a_long_name, another_long_name",
        "t / SELECT a_long_name, another_long_name (2)",
        "u / SELECT a_long_name, another_long_name",
    ]
    assert labels(("t", "read", "SELECT 1"), ("t", "read", "SELECT 2")) == [
        "t / read",
        "t / read (2)",
    ]


def test_the_same_text_in_the_same_transaction_is_one_statement() -> None:
    parts = Parts()
    assert parts.statement("t", None, "SELECT 1", 0) == 0
    assert parts.statement("t", None, "SELECT 1", 0) == 0
    assert parts.statement("t", "named", "SELECT 1", 0) == 1
    assert parts.statement("u", None, "SELECT 1", 0) == 2


def test_tables_and_metrics_are_kept_once() -> None:
    parts = Parts()
    assert [parts.table(one) for one in ((1, 2), (1.0, 2), (True, 2), (1, 2))] == [0, 1, 2, 0]
    assert [parts.metric(name) for name in ("a", "b", "a")] == [0, 1, 0]
