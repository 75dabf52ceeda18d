"""Built-in plugins, one folder each; they import what any plugin may: `stormdb.plugin`."""

__all__: list[str] = []
