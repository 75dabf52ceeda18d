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

/// How a statement is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    /// Values of its one row; empty if it returns none.
    pub(super) row: Box<[Box<[u8]>]>,
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
        let row: Vec<Box<[u8]>> = match rule {
            Some((_, values)) => values.iter().map(|value| value.as_bytes().into()).collect(),
            None if matches!(verb, "SELECT" | "SHOW" | "VALUES" | "WITH" | "TABLE") => {
                vec![b"1".as_slice().into()]
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
        for _ in &statement.row {
            out.extend_from_slice(b"?column?\0");
            out.extend_from_slice(&[0; 6]);
            out.extend_from_slice(&INT4_OID);
            out.extend_from_slice(&[0, 4, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0]);
        }
    });
}

/// The row and the end of a statement.
#[inline]
pub(super) fn result(statement: &Statement, out: &mut Vec<u8>) {
    if !statement.row.is_empty() {
        message(b'D', out, |out| {
            count(statement.row.len(), out);
            for value in &statement.row {
                let length = u32::try_from(value.len()).expect("values of rules are short");
                out.extend_from_slice(&length.to_be_bytes());
                out.extend_from_slice(value);
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

/// Name of the prepared statement that a Bind refers to: the second text, after the portal's.
pub(super) fn bound_name(frame: Frame<'_>) -> &[u8] {
    c_string(c_string(frame.body).1).0
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
    fn a_rule_gives_the_row() {
        let rules = [("balance".to_owned(), vec!["7".to_owned(), "8".to_owned()])];
        let statement = Statement::of(b"SELECT balance FROM t", &rules);
        assert_eq!(statement.row.len(), 2);
    }
}
