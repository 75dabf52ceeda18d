use proptest::prelude::*;

use super::*;

fn frame(tag: u8, body: &[u8]) -> Frame<'_> {
    Frame { tag, body }
}

#[test]
fn an_error_keeps_the_untranslated_severity_and_skips_unknown_fields() {
    let body = b"SFEHLER\0VERROR\0C40001\0Mcould not serialize\0Dbecause\0Hretry\0F1.c\0Xnew\0\0";
    let error = server_error(frame(b'E', body)).unwrap();
    assert_eq!(error.severity, b"ERROR");
    assert_eq!(error.sqlstate, b"40001");
    assert_eq!(error.message, b"could not serialize");
    assert_eq!((error.detail, error.hint), (&b"because"[..], &b"retry"[..]));
}

#[test]
fn a_row_gives_values_and_null_and_then_its_end() {
    let mut row = data_row(frame(b'D', b"\0\x03\0\0\0\x0242\xff\xff\xff\xff\0\0\0\0")).unwrap();
    assert_eq!(row.len(), 3);
    assert_eq!(row.next_value().unwrap(), Some(Some(&b"42"[..])));
    assert_eq!(row.next_value().unwrap(), Some(None));
    assert_eq!(row.next_value().unwrap(), Some(Some(&b""[..])));
    assert_eq!(row.next_value().unwrap(), None);
}

#[test]
fn a_value_of_length_minus_two_is_an_error() {
    let mut row = data_row(frame(b'D', b"\0\x01\xff\xff\xff\xfe")).unwrap();
    assert!(row.next_value().is_err());
}

#[test]
fn a_column_tells_name_type_and_format() {
    let body = b"\0\x01id\0\0\0\0\0\0\0\0\0\0\x14\0\x08\xff\xff\xff\xff\0\x01";
    let Backend::RowDescription(mut columns) = decode(frame(b'T', body)).unwrap() else { panic!() };
    let column = columns.next_column().unwrap().unwrap();
    assert_eq!(column, Column { name: b"id", type_oid: 20, is_binary: true });
    assert_eq!(columns.next_column().unwrap(), None);
}

#[test]
fn command_tags_count_rows() {
    for (tag, rows) in [
        ("INSERT 0 5", 5),
        ("UPDATE 12", 12),
        ("BEGIN", 0),
        ("CREATE TABLE", 0),
        ("", 0),
        ("COPY 7", 7),
    ] {
        assert_eq!(affected_rows(tag.as_bytes()), rows, "{tag}");
    }
}

#[test]
fn an_unknown_type_is_named() {
    let error = decode(frame(b'!', b"")).unwrap_err();
    assert!(error.to_string().contains("type '!'"), "{error}");
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(tag: u8, body: Vec<u8>) {
        match decode(frame(tag, &body)) {
            Ok(Backend::DataRow(mut row)) => while let Ok(Some(_)) = row.next_value() {},
            Ok(Backend::RowDescription(mut columns)) => while let Ok(Some(_)) = columns.next_column() {},
            Ok(Backend::ParameterDescription(mut types)) => while let Ok(Some(_)) = types.next_type_oid() {},
            _ => {}
        }
    }
}
