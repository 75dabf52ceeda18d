//! Programs that Python compiled, and values that Python computed: the engine agrees with both.

use std::path::PathBuf;

use serde_json::{Value as Json, json};
use stormdb_engine::draw::Draws;
use stormdb_engine::expr::Scope;
use stormdb_engine::program::{Program, Step};
use stormdb_engine::value::{Arena, Memory, Value};

/// The folder where Python's tests keep them.
fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/unit/program/golden")
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap()
}

#[test]
fn every_program_of_pythons_tests_can_be_run() {
    let names = ["everything.msgpack", "evaluations.msgpack", "transfers.msgpack"];
    for name in names {
        Program::decode(&read(name)).unwrap_or_else(|problem| panic!("{name}: {problem}"));
    }
    let found = std::fs::read_dir(folder())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().extension() == Some("msgpack".as_ref()))
        .count();
    assert_eq!(found, names.len(), "a program has come that nobody decodes");
}

/// A value as Python's tests write it: with its kind, floats as texts.
fn tagged(value: Value, memory: Memory<'_>) -> Json {
    let hex = |byte: &u8| format!("{byte:02x}");
    match value {
        Value::Null => json!({ "null": null }),
        Value::Bool(value) => json!({ "bool": value }),
        Value::Int(value) => json!({ "int": value }),
        Value::Float(value) => json!({ "float": value.to_bits() }),
        Value::Text(span) => json!({ "text": memory.text(span) }),
        Value::Bytes(span) => {
            json!({ "bytes": memory.bytes(span).iter().map(hex).collect::<String>() })
        }
        Value::Array(span) => {
            let elements = memory.elements(span).iter().map(|one| tagged(*one, memory));
            json!({ "array": elements.collect::<Vec<_>>() })
        }
    }
}

/// The same value with floats as their bits, for -0.0 is not 0.0; every NaN is alike.
fn with_bits(value: &Json) -> Json {
    match value {
        Json::Object(fields) => match (fields.get("float"), fields.get("array")) {
            (Some(text), _) => {
                let float: f64 = text.as_str().unwrap().parse().unwrap();
                let float = if float.is_nan() { f64::NAN } else { float };
                json!({ "float": float.to_bits() })
            }
            (_, Some(Json::Array(elements))) => {
                json!({ "array": elements.iter().map(with_bits).collect::<Vec<_>>() })
            }
            _ => value.clone(),
        },
        other => other.clone(),
    }
}

#[test]
fn every_expression_has_the_value_that_python_computes() {
    let program = Program::decode(&read("evaluations.msgpack")).unwrap();
    let expected: Vec<Json> = serde_json::from_slice(&read("evaluations.values.json")).unwrap();
    let draws = Draws { seed: 42, row: 0, index: 1234, iteration: 0 };
    let mut slots = vec![Value::Null; program.room.slots];
    let mut scratch = Arena::default();
    let mut differences = Vec::new();
    for (step, mut expected) in program.steps.iter().zip(&expected).map(|(a, b)| (a, b.clone())) {
        let Step::Let { slot, value } = step else { panic!("{step:?} is no let") };
        let of = expected.as_object_mut().unwrap().remove("of").unwrap();
        let scope = &mut Scope { program: &program, slots: &slots, scratch: &mut scratch, draws };
        let found = match scope.value(*value) {
            Ok(found) => {
                slots[*slot as usize] = found;
                let found = if matches!(found, Value::Float(one) if one.is_nan()) {
                    Value::Float(f64::NAN)
                } else {
                    found
                };
                tagged(found, Memory { constants: &program.constants, scratch: &scratch })
            }
            Err(error) => json!({ "error": std::str::from_utf8(&error.sqlstate_bytes()).unwrap() }),
        };
        let expected = with_bits(&expected);
        if found != expected {
            differences.push(format!("{of}: {found}, Python has {expected}"));
        }
    }
    assert!(expected.len() > 1000 && program.steps.len() == expected.len() + 1);
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}
