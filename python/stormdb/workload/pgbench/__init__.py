"""pgbench scripts as described transactions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from stormdb.errors import ProgramError
from stormdb.workload.pgbench.describe import Description
from stormdb.workload.pgbench.script import read_script
from stormdb.workload.transactions import placed, transaction

if TYPE_CHECKING:
    from stormdb.plugin import Config, Workload
    from stormdb.workload.transactions import Weight
    from stormdb.workload.tx import ColumnType, Tx

__all__ = ["pgbench_script"]

Define: TypeAlias = "Mapping[str, object] | Callable[[Config], Mapping[str, object]]"


def pgbench_script(
    path: str | Path,
    *,
    weight: Weight = 1,
    name: str | None = None,
    define: Define | None = None,
    types: Mapping[str, ColumnType] | None = None,
) -> Callable[[Workload, Tx, Config], None]:
    r"""A script of pgbench as a described transaction.

    Stands in the class of a `Workload`, in place of a method with `@transaction`:
    `transfer = pgbench_script(Path(__file__).with_name("transfer.sql"), weight=9)`.

    Args:
        path: of the script; it is read when the transaction is described.
        weight: as for `@transaction`.
        name: row of the report; None for the file's name without its suffix.
        define: further variables, as pgbench's `-D`: numbers by name, or a function of `cfg` that
            returns them. `scale` is there by itself.
        types: of what `\gset` keeps, by the variable's name; int unless given.
    """
    file = Path(path)

    def script(_: Workload, tx: Tx, cfg: Config) -> None:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
            raise ProgramError(
                f"cannot read {file}: {reason}",
                where=file.name,
                hint="the script belongs into the folder of the plugin, which is then a package",
            ) from error
        defined = define(cfg) if callable(define) else define or {}
        variables = {"scale": cfg.scale, **defined}
        commands = read_script(text, file.name)
        Description(tx, commands, variables, types or {}).describe()

    return placed(transaction(weight=weight, name=name or file.stem)(script), file.name)
