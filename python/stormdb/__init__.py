"""Load, measure and understand a PostgreSQL server."""

__all__: list[str] = []
