"""From the flags of a command to its log and its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from stormdb.errors import ConfigError

if TYPE_CHECKING:
    from stormdb.cli.flags import LogFlags, WhatFlags
    from stormdb.config import RunConfig

__all__ = ["load_config"]


def load_config(what: WhatFlags, log: LogFlags, flags: Mapping[str, object]) -> RunConfig:
    """Start the log and read the configuration.

    Args:
        what: file, workload and overrides.
        log: how much is logged, and where.
        flags: values of the command's other flags, by key.

    Raises:
        ConfigError: a flag or the configuration cannot be used.
        StoreError: the log file cannot be opened.
    """
    from stormdb import logs
    from stormdb.config import load

    logs.configure(
        level=log.log_level, log_format=log.log_format, file=log.log_file, verbose=log.verbose
    )
    if what.name and what.workload and what.name != what.workload:
        raise ConfigError(
            f"two workloads are named, {what.name} and {what.workload}",
            where="--workload",
            hint="a run has one: name it once",
        )
    if what.name and {"/", "."} & set(what.name):
        is_config = what.name.endswith((".yaml", ".yml", ".json"))
        raise ConfigError(
            f"{what.name} is a path, where a workload type is named",
            hint=f"give it as -c {what.name}"
            if is_config
            else f"name one of its workload types, and --plugin {what.name}",
        )
    flags = {**what.values(), **flags}
    config = load(what.config, workload=what.name, overrides=what.set_ or (), flags=flags)
    logs.hide(*config.secrets)
    return config
