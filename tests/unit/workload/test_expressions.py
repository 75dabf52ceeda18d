from __future__ import annotations

from stormdb.workload import distributions as d
from stormdb.workload import expressions as e


def test_walk_goes_into_everything_in_order() -> None:
    one, two, three, four = (e.Slot(number) for number in range(4))
    draw = e.Draw(0, d.Choice(weights=(1.0, 1.0), values=(three, four)))
    tree = e.Case(((one, e.Unary(e.UnaryOperation.NEG, two)),), draw)
    assert list(e.walk(tree)) == [tree, one, tree.arms[0][1], two, draw, three, four]
