//! What the canned-answer server says: constant messages, chosen by the first word of a statement.

use stormdb_wire::Frame;

/// Object id of `text`: every value can be sent as one.
const TEXT_OID: [u8; 4] = 25_u32.to_be_bytes();
const INT4_OID: [u8; 4] = 23_u32.to_be_bytes();
const LONGEST_TAG_BYTES: usize = 16;

/// State of the session's transaction, as `ReadyForQuery` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Idle = b'I' as isize,
    Open = b'T' as isize,
    Failed = b'E' as isize,
}

/// A value of a row: whole numbers are `int4`, all else is `text`; `NULL` is what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    text: Box<[u8]>,
    number: Option<i32>,
}

impl Value {
    fn of(text: &str) -> Self {
        Self { text: text.as_bytes().into(), number: text.parse().ok() }
    }
}

/// Which columns of a result the client wants in binary form: a bit each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct BinaryColumns(u64);

impl BinaryColumns {
    fn has(self, index: usize) -> bool {
        index < 64 && self.0 >> index & 1 == 1
    }
}

/// How a statement is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    /// Values of its one row; empty if it returns none.
    pub(super) row: Box<[Value]>,
    /// Such as `UPDATE 1`.
    pub(super) tag: Box<[u8]>,
    /// What it makes of the transaction.
    pub(super) becomes: Option<Status>,
    /// Number of `$n`.
    pub(super) parameter_count: u16,
    pub(super) is_copy: bool,
}

impl Statement {
    /// The answer to a statement; the first rule whose words are in it gives the row.
    pub(super) fn of(sql: &[u8], rules: &[(String, Vec<String>)]) -> Self {
        let text = String::from_utf8_lossy(sql);
        let verb = text
            .split(|letter: char| !letter.is_ascii_alphabetic())
            .find(|word| !word.is_empty())
            .unwrap_or_default()
            .to_ascii_uppercase();
        let verb = &verb[..verb.len().min(LONGEST_TAG_BYTES)];
        let rule = rules.iter().find(|(words, _)| text.contains(words.as_str()));
        let is_copy = verb == "COPY" && text.to_ascii_uppercase().contains("FROM STDIN");
        let row: Vec<Value> = match rule {
            Some((_, values)) => values.iter().map(|value| Value::of(value)).collect(),
            None if matches!(verb, "SELECT" | "SHOW" | "VALUES" | "WITH" | "TABLE") => {
                vec![Value::of("1")]
            }
            None => Vec::new(),
        };
        let tag = match verb {
            "SHOW" | "BEGIN" | "COMMIT" | "ROLLBACK" | "SAVEPOINT" | "RELEASE" | "SET" => {
                verb.to_owned()
            }
            "START" => "BEGIN".to_owned(),
            "END" => "COMMIT".to_owned(),
            "INSERT" => "INSERT 0 1".to_owned(),
            _ if !row.is_empty() => "SELECT 1".to_owned(),
            "UPDATE" | "DELETE" | "MERGE" | "COPY" => format!("{verb} 1"),
            _ => verb.to_owned(),
        };
        let becomes = match tag.as_str() {
            "BEGIN" => Some(Status::Open),
            // Back to a savepoint: the transaction goes on.
            "ROLLBACK" if text.to_ascii_uppercase().contains(" TO ") => Some(Status::Open),
            "COMMIT" | "ROLLBACK" => Some(Status::Idle),
            _ => None,
        };
        Self {
            row: row.into(),
            tag: tag.into_bytes().into(),
            becomes,
            parameter_count: parameter_count(sql),
            is_copy,
        }
    }
}

/// The largest `n` of `$n`.
fn parameter_count(sql: &[u8]) -> u16 {
    let mut largest = 0;
    for part in sql.split(|byte| *byte == b'$').skip(1) {
        let digits = part.iter().take_while(|byte| byte.is_ascii_digit());
        let number = digits.fold(0_u16, |number, digit| {
            number.saturating_mul(10).saturating_add(u16::from(digit - b'0'))
        });
        largest = largest.max(number);
    }
    largest
}

fn message(tag: u8, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(tag);
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    body(out);
    let length = u32::try_from(out.len() - at).expect("answers are short");
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
}

/// The client is who it says; settings and key follow.
pub(super) fn welcome(process_id: u32, is_state_reported: bool, out: &mut Vec<u8>) {
    message(b'R', out, |out| out.extend_from_slice(&[0; 4]));
    let state = [("in_hot_standby", "off"), ("default_transaction_read_only", "off")];
    let settings = [
        ("server_version", "18.0"),
        ("client_encoding", "UTF8"),
        ("standard_conforming_strings", "on"),
    ];
    for (name, value) in settings.iter().chain(state.iter().filter(|_| is_state_reported)) {
        message(b'S', out, |out| {
            out.extend_from_slice(name.as_bytes());
            out.push(0);
            out.extend_from_slice(value.as_bytes());
            out.push(0);
        });
    }
    message(b'K', out, |out| {
        out.extend_from_slice(&process_id.to_be_bytes());
        out.extend_from_slice(&[0, 0, 0, 1]);
    });
    ready(Status::Idle, out);
}

pub(super) fn ready(status: Status, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'Z', 0, 0, 0, 5, status as u8]);
}

/// A message without content: Parse, Bind and Close are done, there are no rows.
pub(super) fn empty(tag: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[tag, 0, 0, 0, 4]);
}

pub(super) fn parameters(count: u16, out: &mut Vec<u8>) {
    message(b't', out, |out| {
        out.extend_from_slice(&count.to_be_bytes());
        for _ in 0..count {
            out.extend_from_slice(&TEXT_OID);
        }
    });
}

/// Columns of a statement's row; `NoData` if it has none.
pub(super) fn columns(statement: &Statement, out: &mut Vec<u8>) {
    if statement.row.is_empty() {
        return empty(b'n', out);
    }
    message(b'T', out, |out| {
        count(statement.row.len(), out);
        for value in &statement.row {
            let (oid, length) =
                if value.number.is_some() { (INT4_OID, 4_i16) } else { (TEXT_OID, -1) };
            out.extend_from_slice(b"?column?\0");
            out.extend_from_slice(&[0; 6]);
            out.extend_from_slice(&oid);
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(&[0xFF, 0xFF, 0xFF, 0xFF, 0, 0]);
        }
    });
}

/// The row and the end of a statement.
#[inline]
pub(super) fn result(statement: &Statement, binary: BinaryColumns, out: &mut Vec<u8>) {
    if !statement.row.is_empty() {
        message(b'D', out, |out| {
            count(statement.row.len(), out);
            for (index, value) in statement.row.iter().enumerate() {
                match value.number {
                    _ if &*value.text == b"NULL" => out.extend_from_slice(&[0xFF; 4]),
                    Some(number) if binary.has(index) => {
                        out.extend_from_slice(&[0, 0, 0, 4]);
                        out.extend_from_slice(&number.to_be_bytes());
                    }
                    _ => {
                        let length = value.text.len();
                        let length = u32::try_from(length).expect("values of rules are short");
                        out.extend_from_slice(&length.to_be_bytes());
                        out.extend_from_slice(&value.text);
                    }
                }
            }
        });
    }
    message(b'C', out, |out| {
        out.extend_from_slice(&statement.tag);
        out.push(0);
    });
}

/// The client may send the rows of a copy.
pub(super) fn copy_in(out: &mut Vec<u8>) {
    message(b'G', out, |out| out.extend_from_slice(&[1, 0, 0]));
}

pub(super) fn error(code: &str, out: &mut Vec<u8>) {
    message(b'E', out, |out| {
        for field in ["SERROR", "VERROR", &format!("C{code}"), "Mscripted error"] {
            out.extend_from_slice(field.as_bytes());
            out.push(0);
        }
        out.push(0);
    });
}

fn count(number: usize, out: &mut Vec<u8>) {
    let number = u16::try_from(number).expect("rules have few values");
    out.extend_from_slice(&number.to_be_bytes());
}

/// The first zero-terminated text of a message, and what follows.
pub(super) fn c_string(body: &[u8]) -> (&[u8], &[u8]) {
    match body.iter().position(|byte| *byte == 0) {
        Some(end) => (&body[..end], &body[end + 1..]),
        None => (body, &[]),
    }
}

/// What a Bind says: the name of a prepared statement, and the form of the result.
pub(super) fn bound(frame: Frame<'_>) -> (&[u8], BinaryColumns) {
    let (name, rest) = c_string(c_string(frame.body).1);
    (name, binary_columns(rest).unwrap_or_default())
}

/// The codes of the result's columns stand after those of the values, and the values; `None` if
/// the message ends before.
fn binary_columns(rest: &[u8]) -> Option<BinaryColumns> {
    let (format_count, rest) = short(rest)?;
    let (value_count, mut rest) = short(rest.get(2 * format_count..)?)?;
    for _ in 0..value_count {
        let (length, next) = rest.split_first_chunk()?;
        let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0); // -1 is NULL
        rest = next.get(length..)?;
    }
    let (code_count, codes) = short(rest)?;
    let mut bits = 0;
    for (index, code) in codes.chunks_exact(2).take(code_count.min(64)).enumerate() {
        bits |= u64::from(code[1] & 1) << index;
    }
    // One code is for all columns.
    Some(BinaryColumns(if code_count == 1 && bits == 1 { u64::MAX } else { bits }))
}

fn short(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((usize::from(u16::from_be_bytes(*number)), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_answered_by_its_first_word() {
        for (sql, tag, has_row) in [
            ("select abalance from accounts", "SELECT 1", true),
            ("  UPDATE t SET a = 1", "UPDATE 1", false),
            ("INSERT INTO t VALUES (1)", "INSERT 0 1", false),
            ("BEGIN ISOLATION LEVEL SERIALIZABLE", "BEGIN", false),
            ("END", "COMMIT", false),
            ("CREATE TABLE t ()", "CREATE", false),
            ("", "", false),
        ] {
            let statement = Statement::of(sql.as_bytes(), &[]);
            assert_eq!(&*statement.tag, tag.as_bytes(), "{sql}");
            assert_eq!(!statement.row.is_empty(), has_row, "{sql}");
        }
    }

    #[test]
    fn back_to_a_savepoint_the_transaction_is_open() {
        let becomes = |sql: &str| Statement::of(sql.as_bytes(), &[]).becomes;
        assert_eq!(becomes("ROLLBACK TO SAVEPOINT a"), Some(Status::Open));
        assert_eq!(becomes("ROLLBACK"), Some(Status::Idle));
        assert_eq!(becomes("SELECT 1"), None);
    }

    #[test]
    fn the_largest_parameter_counts() {
        assert_eq!(parameter_count(b"SELECT $2, $10, $1"), 10);
        assert_eq!(parameter_count(b"SELECT 1"), 0);
    }

    #[test]
    fn numbers_are_binary_where_the_client_wants_them_so() {
        let bind = |codes: &[u8]| {
            let mut rest = vec![0, 1, 0, 1, 0, 2, 0, 0, 0, 1, b'x', 0xFF, 0xFF, 0xFF, 0xFF];
            rest.extend_from_slice(codes);
            binary_columns(&rest)
        };
        assert_eq!(bind(&[0, 0]), Some(BinaryColumns(0)));
        assert_eq!(bind(&[0, 1, 0, 1]), Some(BinaryColumns(u64::MAX)));
        assert_eq!(bind(&[0, 3, 0, 0, 0, 1, 0, 1]), Some(BinaryColumns(0b110)));
        assert_eq!(bind(&[]), None);
        let statement = Statement::of(b"SELECT 1", &[]);
        for (binary, length) in [(BinaryColumns(1), 4), (BinaryColumns(0), 1)] {
            let mut out = Vec::new();
            result(&statement, binary, &mut out);
            assert_eq!(out[7..11], [0, 0, 0, length]);
        }
    }

    #[test]
    fn a_rule_gives_the_row() {
        let rules = [("balance".to_owned(), vec!["7".to_owned(), "NULL".to_owned()])];
        let statement = Statement::of(b"SELECT balance FROM t", &rules);
        assert_eq!(statement.row.len(), 2);
        let mut out = Vec::new();
        result(&statement, BinaryColumns::default(), &mut out);
        assert_eq!(out[5..17], [0, 2, 0, 0, 0, 1, b'7', 0xFF, 0xFF, 0xFF, 0xFF, b'C']);
    }
}
