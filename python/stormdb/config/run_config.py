"""`RunConfig`: a configuration that was read, with the place of every key."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import PrivateAttr

from stormdb.config.course import PhaseSettings, Role
from stormdb.config.models import RunSettings
from stormdb.config.problems import KeyPath, Origin, key_text
from stormdb.config.rules import EXECUTOR_KEYS
from stormdb.config.secret_names import sounds_secret
from stormdb.config.several import KEYS_OF_ONE, KEYS_OF_THE_WHOLE
from stormdb.units import format_duration

__all__ = ["Provenance", "RunConfig"]

_FREE = ("workload_config", "test_metadata")
_VARIABLE = re.compile(r"\$\{(\w+)")
_LAST_PART = re.compile(r"(^|\.)[^.\[]*$|\[\d+\]$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where the values of a configuration came from.

    Attributes:
        origins: place of each key that was given.
        templates: what was written for each value that a `${VAR}` fills.
        notices: sentences that a user should read before the run.
        key_of: a key as the file has it; another one below `workloads`.
    """

    origins: dict[KeyPath, Origin] = field(default_factory=dict)
    templates: dict[KeyPath, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    key_of: Callable[[str], str] = str


class RunConfig(RunSettings):
    """A configuration, complete and without a problem."""

    _provenance: Provenance = PrivateAttr(default_factory=Provenance)
    _workloads: dict[str, RunConfig] = PrivateAttr(default_factory=dict)

    def model_post_init(self, context: Any, /) -> None:
        """Keep the places that `load` hands over as the context of the validation."""
        if isinstance(context, Provenance):
            self._provenance = context

    def take_workloads(self, workloads: Mapping[str, RunConfig]) -> None:
        """Become the configuration of a run of several, by name; for `load` alone."""
        self._workloads = dict(workloads)

    @property
    def by_name(self) -> dict[str, RunConfig]:
        """Each workload of the run by its name: those of `workloads`, or this one by its type."""
        return dict(self._workloads) or {self.workload: self}

    @property
    def is_of_several(self) -> bool:
        """Whether `workloads` says what is run."""
        return bool(self._workloads)

    @property
    def connection_count(self) -> int:
        """Connections of all its workloads together."""
        return sum(one.connections for one in self.by_name.values())

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences that a user should read before the run, such as a variable without effect."""
        cut = (sentence for one in self.by_name.values() for sentence in one.cut_trace())
        return (*self._provenance.notices, *cut)

    @property
    def phases(self) -> tuple[PhaseSettings, ...]:
        """The phases of the run: those of `load`, or warm-up, measured phase and cool-down."""
        if self.load.phases:
            return self.load.phases
        parts: tuple[tuple[str, Role, int], ...] = (
            ("warm-up", "warm_up", self.warm_up_ns),
            ("steady", "steady", self.duration_ns),
            ("cool-down", "cool_down", self.cool_down_ns),
        )
        return tuple(
            PhaseSettings.model_construct(
                name=name,
                role=role,
                duration_ns=duration_ns,
                rate_micro_per_s=self.load.rate_micro_per_s,
            )
            for name, role, duration_ns in parts
            if duration_ns
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that must be seen nowhere: what a log has to blot out.

        The passwords, and texts of the free mappings whose key or variable sounds like a secret;
        any other text of a variable may be a word that logs are full of.
        """
        passwords = (self.database.password, self.database.plugin_password)
        found = [one.get_secret_value() for one in passwords if one]
        for name in _FREE:
            found += self._secret_texts(getattr(self, name), (name,))
        for one in self._workloads.values():
            found += one.secrets
        return tuple(text for text in found if text)

    def origin(self, key: str) -> Origin | None:
        """Where a key was given, or the section above it; None if neither was."""
        places = {key_text(path): origin for path, origin in self._provenance.origins.items()}
        at = key
        while at and at not in places:
            at = _LAST_PART.sub("", at)
        return places.get(at)

    def where(self, key: str) -> str:
        """The place of a key for messages: `stormdb.yaml:12: load.rate`.

        A key that was not given has the place of the section above it.
        """
        origin, key = self.origin(key), self.key(key)
        return origin.at(key) if origin else key

    def key(self, key: str) -> str:
        """A key as the file has it: `workloads.checkout.load.rate` for one of several."""
        return self._provenance.key_of(key)

    def is_given(self, key: str) -> bool:
        """Whether a file, a variable or a flag says a key."""
        return any(key_text(path) == key for path in self._provenance.origins)

    def public(self) -> dict[str, Any]:
        """Every key that counts, with its value as in a file, JSON-able and without a secret.

        It is a valid file again, but for what is hidden: passwords are left out, a text of the
        free mappings that came out of a `${VAR}` is shown as it was written, and what stands below
        a key that sounds like a secret as `***`.
        """
        values: dict[str, Any] = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        for secret in ("password", "plugin_password", "url"):
            values["database"].pop(secret, None)
        for key in _without_effect(self):
            section, _, name = key.rpartition(".")
            (values[section] if section else values).pop(name, None)
        for free in _FREE:
            values[free] = self._scrubbed(values[free], (free,))
        if not self._workloads:
            return values
        of_the_whole = {key: item for key, item in values.items() if key in KEYS_OF_THE_WHOLE}
        workloads = {
            name: {key: item for key, item in one.public().items() if key in KEYS_OF_ONE}
            for name, one in self._workloads.items()
        }
        return of_the_whole | {"workloads": workloads}

    @property
    def digest(self) -> str:
        """`sha256:` and 64 hexadecimal digits over what is run.

        That is `public()` as canonical JSON, and the digest of the file that `load.file` names:
        another recording is another load, whatever its name.
        """
        text = json.dumps(self.public(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        recorded = "".join(one.load.file.digest for one in self.by_name.values() if one.load.file)
        return "sha256:" + hashlib.sha256((text + recorded).encode()).hexdigest()

    def cut_trace(self) -> Iterator[str]:
        """Say so if the run is over before the recorded arrivals are."""
        length_ns = sum(phase.duration_ns for phase in self.phases)
        if self.load.file and self.load.file.trace.last_ns >= length_ns:
            key = "load.phases" if self.load.phases else "duration"
            yield (
                f"{self.where(key)}: the run of {format_duration(length_ns)} is shorter than the "
                f"trace: the last of its {len(self.load.file.trace):,} arrivals is due after "
                f"{format_duration(self.load.file.trace.last_ns)}, and those from the end of the "
                "run on are not offered"
            )

    def _scrubbed(self, value: Any, path: KeyPath) -> Any:
        if sounds_secret(path[-1]):
            return "***"
        if isinstance(value, dict):
            return {name: self._scrubbed(item, (*path, name)) for name, item in value.items()}
        if isinstance(value, list):
            return [self._scrubbed(item, (*path, index)) for index, item in enumerate(value)]
        return self._provenance.templates.get(path, value) if isinstance(value, str) else value

    def _secret_texts(self, value: Any, path: KeyPath, is_secret: bool = False) -> Iterator[str]:
        variables = _VARIABLE.findall(self._provenance.templates.get(path, ""))
        is_secret = is_secret or sounds_secret(path[-1]) or any(map(sounds_secret, variables))
        if isinstance(value, dict):
            for name, item in value.items():
                yield from self._secret_texts(item, (*path, name), is_secret)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from self._secret_texts(item, (*path, index), is_secret)
        elif is_secret and isinstance(value, str):
            yield value


def _without_effect(config: RunConfig) -> Iterator[str]:
    """Keys that say nothing in this configuration, so that a file may not have them."""
    if config.database.type == "postgres":
        yield "database.settings"
    if config.load.arrival == "closed":
        yield from ("load.max_queue", "load.max_lag")
    else:
        yield from ("load.think_time", "load.think_time_distribution")
    if config.load.arrival != "trace":
        yield "load.speed"
    if config.load.phases:
        yield from ("duration", "warm_up", "cool_down")
    yield "workloads"
    if not config.start_after_ns:
        yield "start_after"
    yield from (key for key, one in EXECUTOR_KEYS.items() if config.executor not in {"auto", one})
