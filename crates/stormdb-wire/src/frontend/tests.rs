use proptest::prelude::*;

use super::*;
use crate::frame;

/// What a function appends.
fn bytes(append: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    append(&mut out);
    out
}

/// The one message that was appended: its type and its body.
fn message_of(append: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> (char, Vec<u8>) {
    let out = bytes(|out| append(out).unwrap());
    let (frame, rest) = frame::split(&out, 1 << 20).unwrap().unwrap();
    assert!(rest.is_empty());
    (char::from(frame.tag), frame.body.to_vec())
}

#[test]
fn requests_without_a_type_have_their_codes() {
    assert_eq!(bytes(ssl_request), [0, 0, 0, 8, 4, 210, 22, 47]);
    let cancel = bytes(|out| cancel(7, b"abcd", out));
    assert_eq!(cancel, b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x07abcd");
}

#[test]
fn the_startup_names_its_version() {
    for (version, word) in
        [(ProtocolVersion::V3_0, [0, 3, 0, 0]), (ProtocolVersion::V3_2, [0, 3, 0, 2])]
    {
        let out = bytes(|out| startup(version, &[("user", "ann")], out).unwrap());
        assert_eq!(out[4..8], word);
        assert_eq!(out[8..], *b"user\0ann\0\0");
        assert_eq!(usize::from(out[3]), out.len());
    }
}

#[test]
fn messages_have_their_types_and_bodies() {
    let query = message_of(|out| {
        query(out, |out| {
            out.extend(b"SELECT 1");
            Ok(())
        })
    });
    assert_eq!(query, ('Q', b"SELECT 1\0".to_vec()));
    let parse = message_of(|out| parse(b"s1", b"SELECT $1", &[23, 0], out));
    assert_eq!(parse, ('P', b"s1\0SELECT $1\0\0\x02\0\0\0\x17\0\0\0\0".to_vec()));
    let describe = message_of(|out| describe_statement(b"s1", out));
    assert_eq!(describe, ('D', b"Ss1\0".to_vec()));
    let close = message_of(|out| close_statement(b"s1", out));
    assert_eq!(close, ('C', b"Ss1\0".to_vec()));
    let fail = message_of(|out| copy_fail(b"why", out));
    assert_eq!(fail, ('f', b"why\0".to_vec()));
    let initial = message_of(|out| sasl_initial("SCRAM", b"n,,", out));
    assert_eq!(initial, ('p', b"SCRAM\0\0\0\0\x03n,,".to_vec()));
    assert_eq!(message_of(|out| sasl_response(b"c=", out)), ('p', b"c=".to_vec()));
    assert_eq!(message_of(|out| password(b"secret", out)), ('p', b"secret\0".to_vec()));
}

#[test]
fn messages_without_a_body_are_five_bytes() {
    assert_eq!(bytes(sync), [b'S', 0, 0, 0, 4]);
    assert_eq!(bytes(flush), [b'H', 0, 0, 0, 4]);
    assert_eq!(bytes(copy_done), [b'c', 0, 0, 0, 4]);
    assert_eq!(bytes(terminate), [b'X', 0, 0, 0, 4]);
    assert_eq!(bytes(execute), [b'E', 0, 0, 0, 9, 0, 0, 0, 0, 0]);
}

#[test]
fn a_bind_has_a_format_for_each_value() {
    let formats = [Format::Binary, Format::Text].into_iter();
    let (tag, body) = message_of(|out| {
        bind(b"s1", formats, Format::Binary, out, |out| {
            value(&[1, 2], out)?;
            null(out);
            Ok(())
        })
    });
    let values = b"\0\x02\0\0\0\x02\x01\x02\xff\xff\xff\xff";
    let expected = [b"\0s1\0\0\x02\0\x01\0\0", &values[..], b"\0\x01\0\x01"].concat();
    assert_eq!((tag, body), ('B', expected));
}

#[test]
fn what_cannot_be_sent_leaves_nothing_behind() {
    let mut out = b"before".to_vec();
    let zero = b"a\0b";
    assert_eq!(parse(zero, b"", &[], &mut out), Err(Error::ZeroByte { at: 1 }));
    assert_eq!(parse(b"", zero, &[], &mut out), Err(Error::ZeroByte { at: 1 }));
    assert!(password(zero, &mut out).is_err());
    let text = |out: &mut Vec<u8>| {
        out.extend(zero);
        Ok(())
    };
    assert_eq!(query(&mut out, text), Err(Error::ZeroByte { at: 1 }));
    assert!(parse(b"", b"", &vec![0; 65_536], &mut out).is_err());
    let many = std::iter::repeat_n(Format::Text, 65_536);
    assert!(bind(b"", many, Format::Text, &mut out, |_| Ok::<(), Error>(())).is_err());
    let refused = copy_data(&mut out, |out| {
        out.extend([1; 100]);
        Err(Error::PasswordMissing)
    });
    assert_eq!(refused, Err(Error::PasswordMissing));
    assert_eq!(out, b"before");
}

proptest! {
    #[test]
    fn every_message_is_framed(
        name in "[^\0]{0,20}", sql in "[^\0]{0,50}", types: Vec<u32>, values: Vec<Option<Vec<u8>>>,
    ) {
        let mut out = Vec::new();
        parse(name.as_bytes(), sql.as_bytes(), &types, &mut out).unwrap();
        let formats = values.iter().map(|_| Format::Binary);
        bind(name.as_bytes(), formats, Format::Text, &mut out, |out| {
            for one in &values {
                match one {
                    Some(bytes) => value(bytes, out)?,
                    None => null(out),
                }
            }
            Ok::<(), Error>(())
        })
        .unwrap();
        execute(&mut out);
        copy_data(&mut out, |out| value(sql.as_bytes(), out)).unwrap();
        sync(&mut out);
        let (mut tags, mut rest) = (Vec::new(), &out[..]);
        while let Some((frame, next)) = frame::split(rest, 1 << 20).unwrap() {
            tags.push(frame.tag);
            rest = next;
        }
        prop_assert_eq!(tags, b"PBEdS");
        prop_assert!(rest.is_empty());
    }
}
