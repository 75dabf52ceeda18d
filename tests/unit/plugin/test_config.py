from __future__ import annotations

from pydantic import BaseModel

from stormdb.plugin import Config


class Options(BaseModel):
    rows: int = 3


def test_options_of_a_mapping_and_of_a_model() -> None:
    assert Config(workload="shop", workload_config={"rows": 5}).option("rows") == 5
    assert Config(workload="shop").option("rows", 7) == 7
    assert Config(workload="shop").option("rows") is None
    with_model = Config(workload="shop", workload_config=Options(rows=9))
    assert with_model.option("rows") == 9
    assert with_model.option("columns", 2) == 2
