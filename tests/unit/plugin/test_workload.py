from __future__ import annotations

import pytest

from stormdb.plugin import Config, Context, PluginMetadata, Workload, WorkloadPlugin


class Nothing(Workload):
    async def setup(self, ctx, db, cfg): ...
    async def run(self, ctx, db, cfg, metrics): ...


class Plugin(WorkloadPlugin):
    def get_metadata(self) -> PluginMetadata:
        return PluginMetadata(name="shop", version="1", workload_types=["shop"])

    def create_workload(self, workload_type: str) -> Workload:
        return Nothing()


async def test_what_a_workload_need_not_have() -> None:
    workload = Nothing()
    context, config = Context(), Config(workload="shop")
    assert await workload.verify(context, None, config) == []
    assert await workload.cleanup(context, None, config) is None
    assert workload.config_model is None


def test_what_a_plugin_need_not_have() -> None:
    plugin = Plugin()
    plugin.initialize()
    plugin.cleanup()


@pytest.mark.parametrize("base", [Workload, WorkloadPlugin])
def test_what_must_be_written(base: type) -> None:
    with pytest.raises(TypeError, match="abstract"):
        base()
