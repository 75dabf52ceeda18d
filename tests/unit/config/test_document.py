from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdb.config.document import Document, parse_scalar, read_document, read_file
from stormdb.config.problems import Origin


def _read(text: str, **environ: str) -> Document:
    document = read_document(text, "a.yaml", environ)
    assert not document.problems
    return document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("no", "no"),
        ("1:30", "1:30"),
        ("0777", 777),
        ("0o17", 15),
        ("0x10", 16),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("2024-01-01", "2024-01-01"),
        ("true", True),
        ("~", None),
        ("", None),
        ("'60'", "60"),
        ('"a\\tb"', "a\tb"),
        ("!!str 5", "5"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    found = _read(f"key: {text}").values["key"]
    assert found == value
    assert type(found) is type(value)


def test_every_key_and_item_has_its_line_and_every_scalar_its_text() -> None:
    document = _read("a: 1\nb:\n  c:\n    - 0123\n    - {d: 2}\n")
    lines = {path: origin.line for path, origin in document.origins.items()}
    assert lines == {
        ("a",): 1,
        ("b",): 2,
        ("b", "c"): 3,
        ("b", "c", 0): 4,
        ("b", "c", 1): 5,
        ("b", "c", 1, "d"): 5,
    }
    assert document.texts[("b", "c", 0)] == "0123"
    assert document.origins[("a",)] == Origin("a.yaml", 1)


def test_anchors_and_merge_keys_work_and_own_keys_win() -> None:
    document = _read("base: &base {a: 1, b: 2}\nother: &o {c: 3}\nx:\n  <<: [*base, *o]\n  b: 9\n")
    assert document.values["x"] == {"a": 1, "b": 9, "c": 3}
    assert document.values["other"] == {"c": 3}


def test_a_plain_value_gets_its_type_after_the_variable_is_filled_in() -> None:
    document = _read('a: ${N}\nb: "${N}"\nc: ${T:-true}\nd: x${N}', N="5")
    assert document.values == {"a": 5, "b": "5", "c": True, "d": "x5"}
    assert document.templates[("a",)] == "${N}"


def test_a_value_of_a_variable_is_never_structure() -> None:
    assert _read("a: ${V}", V="[1, 2]").values == {"a": "[1, 2]"}
    assert _read("a: ${V}", V="x\nb: 2").values == {"a": "x\nb: 2"}


def test_an_escaped_reference_is_no_template() -> None:
    document = _read("a: $${N}")
    assert document.values == {"a": "${N}"}
    assert not document.templates


def test_comments_in_references_are_none() -> None:
    assert _read("a: 1 # ${NOT_SET}").values == {"a": 1}


@pytest.mark.parametrize("number", [".inf", "-.inf", ".nan"])
def test_numbers_are_finite(number: str) -> None:
    document = read_document(f"a: {number}", "a.yaml", {})
    assert [p.message for p in document.problems] == [f"{number} is not a finite number"]


def test_a_merge_key_takes_mappings_only() -> None:
    document = read_document("a:\n  <<: 5\n", "a.yaml", {})
    assert [str(p) for p in document.problems] == [
        "a.yaml:2: a: `<<` takes a mapping; hint: write `<<: *name` of an anchor"
    ]


def test_a_key_is_a_text() -> None:
    document = read_document("[a, b]: 5\n", "a.yaml", {})
    assert [str(p) for p in document.problems] == ["a.yaml:1: a list or mapping cannot be a key"]
    assert _read("5: x\non: y").values == {"5": "x", "on": "y"}


def test_half_a_character_is_refused() -> None:
    document = read_document('a: "\\ud83d"', "a.yaml", {})
    assert [p.message for p in document.problems] == ["the text holds half of a character"]


def test_a_mapping_merged_into_itself_is_refused() -> None:
    for text in (
        "a: &a\n  <<: *a\n",
        "a: &a\n  b: &b\n    <<: *a\n  <<: *b\n",
        "a: &a\n  b: &b\n    <<: *a\n  <<: *b\nc:\n  <<: *a\n",
        "&top\na: {<<: *top}\n",
    ):
        messages = {problem.message for problem in read_document(text, "a.yaml", {}).problems}
        assert messages == {"the anchor contains itself"}


@pytest.mark.parametrize("text", ["a: " + "[" * 1000 + "]" * 1000, "a: " + "{b: " * 1000])
def test_a_file_that_is_nested_too_deeply_is_refused(text: str) -> None:
    assert read_document(text, "a.yaml", {}).problems


def test_a_bomb_of_anchors_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    document = read_document("\n".join(lines), "a.yaml", {})
    assert [p.message for p in document.problems] == ["the file holds more than 100000 values"]


def test_json_is_read_too_whatever_it_is_indented_with(tmp_path: Path) -> None:
    values = {"workload": "x", "load": {"rate": "5/s"}, "thresholds": ["p99 < 1s"], "n": 1.5e3}
    for indent in (None, 2, "\t"):
        file = tmp_path / "a.json"
        file.write_text(json.dumps(values, indent=indent))
        document = read_file(file, {})
        assert not document.problems
        assert document.values == values


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbfworkload: x\n")
    assert read_file(file, {}).values == {"workload": "x"}


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "stormdb.yaml").touch()
    (problem,) = read_file(tmp_path / "strmdb.yaml", {}).problems
    assert str(problem) == (
        f"{tmp_path}/strmdb.yaml: there is no such file; "
        f"hint: did you mean {tmp_path}/stormdb.yaml?"
    )
    (problem,) = read_file(tmp_path / "zzz", {}).problems
    assert problem.hint == "the folder has stormdb.yaml"
    (problem,) = read_file(tmp_path / "no" / "a.yaml", {}).problems
    assert problem.hint == f"there is no folder {tmp_path}/no either"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (problem,) = read_file(tmp_path, {}).problems
    assert problem.message == "this is a folder"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", ""),
        ("4", 4),
        ("60s", "60s"),
        ("[a, 2]", ["a", 2]),
        ("{a: 1}", {"a": 1}),
        ("${X}", "${X}"),
        ("null", None),
    ],
)
def test_flags_and_variables_are_read_as_yaml_values(text: str, value: object) -> None:
    assert parse_scalar(text) == value


@pytest.mark.parametrize("text", ["[a", "a: b", '"x', "@x"])
def test_what_is_no_yaml_in_a_flag_is_explained(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_scalar(text)


# YAML ends a key of one line at 1024 characters; the test escapes `${` in values and keys alike.
_KEYS = st.text(max_size=80).filter(lambda key: "${" not in key)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@given(st.dictionaries(_KEYS, _JSON, min_size=1, max_size=4))
def test_every_json_document_means_in_yaml_what_it_means_in_json(values: dict[str, Any]) -> None:
    text = json.dumps(values).replace("${", "$${")
    document = read_document(text, "a.json", {})
    assert not document.problems
    assert document.values == values


@given(st.text(alphabet="a:- \n\t[]{}\"'#&*!|>%@,?0${}<", max_size=40))
def test_any_text_is_read_or_explained(text: str) -> None:
    document = read_document(text, "a.yaml", {})
    assert all(problem.message for problem in document.problems)
