//! Splitting received bytes into messages.

use crate::error::{Error, Result};

/// A message starts with its type and its length.
pub const HEADER_BYTES: usize = 5;

/// One whole message of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Type of the message.
    pub tag: u8,
    /// The message without type and length.
    pub body: &'a [u8],
}

/// Type and size of a message whose body may not have arrived yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Type of the message.
    pub tag: u8,
    /// Size of the body that follows the header.
    pub body_bytes: usize,
}

/// Read the header of the first message in `received`; `None` if it has not arrived whole.
///
/// A caller that does not want a body (rows that nobody reads) can skip it by this without
/// keeping it.
///
/// # Errors
/// The length is impossible, or above `limit_bytes`.
#[inline]
pub fn header(received: &[u8], limit_bytes: usize) -> Result<Option<Header>> {
    let Some((&[tag, length @ ..], _)) = received.split_first_chunk::<HEADER_BYTES>() else {
        return Ok(None);
    };
    let length_bytes = u32::from_be_bytes(length);
    let body_bytes = usize::try_from(length_bytes).unwrap_or(usize::MAX).wrapping_sub(4);
    if body_bytes > limit_bytes {
        return Err(Error::Length { tag: char::from(tag), length_bytes, limit_bytes });
    }
    Ok(Some(Header { tag, body_bytes }))
}

/// Split the first whole message off; `None` if it has not arrived whole.
///
/// # Errors
/// As [`header`].
#[inline]
pub fn split(received: &[u8], limit_bytes: usize) -> Result<Option<(Frame<'_>, &[u8])>> {
    let Some(Header { tag, body_bytes }) = header(received, limit_bytes)? else {
        return Ok(None);
    };
    Ok(received[HEADER_BYTES..]
        .split_at_checked(body_bytes)
        .map(|(body, rest)| (Frame { tag, body }, rest)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_is_split_off_once_its_last_byte_is_there() {
        let bytes = [b'Z', 0, 0, 0, 5, b'I', b'N'];
        for end in 0..6 {
            assert_eq!(split(&bytes[..end], 100).unwrap(), None, "{end} bytes");
        }
        let (frame, rest) = split(&bytes, 100).unwrap().unwrap();
        assert_eq!(frame, Frame { tag: b'Z', body: b"I" });
        assert_eq!(rest, b"N");
    }

    #[test]
    fn a_length_below_its_own_size_is_refused() {
        for length in 0..4 {
            let bytes = [b'D', 0, 0, 0, length];
            assert!(matches!(header(&bytes, 100), Err(Error::Length { .. })), "{length}");
        }
    }

    #[test]
    fn a_body_above_the_limit_is_refused_before_it_arrives() {
        let bytes = [b'D', 0, 0, 0, 105];
        assert_eq!(header(&bytes, 101).unwrap(), Some(Header { tag: b'D', body_bytes: 101 }));
        assert!(matches!(header(&bytes, 100), Err(Error::Length { length_bytes: 105, .. })));
    }

    proptest! {
        #[test]
        fn messages_come_out_as_they_went_in_however_they_are_cut(
            messages in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..50)), 0..10),
            cuts in prop::collection::vec(1_usize..40, 1..20),
        ) {
            let mut bytes = Vec::new();
            for (tag, body) in &messages {
                bytes.push(*tag);
                bytes.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
                bytes.extend(body);
            }
            let (mut received, mut seen) = (Vec::new(), Vec::new());
            let mut sizes = cuts.iter().cycle();
            let mut arriving = &bytes[..];
            while !arriving.is_empty() {
                let (now, later) = arriving.split_at((*sizes.next().unwrap()).min(arriving.len()));
                received.extend_from_slice(now);
                arriving = later;
                let mut rest = &received[..];
                while let Some((frame, next)) = split(rest, 100).unwrap() {
                    seen.push((frame.tag, frame.body.to_vec()));
                    rest = next;
                }
                let kept = rest.len();
                received.drain(..received.len() - kept);
            }
            prop_assert!(received.is_empty());
            prop_assert_eq!(seen, messages);
        }

        #[test]
        fn a_split_never_takes_more_than_it_may(bytes: Vec<u8>, limit in 0_usize..1000) {
            match split(&bytes, limit) {
                Ok(Some((frame, rest))) => {
                    prop_assert!(frame.body.len() <= limit);
                    prop_assert_eq!(HEADER_BYTES + frame.body.len() + rest.len(), bytes.len());
                }
                Ok(None) => prop_assert!(header(&bytes, limit).unwrap().is_none_or(
                    |header| HEADER_BYTES + header.body_bytes > bytes.len()
                )),
                Err(error) => {
                    let is_about_length = matches!(error, Error::Length { .. });
                    prop_assert!(is_about_length);
                }
            }
        }
    }
}
