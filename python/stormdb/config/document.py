"""A YAML file as plain values, with the line of every key and the text of every scalar.

YAML 1.2: `on`, `no` and `1:30` are texts and `0777` is seven hundred seventy-seven. The node tree
of ruamel.yaml is walked here instead of its constructor, for three reasons: all duplicate keys are
reported at once, a text key keeps what was written (`password: 0123`), and `${VAR}` is filled in
before a plain scalar gets its type.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from stormdb.config.expand import ExpandError, expand
from stormdb.config.problems import KeyPath, Origin, Problem, key_text, nearest

__all__ = ["Document", "parse_scalar", "read_document", "read_file"]

_SUFFIXES = {".yaml", ".yml", ".json"}
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


def read_file(file: Path, environ: Mapping[str, str]) -> Document:
    """Read a file.

    Args:
        file: YAML or JSON in UTF-8.
        environ: for `${VAR}`.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _bad_encoding(file, error)
    except FileNotFoundError:
        return _unreadable(file, "there is no such file", _neighbours(file))
    except IsADirectoryError:
        return _unreadable(
            file, "this is a folder", f"name a file, such as {file / 'stormdb.yaml'}"
        )
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return _unreadable(file, f"the file cannot be read: {reason}", "check its permissions")
    document = read_document(text, str(file), environ)
    if not document.values and not document.problems:
        return _unreadable(file, "the file is empty", "write keys, such as `workload: quickstart`")
    return document


def read_document(text: str, source: str, environ: Mapping[str, str] | None) -> Document:
    """Read the text of a file.

    Args:
        text: the file's content.
        source: the file's name for messages.
        environ: for `${VAR}`; None leaves it as it stands.
    """
    reader = _Reader(source, environ)
    try:
        node = YAML(typ="safe", pure=True).compose(text)
        reader.read(node)
    except YAMLError as error:
        reader.document.problems.append(_syntax_problem(error, text, source))
    except RecursionError:
        problem = Problem(key="", message="the file is nested too deeply", origin=Origin(source))
        reader.document.problems.append(problem)
    return reader.document


def parse_scalar(text: str) -> Any:
    """The value that YAML reads in a flag or variable: `4`, `60s`, `[a, b]`; never an object.

    Raises:
        ValueError: it is no YAML; the message says why.
    """
    document = read_document("value: " + text if text else "value: ''", "", None)
    if document.problems:
        raise ValueError(document.problems[0].message)
    return document.values["value"]


class _Reader:
    def __init__(self, source: str, environ: Mapping[str, str] | None) -> None:
        self.document = Document()
        self._source = source
        self._environ = environ
        self._yaml = YAML(typ="safe", pure=True)
        self._open: list[Node] = []
        self._count = 0

    def _add(self, path: KeyPath, node: Node, message: str, hint: str = "") -> None:
        origin = Origin(self._source, node.start_mark.line + 1)
        self.document.problems.append(
            Problem(key=key_text(path), message=message, hint=hint, origin=origin)
        )

    def read(self, node: Node | None) -> None:
        """Turn the tree of a file into the document."""
        if node is None or (isinstance(node, ScalarNode) and node.tag == _TAG + "null"):
            return
        if isinstance(node, MappingNode):
            self._open.append(node)
            self.document.values = self._mapping(node, ())
            return
        kind = "a list" if isinstance(node, SequenceNode) else "a single value"
        self._add((), node, f"the file holds {kind}", "write keys, such as `workload: quickstart`")

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node, is_own in self._pairs(node, path):
            if not isinstance(key_node, ScalarNode):
                self._add(path, key_node, "a list or mapping cannot be a key")
                continue
            key = self._text(key_node.value, key_node, path)
            if key in values:
                if is_own:
                    message = f"the key is here twice, first in line {lines[key]}"
                    self._add((*path, key), key_node, message, "keep one of them")
                continue
            lines[key] = key_node.start_mark.line + 1
            self.document.origins[(*path, key)] = Origin(self._source, lines[key])
            values[key] = self._value(value_node, (*path, key))
        return values

    def _pairs(
        self, node: MappingNode, path: KeyPath, within: tuple[Node, ...] = ()
    ) -> Iterator[tuple[Node, Node, bool]]:
        """Keys and values; those that come by `<<` follow the mapping's own, which win."""
        merged: list[Node] = []
        for key_node, value_node in node.value:
            if key_node.tag == _TAG + "merge":
                is_list = isinstance(value_node, SequenceNode)
                merged += value_node.value if is_list else [value_node]
            else:
                yield key_node, value_node, True
        within = (*within, node)
        for other in merged:
            if any(other is outer for outer in (*within, *self._open)):
                self._refuse_loop(other, path)
            elif isinstance(other, MappingNode):
                pairs = self._pairs(other, path, within)
                yield from ((key, value, False) for key, value, _ in pairs)
            else:
                self._add(path, other, "`<<` takes a mapping", "write `<<: *name` of an anchor")

    def _refuse_loop(self, node: Node, path: KeyPath) -> None:
        self._add(path, node, "the anchor contains itself", "remove the reference to it")

    def _value(self, node: Node, path: KeyPath) -> Any:
        self._count += 1
        if self._count > _MOST_VALUES:
            if self._count == _MOST_VALUES + 1:
                self._add(path, node, f"the file holds more than {_MOST_VALUES} values")
            return None
        if any(node is parent for parent in self._open):
            self._refuse_loop(node, path)
            return None
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        if node.tag not in (_TAG + "map", _TAG + "seq"):
            self._refuse_tag(node, path)
            return None
        self._open.append(node)
        try:
            if isinstance(node, MappingNode):
                return self._mapping(node, path)
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
        text, tag = self._text(node.value, node, path), node.tag
        is_plain = node.style is None
        if "${" in text and self._environ is not None:
            try:
                expanded = expand(text, self._environ)
            except ExpandError as error:
                self._add(path, node, error.message, error.hint)
                # A value that cannot be wrong itself: one problem per mistake is enough.
                return None
            if expanded != text.replace("$${", "${"):
                self.document.templates[path] = text
            text = expanded
            if is_plain:
                tag = self._yaml.resolver.resolve(ScalarNode, text, (True, False))
        self.document.texts[path] = text
        kind = str(tag).removeprefix(_TAG)
        if kind not in {"null", "bool", "int", "float", "str", "timestamp"}:
            self._refuse_tag(node, path)
            return None
        if not is_plain or kind in {"str", "timestamp"}:
            return text
        return self._typed(kind, text, node, path)

    def _text(self, text: str, node: Node, path: KeyPath) -> str:
        """Join the pairs of surrogates that JSON writes for one character."""
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self._add(
                path, node, "the text holds half of a character", "write the character itself"
            )
            return ""

    def _refuse_tag(self, node: Node, path: KeyPath) -> None:
        tag = str(node.tag).replace(_TAG, "!!")
        self._add(path, node, f"the tag {tag} is not known", "leave it out")

    def _typed(self, kind: str, text: str, node: ScalarNode, path: KeyPath) -> Any:
        typed = ScalarNode(_TAG + kind, text, node.start_mark, node.end_mark)
        value = self._yaml.constructor.construct_object(typed)
        if isinstance(value, float) and not math.isfinite(value):
            self._add(path, node, f"{text} is not a finite number")
            return None
        return value


# What the parser finds, the line that says it best ("here", or where the structure "began"), what
# it means, and how to mend it. The first pattern that fits counts.
_SYNTAX = (
    (r"'\\t'", "here", "a tab stands where YAML takes spaces only", "indent with spaces"),
    (
        r"mapping values are not allowed",
        "here",
        "a `:` stands where no key can begin",
        "check the indentation, or put the text in quotes",
    ),
    (
        r"could not find expected ':'",
        "began",
        "the line has no `:` after its key",
        "write `key: value`",
    ),
    (r"quoted scalar.*unexpected end", "began", "a quote opens and is never closed", "close it"),
    (
        r"expected <block end>",
        "here",
        "the line fits none of the sections above it",
        "give all keys of one section the same indentation",
    ),
    (
        r"flow (sequence|mapping)|flow node",
        "began",
        "a bracket opens and is not closed",
        "close it, or put a text with brackets in quotes",
    ),
    (
        r"character (?P<what>'.') that cannot start",
        "here",
        "a value cannot start with {what}",
        "put the text in quotes",
    ),
    (
        r"undefined alias ['\"](?P<what>[^'\"]*)",
        "here",
        "*{what} refers to no anchor above it",
        "put a text that starts with * in quotes",
    ),
    (
        r"expected a single document",
        "here",
        "a second document begins",
        "remove the `---` between them",
    ),
    (r"", "here", "this is no YAML", "compare it with the lines above"),
)


def _syntax_problem(error: YAMLError, text: str, source: str) -> Problem:
    """Say in our words what the parser found; it stops there, so the file's rest is unknown."""
    if isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        message = f"the character U+{ord(text[error.position]):04X} cannot stand in a YAML file"
        return Problem(key="", message=message, hint="remove it", origin=Origin(source, line))
    assert isinstance(error, MarkedYAMLError), error
    here = error.problem_mark
    began = error.context_mark or here
    found = f"{error.context} {error.problem}"
    pattern, place, message, hint = next(row for row in _SYNTAX if re.search(row[0], found))
    mark = here if place == "here" else began
    if match := re.search(pattern, found):
        message = message.format(**match.groupdict())
    return Problem(key="", message=message, hint=hint, origin=Origin(source, mark.line + 1))


def _unreadable(file: Path, message: str, hint: str, line: int | None = None) -> Document:
    origin = Origin(str(file), line)
    return Document(problems=[Problem(key="", message=message, hint=hint, origin=origin)])


def _bad_encoding(file: Path, error: UnicodeDecodeError) -> Document:
    if error.object[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _unreadable(file, "the file is UTF-16", "save it as UTF-8")
    line = error.object.count(b"\n", 0, error.start) + 1
    byte = error.object[error.start]
    return _unreadable(file, f"the byte 0x{byte:02x} is not UTF-8", "save the file as UTF-8", line)


def _neighbours(file: Path) -> str:
    """Hint for a missing file: what the user may have meant."""
    try:
        names = sorted(p.name for p in file.parent.iterdir() if p.suffix in _SUFFIXES)
    except OSError:
        return f"there is no folder {file.parent} either"
    near = nearest(file.name, names)
    if near:
        return f"did you mean {file.with_name(near)}?"
    listed = ", ".join(names[:5])
    return f"the folder has {listed}" if listed else "the folder has no YAML file"
