//! What a server says.

use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::read::Cursor;

/// State of the transaction when the server is ready for the next statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionStatus {
    /// Outside of a transaction block.
    Idle,
    /// In a transaction block.
    Open,
    /// In a transaction block that failed: everything but a rollback is refused.
    Failed,
}

/// Fields of an error or a notice. Texts are as the server sent them, mostly UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ServerError<'a> {
    /// `ERROR`, `FATAL`, `PANIC`, `WARNING` …, not translated where the server says so.
    pub severity: &'a [u8],
    /// Five characters.
    pub sqlstate: &'a [u8],
    /// The primary message.
    pub message: &'a [u8],
    /// Detail, empty if there is none.
    pub detail: &'a [u8],
    /// Hint, empty if there is none.
    pub hint: &'a [u8],
}

/// How the server wants the client to prove who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication<'a> {
    /// Enough was proved.
    Ok,
    /// The password as it is.
    CleartextPassword,
    /// The password hashed with this salt.
    Md5Password([u8; 4]),
    /// One of these SASL mechanisms; zero-terminated names.
    Sasl(&'a [u8]),
    /// Next step of the SASL exchange.
    SaslContinue(&'a [u8]),
    /// Last step of the SASL exchange.
    SaslFinal(&'a [u8]),
    /// Something that is not supported, by its number.
    Other(u32),
}

/// Columns of a result.
#[derive(Debug, Clone, Copy)]
pub struct RowDescription<'a> {
    count: u16,
    fields: Cursor<'a>,
}

/// One column of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column<'a> {
    /// Name as the statement gives it.
    pub name: &'a [u8],
    /// Object id of the type.
    pub type_oid: u32,
    /// True if values come in binary form.
    pub is_binary: bool,
}

/// One row of a result: values, `None` for NULL.
#[derive(Debug, Clone, Copy)]
pub struct DataRow<'a> {
    count: u16,
    values: Cursor<'a>,
}

/// A message of the server.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Backend<'a> {
    /// Step of the login.
    Authentication(Authentication<'a>),
    /// A setting of the session, at start-up and whenever it changes.
    ParameterStatus {
        /// Name of the setting.
        name: &'a [u8],
        /// Its value now.
        value: &'a [u8],
    },
    /// What a request to cancel must name.
    BackendKey {
        /// Process of this session.
        process_id: u32,
        /// Secret of this session: 4 bytes in protocol 3.0, up to 256 in 3.2.
        secret: &'a [u8],
    },
    /// The server speaks an older minor version, or does not know these options.
    NegotiateVersion {
        /// Newest minor version that it speaks.
        minor: u32,
    },
    /// Ready for the next statement.
    Ready(TransactionStatus),
    /// A statement, or the login, failed.
    Error(ServerError<'a>),
    /// A warning or a message for people.
    Notice(ServerError<'a>),
    /// An asynchronous NOTIFY.
    Notification,
    /// Columns of the rows that follow.
    RowDescription(RowDescription<'a>),
    /// Types of a prepared statement's parameters.
    ParameterDescription(ParameterTypes<'a>),
    /// A row.
    DataRow(DataRow<'a>),
    /// A statement ended; its tag, such as `UPDATE 1`.
    CommandComplete(&'a [u8]),
    /// The statement was empty.
    EmptyQuery,
    /// The statement returns no rows.
    NoData,
    /// Parse was done.
    ParseComplete,
    /// Bind was done.
    BindComplete,
    /// Close was done.
    CloseComplete,
    /// Execute stopped at its row limit.
    PortalSuspended,
    /// Copy data may be sent now.
    CopyIn,
    /// Copy data follows.
    CopyOut,
    /// Copy data both ways.
    CopyBoth,
    /// A piece of copy data.
    CopyData(&'a [u8]),
    /// End of the copy data.
    CopyDone,
}

/// Read one message.
///
/// # Errors
/// The type is not known, or the fields do not fit into the message.
pub fn decode(frame: Frame<'_>) -> Result<Backend<'_>> {
    let mut body = Cursor::new(frame.tag, frame.body);
    Ok(match frame.tag {
        b'R' => Backend::Authentication(authentication(body)?),
        b'S' => Backend::ParameterStatus {
            name: body.c_string("the setting's name")?,
            value: body.c_string("the setting's value")?,
        },
        b'K' => {
            Backend::BackendKey { process_id: body.u32("the process id")?, secret: body.rest() }
        }
        b'v' => Backend::NegotiateVersion { minor: body.u32("the minor version")? & 0xFFFF },
        b'Z' => Backend::Ready(transaction_status(frame)?),
        b'E' => Backend::Error(server_error(frame)?),
        b'N' => Backend::Notice(server_error(frame)?),
        b'A' => Backend::Notification,
        b'T' => Backend::RowDescription(RowDescription {
            count: body.u16("the number of columns")?,
            fields: body,
        }),
        b't' => Backend::ParameterDescription(ParameterTypes {
            count: body.u16("the number of parameters")?,
            types: body,
        }),
        b'D' => Backend::DataRow(data_row(frame)?),
        b'C' => Backend::CommandComplete(body.c_string("the command tag")?),
        b'I' => Backend::EmptyQuery,
        b'n' => Backend::NoData,
        b'1' => Backend::ParseComplete,
        b'2' => Backend::BindComplete,
        b'3' => Backend::CloseComplete,
        b's' => Backend::PortalSuspended,
        b'G' => Backend::CopyIn,
        b'H' => Backend::CopyOut,
        b'W' => Backend::CopyBoth,
        b'd' => Backend::CopyData(frame.body),
        b'c' => Backend::CopyDone,
        other => {
            return Err(Error::Unexpected {
                found: format!("a message of type {:?}", char::from(other)),
                wanted: "a message of protocol 3",
            });
        }
    })
}

fn authentication(mut body: Cursor<'_>) -> Result<Authentication<'_>> {
    Ok(match body.u32("the kind of authentication")? {
        0 => Authentication::Ok,
        3 => Authentication::CleartextPassword,
        5 => {
            let salt = body.bytes(4, "the salt")?;
            Authentication::Md5Password([salt[0], salt[1], salt[2], salt[3]])
        }
        10 => Authentication::Sasl(body.rest()),
        11 => Authentication::SaslContinue(body.rest()),
        12 => Authentication::SaslFinal(body.rest()),
        other => Authentication::Other(other),
    })
}

/// Read a `ReadyForQuery`.
///
/// # Errors
/// The state is not one of `I`, `T`, `E`.
#[inline]
pub fn transaction_status(frame: Frame<'_>) -> Result<TransactionStatus> {
    match frame.body {
        b"I" => Ok(TransactionStatus::Idle),
        b"T" => Ok(TransactionStatus::Open),
        b"E" => Ok(TransactionStatus::Failed),
        other => Err(Error::Unexpected {
            found: format!("the transaction state {}", other.escape_ascii()),
            wanted: "I, T or E",
        }),
    }
}

/// Read an `ErrorResponse` or `NoticeResponse`.
///
/// # Errors
/// A field is cut.
pub fn server_error(frame: Frame<'_>) -> Result<ServerError<'_>> {
    let mut body = Cursor::new(frame.tag, frame.body);
    let mut error = ServerError::default();
    loop {
        let field = body.u8("the field type")?;
        if field == 0 {
            return Ok(error);
        }
        let text = body.c_string("a field")?;
        match field {
            // `V` is the severity without translation and comes after `S`.
            b'S' | b'V' => error.severity = text,
            b'C' => error.sqlstate = text,
            b'M' => error.message = text,
            b'D' => error.detail = text,
            b'H' => error.hint = text,
            _ => {}
        }
    }
}

/// Read a `DataRow`.
///
/// # Errors
/// The count is cut; values are checked when they are read.
#[inline]
pub fn data_row(frame: Frame<'_>) -> Result<DataRow<'_>> {
    let mut body = Cursor::new(frame.tag, frame.body);
    Ok(DataRow { count: body.u16("the number of values")?, values: body })
}

/// Rows that a command tag counts: `INSERT 0 5` and `UPDATE 5` are 5, `BEGIN` is 0.
#[must_use]
pub fn affected_rows(tag: &[u8]) -> u64 {
    let last_word = tag.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    last_word
        .iter()
        .try_fold(0_u64, |rows, digit| {
            digit
                .is_ascii_digit()
                .then(|| rows.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
        })
        .unwrap_or(0)
}

impl<'a> DataRow<'a> {
    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// True for a row without columns.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Take the next value; the outer `None` is the end of the row, the inner one NULL.
    ///
    /// # Errors
    /// The value is cut.
    #[inline]
    pub fn next_value(&mut self) -> Result<Option<Option<&'a [u8]>>> {
        if self.count == 0 {
            return Ok(None);
        }
        self.count -= 1;
        let length = self.values.i32("the length of a value")?;
        match usize::try_from(length) {
            Ok(length) => Ok(Some(Some(self.values.bytes(length, "a value")?))),
            Err(_) if length == -1 => Ok(Some(None)),
            Err(_) => Err(self.values.truncated("a value of negative length")),
        }
    }
}

impl<'a> RowDescription<'a> {
    /// Number of columns.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// True for a result without columns.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Take the next column; `None` at the end.
    ///
    /// # Errors
    /// The column is cut.
    pub fn next_column(&mut self) -> Result<Option<Column<'a>>> {
        if self.count == 0 {
            return Ok(None);
        }
        self.count -= 1;
        let name = self.fields.c_string("a column's name")?;
        self.fields.bytes(6, "a column's table")?;
        let type_oid = self.fields.u32("a column's type")?;
        self.fields.bytes(6, "a column's type size")?;
        let is_binary = self.fields.u16("a column's format")? == 1;
        Ok(Some(Column { name, type_oid, is_binary }))
    }
}

/// Types of a prepared statement's parameters.
#[derive(Debug, Clone, Copy)]
pub struct ParameterTypes<'a> {
    count: u16,
    types: Cursor<'a>,
}

impl ParameterTypes<'_> {
    /// Number of parameters.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// True for a statement without parameters.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Take the next parameter's type; `None` at the end.
    ///
    /// # Errors
    /// The list is cut.
    pub fn next_type_oid(&mut self) -> Result<Option<u32>> {
        if self.count == 0 {
            return Ok(None);
        }
        self.count -= 1;
        self.types.u32("a parameter's type").map(Some)
    }
}

#[cfg(test)]
mod tests;
