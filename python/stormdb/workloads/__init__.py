"""Built-in plugins, one folder each.

They import what any plugin may: `stormdb.plugin` and `stormdb.workload`.
"""

__all__: list[str] = []
