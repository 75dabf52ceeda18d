//! Where the parameters of a statement stand: read as PostgreSQL's scanner reads it, with
//! `standard_conforming_strings` on.

use super::Part;

/// Cut a statement at its parameters `$1` … `$n`.
pub(super) fn parts(sql: &str) -> Box<[Part]> {
    let mut scanner = Scanner { bytes: sql.as_bytes(), at: 0 };
    let (mut parts, mut start) = (Vec::new(), 0);
    while let Some((number, token_start)) = scanner.next_parameter() {
        if token_start > start {
            parts.push(Part::Text(start..token_start));
        }
        parts.push(Part::Parameter(number));
        start = scanner.at;
    }
    if start < sql.len() {
        parts.push(Part::Text(start..sql.len()));
    }
    parts.into_boxed_slice()
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// Number of the next parameter and where it starts; `at` is behind it.
    fn next_parameter(&mut self) -> Option<(u32, usize)> {
        while self.at < self.bytes.len() {
            let start = self.at;
            match self.peek(0) {
                b'\'' => self.skip_quoted(b'\'', false),
                b'"' => self.skip_quoted(b'"', false),
                b'-' if self.peek(1) == b'-' => self.skip_while(|byte| byte != b'\n'),
                b'/' if self.peek(1) == b'*' => self.skip_comment(),
                b'$' if self.peek(1).is_ascii_digit() => {
                    self.at += 1;
                    self.skip_while(|byte| byte.is_ascii_digit());
                    let digits = &self.bytes[start + 1..self.at];
                    let number = digits.iter().fold(0_u32, |number, digit| {
                        number.saturating_mul(10).saturating_add(u32::from(digit - b'0'))
                    });
                    return Some((number, start));
                }
                b'$' => self.skip_dollar_quoted(),
                byte if is_name_start(byte) => {
                    // A `$` within a name belongs to it.
                    self.skip_while(|byte| {
                        is_name_start(byte) || byte.is_ascii_digit() || byte == b'$'
                    });
                    let is_escape = matches!(&self.bytes[start..self.at], b"e" | b"E");
                    if is_escape && self.peek(0) == b'\'' {
                        self.skip_quoted(b'\'', true);
                    }
                }
                _ => self.at += 1,
            }
        }
        None
    }

    fn skip_while(&mut self, is_in: impl Fn(u8) -> bool) {
        while self.at < self.bytes.len() && is_in(self.bytes[self.at]) {
            self.at += 1;
        }
    }

    /// A doubled quote inside reads as the end and a new beginning, which comes to the same.
    fn skip_quoted(&mut self, quote: u8, has_escapes: bool) {
        self.at += 1;
        while self.at < self.bytes.len() {
            let byte = self.bytes[self.at];
            self.at += if has_escapes && byte == b'\\' { 2 } else { 1 };
            if byte == quote {
                if self.peek(0) != quote {
                    return;
                }
                self.at += 1;
            }
        }
        self.at = self.bytes.len();
    }

    /// Comments are nested.
    fn skip_comment(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.bytes.len() {
            match (self.peek(0), self.peek(1)) {
                (b'/', b'*') => depth += 1,
                (b'*', b'/') => depth -= 1,
                _ => {
                    self.at += 1;
                    continue;
                }
            }
            self.at += 2;
            if depth == 0 {
                return;
            }
        }
    }

    fn skip_dollar_quoted(&mut self) {
        let start = self.at;
        self.at += 1;
        self.skip_while(|byte| is_name_start(byte) || byte.is_ascii_digit());
        if self.peek(0) != b'$' {
            return;
        }
        self.at += 1;
        let quote = &self.bytes[start..self.at];
        let end = self.bytes[self.at..].windows(quote.len()).position(|window| window == quote);
        self.at = end.map_or(self.bytes.len(), |end| self.at + end + quote.len());
    }
}

fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers(sql: &str) -> Vec<u32> {
        let number = |part: &Part| match part {
            Part::Parameter(number) => Some(*number),
            Part::Text(_) => None,
        };
        parts(sql).iter().filter_map(number).collect()
    }

    #[test]
    fn a_statement_is_cut_at_its_parameters() {
        let expected =
            [Part::Text(0..7), Part::Parameter(2), Part::Text(9..10), Part::Parameter(1)];
        assert_eq!(*parts("SELECT $2+$1"), expected);
        assert_eq!(*parts("$12"), [Part::Parameter(12)]);
        assert_eq!(*parts(""), []);
    }

    #[test]
    fn texts_names_and_comments_hide_what_looks_like_a_parameter() {
        for sql in [
            "'$1'",
            "'it''s $1'",
            r"E'\'$1'",
            r#""a""$1""#,
            "a$1",
            "-- $1\n",
            "/* /* */ $1 */",
            "$$ $1 $$",
            "$tag$ $1 $$ $1 $tag$",
            "U&'$1'",
        ] {
            assert_eq!(numbers(&format!("SELECT {sql}, $7")), [7], "{sql}");
        }
    }

    #[test]
    fn a_backslash_escapes_only_where_postgresql_says_so() {
        assert_eq!(numbers(r"SELECT '\', $1, '\'"), [1]);
        assert_eq!(numbers(r"SELECT e'\', $1, \''"), []);
        assert_eq!(numbers(r"SELECT time'\', $1"), [1]);
    }

    #[test]
    fn what_is_never_closed_ends_with_the_statement() {
        for sql in ["'$1", "\"$1", "/* $1", "$a$ $1", r"E'\", "$"] {
            assert_eq!(numbers(sql), [], "{sql}");
        }
    }

    proptest! {
        #[test]
        fn the_parts_put_together_are_the_statement(sql in r#"[a$12'"\-/* \nE]{0,40}"#) {
            use std::fmt::Write;
            let mut text = String::new();
            for part in parts(&sql) {
                match part {
                    Part::Text(range) => text.push_str(&sql[range]),
                    Part::Parameter(number) => write!(text, "${number}").unwrap(),
                }
            }
            prop_assert_eq!(text, sql);
        }

        #[test]
        fn any_text_can_be_cut(sql: String) {
            parts(&sql);
        }
    }
}
