"""A YAML file as plain values, with the line of every key and the text of every scalar.

YAML 1.2: `on`, `no` and `1:30` are texts and `0777` is seven hundred seventy-seven. The node tree
of ruamel.yaml is walked here instead of its constructor, for three reasons: all duplicate keys are
reported at once, a text key keeps what was written (`password: 0123`), and `${VAR}` is filled in
before a plain scalar gets its type.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from stormdb.config.expand import ExpandError, expand
from stormdb.config.problems import KeyPath, Origin, Problem, key_text

__all__ = ["Document", "parse_scalar", "read_document"]

_MOST_VALUES = 100_000
_TAG = "tag:yaml.org,2002:"


@dataclass(slots=True)
class Document:
    """What a file says.

    Attributes:
        values: nested dicts, lists and scalars; {} for an empty file.
        origins: line of each key and list item.
        texts: what was written for each scalar, after `${VAR}` was filled in.
        templates: what was written for each scalar with a `${VAR}` in it, before that.
        problems: what is wrong with the file as YAML.
    """

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[KeyPath, Origin] = field(default_factory=dict)
    texts: dict[KeyPath, str] = field(default_factory=dict)
    templates: dict[KeyPath, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read_document(text: str, source: str, environ: Mapping[str, str]) -> Document:
    """Read the text of a file.

    Args:
        text: the file's content.
        source: the file's name for messages.
        environ: for `${VAR}`.
    """
    reader = _Reader(source, environ)
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except YAMLError as error:
        reader.document.problems.append(_syntax_problem(error, text, source))
        return reader.document
    if node is None or (isinstance(node, ScalarNode) and node.tag == _TAG + "null"):
        return reader.document
    if not isinstance(node, MappingNode):
        kind = "a list" if isinstance(node, SequenceNode) else "a single value"
        reader.add((), node, f"the file holds {kind}", "write keys, such as `workload: simple`")
        return reader.document
    reader.document.values = reader.mapping(node, ())
    return reader.document


def parse_scalar(text: str) -> Any:
    """The value that YAML reads in a flag or variable: `4`, `60s`, `[a, b]`; never an object.

    Raises:
        ValueError: it is no YAML; the message says why.
    """
    document = read_document("value: " + text if text else "value: ''", "", {})
    if document.problems:
        raise ValueError(document.problems[0].message)
    return document.values["value"]


class _Reader:
    def __init__(self, source: str, environ: Mapping[str, str]) -> None:
        self.document = Document()
        self._source = source
        self._environ = environ
        self._yaml = YAML(typ="safe", pure=True)
        self._open: list[Node] = []
        self._count = 0

    def add(self, path: KeyPath, node: Node, message: str, hint: str = "") -> None:
        origin = Origin(self._source, node.start_mark.line + 1)
        self.document.problems.append(
            Problem(key=key_text(path), message=message, hint=hint, origin=origin)
        )

    def mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in self._pairs(node, path):
            if not isinstance(key_node, ScalarNode):
                self.add(path, key_node, "a list or mapping cannot be a key")
                continue
            key, line = key_node.value, key_node.start_mark.line + 1
            if key in lines:
                if lines[key]:
                    self.add(
                        (*path, key),
                        key_node,
                        f"the key is here twice, first in line {lines[key]}",
                        "keep one of them",
                    )
                continue
            # Keys that come by `<<` follow the mapping's own, which win without a word.
            lines[key] = line if key_node in [own for own, _ in node.value] else 0
            self.document.origins[(*path, key)] = Origin(self._source, line)
            values[key] = self._value(value_node, (*path, key))
        return values

    def _pairs(self, node: MappingNode, path: KeyPath) -> Iterator[tuple[Node, Node]]:
        merged: list[Node] = []
        for key_node, value_node in node.value:
            if key_node.tag == _TAG + "merge":
                merged += value_node.value if isinstance(value_node, SequenceNode) else [value_node]
            else:
                yield key_node, value_node
        for other in merged:
            if isinstance(other, MappingNode):
                yield from self._pairs(other, path)
            else:
                self.add(path, other, "`<<` takes a mapping", "write `<<: *name` of an anchor")

    def _value(self, node: Node, path: KeyPath) -> Any:
        self._count += 1
        if self._count > _MOST_VALUES:
            if self._count == _MOST_VALUES + 1:
                self.add(path, node, f"the file holds more than {_MOST_VALUES} values")
            return None
        if any(node is parent for parent in self._open):
            self.add(path, node, "the anchor contains itself")
            return None
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        self._open.append(node)
        try:
            if isinstance(node, MappingNode):
                return self.mapping(node, path)
            return self._sequence(node, path)
        finally:
            self._open.pop()

    def _sequence(self, node: Node, path: KeyPath) -> list[Any]:
        values = []
        for index, item in enumerate(node.value):
            origin = Origin(self._source, item.start_mark.line + 1)
            self.document.origins[(*path, index)] = origin
            values.append(self._value(item, (*path, index)))
        return values

    def _scalar(self, node: ScalarNode, path: KeyPath) -> Any:
        text, tag = node.value, node.tag
        is_plain = node.style is None
        if "${" in text:
            try:
                expanded = expand(text, self._environ)
            except ExpandError as error:
                self.add(path, node, error.message, error.hint)
                # A value that cannot be wrong itself: one problem per mistake is enough.
                return None
            if expanded != text.replace("$${", "${"):
                self.document.templates[path] = text
            text = expanded
            if is_plain:
                tag = self._yaml.resolver.resolve(ScalarNode, text, (True, False))
        self.document.texts[path] = text
        if not str(tag).startswith(_TAG):
            self.add(path, node, f"the tag {tag} is not known", "leave it out")
            return None
        kind = str(tag).removeprefix(_TAG)
        if not is_plain or kind in {"str", "timestamp"}:
            return text
        if kind not in {"null", "bool", "int", "float"}:
            self.add(path, node, f"the tag !!{kind} is not known", "leave it out")
            return None
        return self._typed(kind, text, node, path)

    def _typed(self, kind: str, text: str, node: ScalarNode, path: KeyPath) -> Any:
        typed = ScalarNode(_TAG + kind, text, node.start_mark, node.end_mark)
        value = self._yaml.constructor.construct_object(typed)
        if isinstance(value, float) and not math.isfinite(value):
            self.add(path, node, f"{text} is not a finite number")
            return None
        return value


def _syntax_problem(error: YAMLError, text: str, source: str) -> Problem:
    """Say in our words what a YAML parser found; the file's other problems stay unknown."""
    if isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        message = f"the character U+{ord(error.character):04X} cannot stand in a YAML file"
        return Problem(key="", message=message, hint="remove it", origin=Origin(source, line))
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return Problem(key="", message=f"this is no YAML: {error}", origin=Origin(source, 1))
    line = error.problem_mark.line + 1
    found = str(error.problem)
    started = error.context_mark.line + 1 if error.context_mark else line
    message, hint = found, ""
    if "'\\t'" in found:
        message, hint = "a tab stands where YAML takes spaces only", "indent with spaces"
    elif "mapping values are not allowed" in found:
        message = "a `:` stands where no key can begin"
        hint = "check the indentation, or put the text in quotes"
    elif "could not find expected ':'" in found:
        line = started
        message, hint = "the line has no `:` after its key", "write `key: value`"
    elif "unexpected end of stream" in found and "quoted" in str(error.context):
        line = started
        message, hint = "a quote opens here and is never closed", "close it"
    elif "expected <block end>" in found:
        message = "the indentation fits none of the lines above"
        hint = "give all keys of one section the same indentation"
    elif "flow" in str(error.context):
        line = started
        message = "a bracket opens here and is not closed"
        hint = "close it, or put a text with brackets in quotes"
    elif "cannot start any token" in found:
        message = f"a value cannot start with {found.split()[2]}"
        hint = "put the text in quotes"
    elif "undefined alias" in found:
        message = f"the anchor of *{found.rsplit(maxsplit=1)[-1].strip(chr(34))} is not defined above"
        hint = "put a text that starts with * in quotes"
    elif "expected a single document" in found:
        message, hint = "the file holds more than one document", "remove the `---` between them"
    return Problem(key="", message=message, hint=hint, origin=Origin(source, line))
