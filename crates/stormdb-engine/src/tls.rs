//! TLS between the reactor's bytes and the protocol's messages, by rustls. No I/O.

mod binding;
mod verify;

use std::fmt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection};

use crate::{Error, Result};

/// Bytes that are received at once: about one record.
const RECEIVED_BYTES: usize = 16 * 1024;

/// When a connection is encrypted, and what is checked: the words of libpq's `sslmode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SslMode {
    /// Never encrypted.
    Disable,
    /// Encrypted if the server refuses otherwise.
    Allow,
    /// Encrypted if the server can.
    #[default]
    Prefer,
    /// Encrypted.
    Require,
    /// Encrypted, with a certificate of a trusted authority.
    VerifyCa,
    /// The same, and the certificate names the host.
    VerifyFull,
}

/// Who is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// The authorities that this machine trusts.
    System,
    /// Those in a PEM file.
    File(PathBuf),
}

/// Files and mode, as a user gives them.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// When and how strictly.
    pub mode: SslMode,
    /// Authorities; `None` trusts every certificate. As in libpq, authorities that are given are
    /// used in every mode.
    pub roots: Option<Roots>,
    /// Files of the client certificate and of its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// File of revoked certificates.
    pub revoked: Option<PathBuf>,
}

/// Why a connection cannot be encrypted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// The server's certificate is not acceptable.
    #[error("the server's certificate cannot be trusted: {0}")]
    Certificate(String),
    /// The two sides do not come together.
    #[error("no TLS connection could be made: {0}")]
    Handshake(String),
}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(reason) => {
                Self::Certificate(verify::explain(&reason))
            }
            rustls::Error::InvalidCertRevocationList(reason) => {
                Self::Certificate(format!("the list of revoked certificates: {reason:?}"))
            }
            rustls::Error::AlertReceived(alert) => {
                Self::Handshake(format!("the server says {alert:?}"))
            }
            other => Self::Handshake(other.to_string()),
        }
    }
}

/// What all connections of a run share: files that were read, and what they allow.
#[derive(Clone)]
pub struct TlsContext(Arc<ClientConfig>);

impl TlsContext {
    /// Read the files.
    ///
    /// # Errors
    /// A file cannot be read or has not what it should have, or nothing is there to verify with.
    ///
    /// # Panics
    /// Never: the provider knows all versions of TLS that are asked for.
    pub fn load(settings: &TlsSettings) -> Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let verifier = verify::verifier(settings, &provider)?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring knows TLS 1.2 and 1.3")
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &settings.certificate {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = read_certificates(certificate)?;
                let key_der = PrivateKeyDer::from_pem_file(key).map_err(|e| unreadable(key, &e))?;
                builder.with_client_auth_cert(chain, key_der).map_err(|error| Error::Tls {
                    what: format!("{} is no key that can be used: {error}", key.display()),
                    hint: "name a key without pass phrase that fits the certificate",
                })?
            }
        };
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(Self(Arc::new(config)))
    }

    /// Begin a handshake; its first bytes are had by [`Tls::seal`].
    ///
    /// # Errors
    /// The host is neither an address nor a name.
    pub fn start(&self, host: &str) -> std::result::Result<Tls, TlsError> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| TlsError::Handshake(format!("{host:?} is no name of a host")))?;
        let mut connection = ClientConnection::new(Arc::clone(&self.0), name)?;
        connection.set_buffer_limit(None);
        Ok(Tls { connection, received: Vec::with_capacity(RECEIVED_BYTES), plain: Vec::new() })
    }
}

impl fmt::Debug for TlsContext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TlsContext")
    }
}

/// One encrypted connection.
pub struct Tls {
    connection: ClientConnection,
    /// Bytes from the network, taken by [`Tls::open`].
    pub received: Vec<u8>,
    /// What is to be sent, taken by [`Tls::seal`].
    pub plain: Vec<u8>,
}

impl Tls {
    /// Decrypt all that was received and append it to `input`. Afterwards there may be something
    /// to [`Tls::seal`].
    ///
    /// # Errors
    /// The peer is not who it should be, or broke the protocol.
    ///
    /// # Panics
    /// Never: all bytes that are announced are there.
    pub fn open(&mut self, input: &mut Vec<u8>) -> std::result::Result<(), TlsError> {
        let mut rest = self.received.as_slice();
        while !rest.is_empty() {
            self.connection.read_tls(&mut rest).expect("a slice can be read, and all was taken");
            let state = self.connection.process_new_packets()?;
            let start = input.len();
            input.resize(start + state.plaintext_bytes_to_read(), 0);
            let mut reader = self.connection.reader();
            reader.read_exact(&mut input[start..]).expect("so many bytes were announced");
        }
        self.received.clear();
        Ok(())
    }

    /// Encrypt all that is to be sent and append it to `output`.
    ///
    /// # Panics
    /// Never: neither side of the copy has a limit.
    pub fn seal(&mut self, output: &mut Vec<u8>) {
        if !self.plain.is_empty() {
            self.connection.writer().write_all(&self.plain).expect("the buffer has no limit");
            self.plain.clear();
        }
        while self.connection.wants_write() {
            self.connection.write_tls(output).expect("a vector takes all bytes");
        }
    }

    /// Append the end of the encrypted stream to `output`.
    pub fn finish(&mut self, output: &mut Vec<u8>) {
        self.connection.send_close_notify();
        self.seal(output);
    }

    /// True until both sides are sure of each other.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Hash of the server's certificate that binds a login to this connection; `None` if the
    /// certificate's signature algorithm has no hash.
    #[must_use]
    pub fn server_end_point(&self) -> Option<Vec<u8>> {
        binding::server_end_point(self.connection.peer_certificates()?.first()?)
    }
}

fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
        .map_err(|error| unreadable(file, &error))?;
    if found.is_empty() {
        return Err(unreadable(file, &pem::Error::NoItemsFound));
    }
    Ok(found)
}

fn unreadable(file: &Path, error: &pem::Error) -> Error {
    let reason = match error {
        pem::Error::Io(error) => error.to_string(),
        pem::Error::NoItemsFound => "nothing of the kind is in it".to_owned(),
        other => format!("{other:?}"),
    };
    Error::Tls {
        what: format!("{} cannot be read: {reason}", file.display()),
        hint: "name files in PEM form, a key without pass phrase",
    }
}
