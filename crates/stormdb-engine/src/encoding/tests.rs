use proptest::prelude::*;

use super::*;
use crate::value::Arena;

/// Values with the arenas that they lie in.
#[derive(Default)]
struct Scratch(Arena);

impl Scratch {
    fn text(&mut self, text: &str) -> Value {
        Value::Text(self.0.write(|out| out.extend_from_slice(text.as_bytes())).unwrap())
    }

    fn array(&mut self, elements: &[Value]) -> Value {
        Value::Array(self.0.write_elements(elements.iter().copied()).unwrap())
    }

    fn binary(&self, value: Value, name: &str) -> Result<Vec<u8>> {
        let memory = Memory { constants: &Arena::for_constants(), scratch: &self.0 };
        let mut out = Vec::new();
        append_binary(value, ServerType::from_name(name).unwrap(), memory, &mut out)?;
        let length = i32::from_be_bytes(out[..4].try_into().unwrap());
        assert_eq!(usize::try_from(length).unwrap(), out.len() - 4);
        Ok(out[4..].to_vec())
    }

    fn parameter(&self, value: Value, server_type: ServerType) -> (Format, Vec<u8>) {
        let memory = Memory { constants: &Arena::for_constants(), scratch: &self.0 };
        let mut out = Vec::new();
        append_parameter(value, server_type, memory, &mut out).unwrap();
        (format_of(value, server_type, memory), out[4..].to_vec())
    }
}

#[test]
fn integers_take_the_width_of_their_type_and_no_more() {
    let scratch = Scratch::default();
    assert_eq!(scratch.binary(Value::Int(-2), "int2").unwrap(), [255, 254]);
    assert_eq!(scratch.binary(Value::Int(258), "int4").unwrap(), [0, 0, 1, 2]);
    assert_eq!(scratch.binary(Value::Int(-1), "int8").unwrap(), [255; 8]);
    assert_eq!(scratch.binary(Value::Int(3_000_000_000), "oid").unwrap(), [178, 208, 94, 0]);
    for (value, name) in [(40_000, "int2"), (-40_000, "int2"), (3_000_000_000, "int4"), (-1, "oid")]
    {
        let error = scratch.binary(Value::Int(value), name).unwrap_err();
        assert_eq!(error, EvalError::OutOfRange, "{name}");
    }
}

#[test]
fn numbers_widen_to_doubles_as_sql_does() {
    let scratch = Scratch::default();
    assert_eq!(scratch.binary(Value::Int(1), "float8").unwrap(), 1_f64.to_be_bytes());
    assert_eq!(scratch.binary(Value::Float(0.5), "float4").unwrap(), 0.5_f32.to_be_bytes());
}

#[test]
fn texts_bytes_and_json_go_as_they_are() {
    let mut scratch = Scratch::default();
    let text = scratch.text("{}");
    for (name, bytes) in
        [("text", &b"{}"[..]), ("varchar", b"{}"), ("json", b"{}"), ("jsonb", b"\x01{}")]
    {
        assert_eq!(scratch.binary(text, name).unwrap(), bytes, "{name}");
    }
    assert_eq!(scratch.binary(Value::Bool(true), "bool").unwrap(), [1]);
}

#[test]
fn a_uuid_is_16_bytes_in_either_form() {
    let mut scratch = Scratch::default();
    let bytes: [u8; 16] = std::array::from_fn(|at| u8::try_from(at * 17).unwrap());
    for text in ["00112233-4455-6677-8899-aabbccddeeff", "00112233445566778899AABBCCDDEEFF"] {
        let value = scratch.text(text);
        assert_eq!(scratch.binary(value, "uuid").unwrap(), bytes);
    }
    for text in ["", "00112233-4455-6677-8899-aabbccddeefg", "0011223344556677-8899-aabbccddeeff--"]
    {
        let value = scratch.text(text);
        assert!(scratch.binary(value, "uuid").is_err(), "{text}");
        // As a parameter the server gets to say what is wrong with it.
        let sent = scratch.parameter(value, ServerType::from_name("uuid").unwrap());
        assert_eq!(sent, (Format::Text, text.as_bytes().to_vec()));
    }
}

#[test]
fn dates_and_times_count_from_2000() {
    let mut scratch = Scratch::default();
    let day = scratch.text("2000-01-02");
    let time = scratch.text("2000-01-01 00:00:00.000001+00");
    assert_eq!(scratch.binary(day, "date").unwrap(), 1_i32.to_be_bytes());
    assert_eq!(scratch.binary(Value::Int(0), "date").unwrap(), (-10_957_i32).to_be_bytes());
    for name in ["timestamp", "timestamptz"] {
        assert_eq!(scratch.binary(time, name).unwrap(), 1_i64.to_be_bytes());
        let epoch = scratch.binary(Value::Int(EPOCH_US), name).unwrap();
        assert_eq!(epoch, 0_i64.to_be_bytes());
    }
    assert!(scratch.binary(Value::Int(i64::MIN), "timestamptz").is_err());
    assert!(scratch.binary(Value::Float(1.0), "date").is_err());
}

#[test]
fn arrays_carry_the_id_of_their_elements_and_nulls() {
    let mut scratch = Scratch::default();
    let array = scratch.array(&[Value::Int(1), Value::Null]);
    let head = [1, 1, 23, 2, 1].map(i32::to_be_bytes).concat();
    let body = [4, 1, -1].map(i32::to_be_bytes).concat();
    assert_eq!(scratch.binary(array, "int4[]").unwrap(), [head, body].concat());
    let empty = scratch.array(&[]);
    let head = [0, 0, 25].map(i32::to_be_bytes).concat();
    assert_eq!(scratch.binary(empty, "text[]").unwrap(), head);
}

#[test]
fn a_vector_is_a_count_and_small_floats() {
    let mut scratch = Scratch::default();
    let array = scratch.array(&[Value::Float(0.5), Value::Int(-1)]);
    let expected = [&[0, 2, 0, 0][..], &0.5_f32.to_be_bytes(), &(-1_f32).to_be_bytes()].concat();
    assert_eq!(scratch.binary(array, "vector").unwrap(), expected);
    let sent = scratch.parameter(array, ServerType::from_oid(FIRST_OWN_OID));
    assert_eq!(sent, (Format::Text, b"[0.5,-1]".to_vec()));
}

#[test]
fn numerics_have_digits_to_the_base_ten_thousand() {
    let mut scratch = Scratch::default();
    for (text, words) in [
        ("0", &[0, 0, 0, 0][..]),
        ("0.00", &[0, 0, 0, 2]),
        ("1", &[1, 0, 0, 0, 1]),
        ("-12345.678", &[3, 1, 0x4000, 3, 1, 2345, 6780]),
        ("10000", &[1, 1, 0, 0, 1]),
        ("0.0001", &[1, 0xFFFF, 0, 4, 1]),
        ("0.00012", &[2, 0xFFFF, 0, 5, 1, 2000]),
        ("1.5e3", &[1, 0, 0, 0, 1500]),
        ("2E-2", &[1, 0xFFFF, 0, 2, 200]),
        ("+.5", &[1, 0xFFFF, 0, 1, 5000]),
        ("NaN", &[0, 0, 0xC000, 0]),
    ] {
        let value = scratch.text(text);
        let expected = words.iter().flat_map(|word: &u16| word.to_be_bytes()).collect::<Vec<_>>();
        assert_eq!(scratch.binary(value, "numeric").unwrap(), expected, "{text}");
    }
    for text in ["", ".", "1.2.3", "1e", "1e99999", "x", "--1", "Infinity"] {
        let value = scratch.text(text);
        assert!(scratch.binary(value, "numeric").is_err(), "{text}");
    }
    let limits = [Value::Int(i64::MIN), Value::Float(f64::MAX), Value::Float(f64::MIN_POSITIVE)];
    assert!(limits.iter().all(|value| scratch.binary(*value, "numeric").is_ok()));
    assert!(scratch.binary(Value::Float(f64::INFINITY), "numeric").is_err());
}

#[test]
fn a_type_takes_only_its_kinds_of_values() {
    let mut scratch = Scratch::default();
    let text = scratch.text("1");
    for (value, name) in [
        (text, "int4"),
        (Value::Float(1.0), "int4"),
        (Value::Int(1), "bool"),
        (Value::Int(1), "text"),
        (Value::Bool(true), "numeric"),
        (text, "int4[]"),
        (text, "vector"),
    ] {
        assert_eq!(scratch.binary(value, name).unwrap_err(), MISMATCH, "{name}");
    }
}

#[test]
fn parameters_of_other_kinds_than_their_type_go_as_text() {
    let mut scratch = Scratch::default();
    let text = scratch.text("7");
    let numeric = ServerType::from_oid(1700);
    let int4 = ServerType::from_oid(23);
    assert_eq!(scratch.parameter(text, int4), (Format::Text, b"7".to_vec()));
    assert_eq!(scratch.parameter(Value::Int(7), int4), (Format::Binary, vec![0, 0, 0, 7]));
    assert_eq!(scratch.parameter(Value::Int(7), numeric), (Format::Text, b"7".to_vec()));
    let texts = scratch.array(&[text]);
    let sent = scratch.parameter(texts, ServerType::from_oid(1009));
    assert_eq!(sent, (Format::Text, br#"{"7"}"#.to_vec()));
}

#[test]
fn every_type_is_found_by_both_of_its_ids_and_its_name() {
    for (name, scalar, oid, array_oid) in TYPES {
        assert_eq!(ServerType::from_oid(oid), ServerType::Scalar(scalar));
        assert_eq!(ServerType::from_oid(array_oid), ServerType::Array(scalar));
        assert_eq!(ServerType::from_name(name), Some(ServerType::Scalar(scalar)));
        let array = format!("{name}[]");
        assert_eq!(ServerType::from_name(&array), Some(ServerType::Array(scalar)));
        assert!(ServerType::names().contains(name));
    }
    assert_eq!(ServerType::from_oid(FIRST_OWN_OID), ServerType::Extension);
    assert_eq!(ServerType::from_oid(600), ServerType::Other);
    assert_eq!(ServerType::from_name("point"), None);
}

/// What a binary numeric stands for, times ten to its scale.
fn scaled(bytes: &[u8]) -> (i128, u16) {
    let words = bytes.chunks(2).map(|word| u16::from_be_bytes([word[0], word[1]]));
    let words = words.collect::<Vec<_>>();
    let [count, weight, sign, scale, digits @ ..] = &words[..] else { panic!("four words lead") };
    assert_eq!(usize::from(*count), digits.len());
    let first = i32::from(weight.cast_signed());
    let sum = (0..).zip(digits).map(|(place, digit)| {
        assert!(*digit < 10_000);
        let exponent = 4 * (first - place) + i32::from(*scale);
        match u32::try_from(exponent) {
            Ok(exponent) => i128::from(*digit) * 10_i128.pow(exponent),
            Err(_) => i128::from(*digit) / 10_i128.pow(exponent.unsigned_abs()),
        }
    });
    (if *sign == 0 { 1 } else { -1 } * sum.sum::<i128>(), *scale)
}

proptest! {
    #[test]
    fn numerics_are_the_numbers_that_they_were_made_of(whole: i64, fraction in 0_u32..1_000_000) {
        let mut scratch = Scratch::default();
        let integer = scratch.binary(Value::Int(whole), "numeric").unwrap();
        prop_assert_eq!(scaled(&integer), (i128::from(whole), 0));
        let magnitude = whole.unsigned_abs();
        let sign = if whole < 0 { "-" } else { "" };
        let text = scratch.text(&format!("{sign}{magnitude}.{fraction:06}"));
        let expected = i128::from(magnitude) * 1_000_000 + i128::from(fraction);
        let expected = if whole < 0 { -expected } else { expected };
        prop_assert_eq!(scaled(&scratch.binary(text, "numeric").unwrap()), (expected, 6));
    }

    #[test]
    fn no_value_of_any_kind_breaks_a_type_or_grows(
        number: i64,
        float: f64,
        bits: u64,
        any_text in "\\PC{0,60}|[-+0-9.eE:T ]{0,40}|[0-9a-f-]{30,40}",
        type_number in 0..TYPES.len(),
        is_array: bool,
    ) {
        let mut scratch = Scratch::default();
        let text = scratch.text(&any_text);
        let bytes = Value::Bytes(scratch.0.write(|out| out.extend(bits.to_be_bytes())).unwrap());
        let bits = Value::Float(f64::from_bits(bits));
        let scalars =
            [Value::Null, Value::Bool(true), Value::Int(number), Value::Float(float), bits, text, bytes];
        let array = scratch.array(&scalars);
        let nested = scratch.array(&[array, array]);
        let (_, scalar, ..) = TYPES[type_number];
        let server_type =
            if is_array { ServerType::Array(scalar) } else { ServerType::Scalar(scalar) };
        for value in scalars.into_iter().chain([array, nested]) {
            let memory = Memory { constants: &Arena::for_constants(), scratch: &scratch.0 };
            let mut out = Vec::new();
            if append_parameter(value, server_type, memory, &mut out).is_ok() {
                let length = i32::from_be_bytes(out[..4].try_into().unwrap());
                prop_assert_eq!(out.len(), 4 + usize::try_from(length).unwrap_or(0));
            }
            out.clear();
            let _ = append_binary(value, server_type, memory, &mut out);
            prop_assert!(out.len() < 4_000);
        }
    }
}
