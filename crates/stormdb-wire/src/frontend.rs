//! What a client says. Every function appends whole messages to a buffer that the caller keeps.

use crate::error::{Error, Result};

const PROTOCOL_3_0: u32 = 3 << 16;
const SSL_REQUEST: u32 = 80_877_103;
const CANCEL_REQUEST: u32 = 80_877_102;

/// Minor version of protocol 3 that the client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProtocolVersion {
    /// Every server and pooler speaks it.
    #[default]
    V3_0,
    /// PostgreSQL 18 and newer: longer secrets for cancel requests.
    V3_2,
}

/// Ask whether the server speaks TLS; it answers with one byte, `S` or `N`.
pub fn ssl_request(out: &mut Vec<u8>) {
    out.extend_from_slice(&8_u32.to_be_bytes());
    out.extend_from_slice(&SSL_REQUEST.to_be_bytes());
}

/// First message of a session.
///
/// # Errors
/// A name or a value contains a zero byte.
pub fn startup(
    version: ProtocolVersion,
    parameters: &[(&str, &str)],
    out: &mut Vec<u8>,
) -> Result<()> {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    let minor = if version == ProtocolVersion::V3_2 { 2 } else { 0 };
    out.extend_from_slice(&(PROTOCOL_3_0 | minor).to_be_bytes());
    for (name, value) in parameters {
        c_string(name.as_bytes(), out)?;
        c_string(value.as_bytes(), out)?;
    }
    out.push(0);
    finish(at, out)
}

/// Ask the server, on a connection of its own, to cancel what another session runs.
///
/// # Panics
/// The secret is not one that a server gave: those have at most 256 bytes.
pub fn cancel(process_id: u32, secret: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(12 + secret.len()).expect("a secret is at most 256 bytes");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&CANCEL_REQUEST.to_be_bytes());
    out.extend_from_slice(&process_id.to_be_bytes());
    out.extend_from_slice(secret);
}

/// Answer to a request for a password, in clear or hashed.
///
/// # Errors
/// The password contains a zero byte.
pub fn password(password: &[u8], out: &mut Vec<u8>) -> Result<()> {
    message(b'p', out, |out| c_string(password, out))
}

/// First message of a SASL exchange.
///
/// # Errors
/// The response is too large.
pub fn sasl_initial(mechanism: &str, response: &[u8], out: &mut Vec<u8>) -> Result<()> {
    message(b'p', out, |out| {
        c_string(mechanism.as_bytes(), out)?;
        out.extend_from_slice(&length("a SASL response", response.len())?.to_be_bytes());
        out.extend_from_slice(response);
        Ok(())
    })
}

/// Next message of a SASL exchange.
///
/// # Errors
/// The response is too large.
pub fn sasl_response(response: &[u8], out: &mut Vec<u8>) -> Result<()> {
    message(b'p', out, |out| {
        out.extend_from_slice(response);
        Ok(())
    })
}

/// Simple query: one or more statements as text, which `sql` appends.
///
/// # Errors
/// The text contains a zero byte or is too large, or `sql` failed; nothing was appended.
pub fn query<E: From<Error>>(
    out: &mut Vec<u8>,
    sql: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    message(b'Q', out, |out| {
        let at = out.len();
        sql(out)?;
        refuse_zero(&out[at..])?;
        out.push(0);
        Ok(())
    })
}

/// Prepare a statement; the empty name is the unnamed one. A type of 0 leaves it to the server.
///
/// # Errors
/// A text contains a zero byte, or there are more than 65,535 parameters.
pub fn parse(name: &[u8], sql: &[u8], type_oids: &[u32], out: &mut Vec<u8>) -> Result<()> {
    message(b'P', out, |out| {
        c_string(name, out)?;
        c_string(sql, out)?;
        out.extend_from_slice(&count("parameters", type_oids.len())?.to_be_bytes());
        for oid in type_oids {
            out.extend_from_slice(&oid.to_be_bytes());
        }
        Ok(())
    })
}

/// Format of a value on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As people write it.
    Text = 0,
    /// As the type's send and receive functions have it.
    Binary = 1,
}

/// Bind values to a prepared statement, portal unnamed.
///
/// `values` appends each parameter with its length, as [`value`] and [`null`] do, in the order of
/// `formats`.
///
/// # Errors
/// The name contains a zero byte, the message is too large, or `values` failed; nothing was
/// appended.
#[inline]
pub fn bind<E: From<Error>>(
    statement: &[u8],
    formats: impl Iterator<Item = Format>,
    result_format: Format,
    out: &mut Vec<u8>,
    values: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    message(b'B', out, |out| {
        out.push(0);
        c_string(statement, out)?;
        let at = out.len();
        out.extend_from_slice(&[0; 2]);
        let mut parameter_count = 0;
        for format in formats {
            out.extend_from_slice(&(format as u16).to_be_bytes());
            parameter_count += 1;
        }
        let parameter_count = count("parameters", parameter_count)?.to_be_bytes();
        out[at..at + 2].copy_from_slice(&parameter_count);
        out.extend_from_slice(&parameter_count);
        values(out)?;
        out.extend_from_slice(&1_u16.to_be_bytes());
        out.extend_from_slice(&(result_format as u16).to_be_bytes());
        Ok(())
    })
}

/// A parameter's value, with its length, inside [`bind`].
///
/// # Errors
/// The value is larger than 2 GiB.
#[inline]
pub fn value(bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(&length("a value", bytes.len())?.to_be_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

/// A parameter that is NULL, inside [`bind`].
#[inline]
pub fn null(out: &mut Vec<u8>) {
    out.extend_from_slice(&(-1_i32).to_be_bytes());
}

/// Ask for the columns (and parameter types) of a prepared statement.
///
/// # Errors
/// The name contains a zero byte.
pub fn describe_statement(name: &[u8], out: &mut Vec<u8>) -> Result<()> {
    message(b'D', out, |out| {
        out.push(b'S');
        c_string(name, out)
    })
}

/// Run the unnamed portal to its end.
#[inline]
pub fn execute(out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'E', 0, 0, 0, 9, 0, 0, 0, 0, 0]);
}

/// End of a group of extended messages: the server answers with `ReadyForQuery`.
#[inline]
pub fn sync(out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'S', 0, 0, 0, 4]);
}

/// Have the server send what it has said so far, without ending the group.
#[inline]
pub fn flush(out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'H', 0, 0, 0, 4]);
}

/// Drop a prepared statement.
///
/// # Errors
/// The name contains a zero byte.
pub fn close_statement(name: &[u8], out: &mut Vec<u8>) -> Result<()> {
    message(b'C', out, |out| {
        out.push(b'S');
        c_string(name, out)
    })
}

/// A piece of copy data, which `data` appends.
///
/// # Errors
/// The piece is too large, or `data` failed; nothing was appended.
pub fn copy_data<E: From<Error>>(
    out: &mut Vec<u8>,
    data: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    message(b'd', out, data)
}

/// End of the copy data.
pub fn copy_done(out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'c', 0, 0, 0, 4]);
}

/// Give a copy up.
///
/// # Errors
/// The reason contains a zero byte.
pub fn copy_fail(reason: &[u8], out: &mut Vec<u8>) -> Result<()> {
    message(b'f', out, |out| c_string(reason, out))
}

/// End of the session.
pub fn terminate(out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'X', 0, 0, 0, 4]);
}

fn message<E: From<Error>>(
    tag: u8,
    out: &mut Vec<u8>,
    body: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    out.push(tag);
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    let written = body(out).and_then(|()| Ok(finish(at, out)?));
    if written.is_err() {
        out.truncate(at - 1);
    }
    written
}

fn finish(at: usize, out: &mut [u8]) -> Result<()> {
    let length = length("a message", out.len() - at)?;
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

fn refuse_zero(text: &[u8]) -> Result<()> {
    match text.iter().position(|byte| *byte == 0) {
        Some(at) => Err(Error::ZeroByte { at }),
        None => Ok(()),
    }
}

fn c_string(text: &[u8], out: &mut Vec<u8>) -> Result<()> {
    refuse_zero(text)?;
    out.extend_from_slice(text);
    out.push(0);
    Ok(())
}

fn length(what: &'static str, size: usize) -> Result<i32> {
    i32::try_from(size).map_err(|_| Error::TooLarge { what, size, limit: 0x7FFF_FFFF })
}

fn count(what: &'static str, size: usize) -> Result<u16> {
    u16::try_from(size).map_err(|_| Error::TooLarge { what, size, limit: 0xFFFF })
}

#[cfg(test)]
mod tests;
