//! Why a transaction failed, in words, without allocation.

use std::fmt;

/// Bytes of a message that are kept.
const MAX_BYTES: usize = crate::recorder::MAX_MESSAGE_BYTES;

/// A text of limited length.
#[derive(Debug)]
pub(super) struct Message(String);

impl Default for Message {
    fn default() -> Self {
        Self(String::with_capacity(MAX_BYTES))
    }
}

impl Message {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Replace it; what is too long is cut off.
    pub(super) fn set(&mut self, text: fmt::Arguments<'_>) {
        self.0.clear();
        fmt::write(self, text).expect("neither this nor what is formatted returns errors");
    }

    /// Replace it by what a server says, which may not be UTF-8.
    pub(super) fn set_bytes(&mut self, text: &[u8]) {
        self.0.clear();
        for chunk in text.utf8_chunks() {
            self.append(chunk.valid());
            if !chunk.invalid().is_empty() {
                self.append("\u{FFFD}");
            }
        }
    }

    fn append(&mut self, text: &str) {
        let room = MAX_BYTES - self.0.len();
        let end =
            (0..=room.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        self.0.push_str(&text[..end]);
    }
}

impl fmt::Write for Message {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.append(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_cut_between_characters() {
        let mut message = Message::default();
        message.set(format_args!("{}ä", "x".repeat(MAX_BYTES - 1)));
        assert_eq!(message.as_str(), "x".repeat(MAX_BYTES - 1));
        message.set(format_args!("{}: {}", "place", "words"));
        assert_eq!(message.as_str(), "place: words");
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        let mut message = Message::default();
        message.set_bytes(b"a\xffb\xc3\xa4\xc3");
        assert_eq!(message.as_str(), "a\u{FFFD}bä\u{FFFD}");
    }
}
