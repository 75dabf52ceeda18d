//! From the first byte to the first `ReadyForQuery`.

use std::fmt;

use postgres_protocol::authentication::{md5_hash, sasl};

use crate::backend::{self, Authentication, Backend, TransactionStatus};
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::frontend::{self, ProtocolVersion};

/// Most messages of a server before it is ready: it has settings and notices to tell, but an end.
const MAX_MESSAGES: u32 = 1_000;
/// Largest message of a server before it is ready: more than an error or a setting ever takes, and
/// little enough for [`MAX_MESSAGES`] of them.
pub const MAX_MESSAGE_BYTES: usize = 1 << 16;

/// Whether the login must be bound to the TLS channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChannelBinding {
    /// Never.
    Disable,
    /// Where server and certificate allow it.
    #[default]
    Prefer,
    /// Or no login at all.
    Require,
}

/// Who logs in, and with what.
#[derive(Clone)]
pub struct Login {
    /// Role.
    pub user: String,
    /// Database.
    pub dbname: String,
    /// Password, if one is known.
    pub password: Option<String>,
    /// Settings of the session, such as `application_name` or `search_path`.
    pub settings: Vec<(String, String)>,
    /// Protocol version to ask for.
    pub version: ProtocolVersion,
    /// Binding to the TLS channel.
    pub channel_binding: ChannelBinding,
    /// Hash of the server's certificate (`tls-server-end-point`), if the connection is encrypted.
    pub server_end_point: Option<Vec<u8>>,
}

/// What the server told at start-up.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Session {
    /// Process of this session, for cancel requests.
    pub process_id: u32,
    /// Secret of this session, for cancel requests.
    pub secret: Vec<u8>,
    /// Settings that the server reported, such as `server_version`.
    pub parameters: Vec<(String, String)>,
}

// Without the secret: what is printed may end in a log.
impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Session")
            .field("process_id", &self.process_id)
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

/// The dialogue. Feed it every message until it gives the session.
pub struct Startup {
    login: Login,
    state: State,
    session: Session,
    message_count: u32,
}

enum State {
    /// The server has to say how to authenticate.
    Authenticating,
    /// A SCRAM exchange goes on.
    Scram(Box<sasl::ScramSha256>),
    /// The proof was given; the server has to confirm.
    Proved,
    /// Authenticated; settings and key follow.
    Settling,
}

impl Startup {
    /// Begin: appends the start-up message.
    ///
    /// # Errors
    /// A name or a value contains a zero byte.
    pub fn begin(login: Login, out: &mut Vec<u8>) -> Result<Self> {
        let mut parameters =
            vec![("user", login.user.as_str()), ("database", login.dbname.as_str())];
        // What is sent is UTF-8, whatever the database's own encoding is.
        let has_encoding = login.settings.iter().any(|(name, _)| name == "client_encoding");
        parameters.extend((!has_encoding).then_some(("client_encoding", "UTF8")));
        parameters
            .extend(login.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        frontend::startup(login.version, &parameters, out)?;
        let (state, session) = (State::Authenticating, Session::default());
        Ok(Self { login, state, session, message_count: 0 })
    }

    /// True once the server has accepted who the client is.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        matches!(self.state, State::Settling)
    }

    /// Take one message; answers are appended to `out`. `Some` once the server is ready.
    ///
    /// # Errors
    /// The login was refused, or the server broke the protocol.
    pub fn advance(&mut self, frame: Frame<'_>, out: &mut Vec<u8>) -> Result<Option<Session>> {
        self.message_count += 1;
        if self.message_count > MAX_MESSAGES {
            return Err(Error::Unexpected {
                found: format!("more than {MAX_MESSAGES} messages"),
                wanted: "the end of the login",
            });
        }
        match backend::decode(frame)? {
            Backend::Authentication(request) => self.authenticate(request, out)?,
            Backend::ParameterStatus { name, value } => {
                self.session.parameters.push((lossy(name), lossy(value)));
            }
            Backend::BackendKey { process_id, secret } => {
                self.session.process_id = process_id;
                self.session.secret = secret.to_vec();
            }
            Backend::Error(error) => {
                return Err(Error::Refused {
                    severity: lossy(error.severity),
                    sqlstate: lossy(error.sqlstate),
                    message: lossy(error.message),
                });
            }
            Backend::Notice(_) | Backend::NegotiateVersion { .. } => {}
            Backend::Ready(TransactionStatus::Idle) if self.is_authenticated() => {
                return Ok(Some(std::mem::take(&mut self.session)));
            }
            _ => {
                return Err(Error::Unexpected {
                    found: format!("a message of type {:?}", char::from(frame.tag)),
                    wanted: "a step of the login",
                });
            }
        }
        Ok(None)
    }

    fn authenticate(&mut self, request: Authentication<'_>, out: &mut Vec<u8>) -> Result<()> {
        match (request, &mut self.state) {
            (Authentication::Ok, State::Authenticating | State::Proved) => {
                if self.login.channel_binding == ChannelBinding::Require
                    && !matches!(self.state, State::Proved)
                {
                    return Err(Error::ChannelBinding("but the server does not ask for SCRAM"));
                }
                self.state = State::Settling;
            }
            (Authentication::CleartextPassword, State::Authenticating) => {
                self.refuse_without_binding()?;
                frontend::password(self.password()?.as_bytes(), out)?;
            }
            (Authentication::Md5Password(salt), State::Authenticating) => {
                self.refuse_without_binding()?;
                let hash = md5_hash(self.login.user.as_bytes(), self.password()?.as_bytes(), salt);
                frontend::password(hash.as_bytes(), out)?;
            }
            (Authentication::Sasl(mechanisms), State::Authenticating) => {
                let (mechanism, binding) = self.choose_mechanism(mechanisms)?;
                let scram = sasl::ScramSha256::new(self.password()?.as_bytes(), binding);
                frontend::sasl_initial(mechanism, scram.message(), out)?;
                self.state = State::Scram(Box::new(scram));
            }
            (Authentication::SaslContinue(data), State::Scram(scram)) => {
                scram.update(data).map_err(|error| Error::Scram(error.to_string()))?;
                frontend::sasl_response(scram.message(), out)?;
            }
            (Authentication::SaslFinal(data), State::Scram(scram)) => {
                scram.finish(data).map_err(|error| Error::Scram(error.to_string()))?;
                self.state = State::Proved;
            }
            (Authentication::Other(kind), _) => {
                return Err(Error::Authentication(method_name(kind)));
            }
            (request, _) => {
                return Err(Error::Unexpected {
                    found: request_name(&request).to_owned(),
                    wanted: "the next step of the login",
                });
            }
        }
        Ok(())
    }

    fn password(&self) -> Result<&str> {
        self.login.password.as_deref().ok_or(Error::PasswordMissing)
    }

    fn refuse_without_binding(&self) -> Result<()> {
        match self.login.channel_binding {
            ChannelBinding::Require => {
                Err(Error::ChannelBinding("but the server does not ask for SCRAM"))
            }
            ChannelBinding::Disable | ChannelBinding::Prefer => Ok(()),
        }
    }

    /// The strongest mechanism that both sides can, and what binds it to the channel.
    fn choose_mechanism(&self, offered: &[u8]) -> Result<(&'static str, sasl::ChannelBinding)> {
        let offers =
            |name: &str| offered.split(|byte| *byte == 0).any(|one| one == name.as_bytes());
        let is_wanted = self.login.channel_binding != ChannelBinding::Disable;
        match &self.login.server_end_point {
            Some(hash) if is_wanted && offers(sasl::SCRAM_SHA_256_PLUS) => Ok((
                sasl::SCRAM_SHA_256_PLUS,
                sasl::ChannelBinding::tls_server_end_point(hash.clone()),
            )),
            _ if self.login.channel_binding == ChannelBinding::Require => {
                Err(Error::ChannelBinding(
                    "but the connection is not encrypted or the server does not offer it",
                ))
            }
            _ if !offers(sasl::SCRAM_SHA_256) => {
                let names = offered.split(|byte| *byte == 0).map(lossy).collect::<Vec<_>>();
                Err(Error::Authentication(names.join(" ").trim().to_owned()))
            }
            // `unrequested` tells the server that we could have bound, so that a man in the
            // middle who hid the offer is found out.
            Some(_) if is_wanted => Ok((sasl::SCRAM_SHA_256, sasl::ChannelBinding::unrequested())),
            _ => Ok((sasl::SCRAM_SHA_256, sasl::ChannelBinding::unsupported())),
        }
    }
}

fn method_name(kind: u32) -> String {
    match kind {
        2 => "Kerberos V5".to_owned(),
        6 => "SCM credential".to_owned(),
        7 | 8 => "GSSAPI".to_owned(),
        9 => "SSPI".to_owned(),
        other => format!("an unknown kind ({other}) of"),
    }
}

/// Without the data, which may be long.
fn request_name(request: &Authentication<'_>) -> &'static str {
    match request {
        Authentication::Ok => "the end of the authentication",
        Authentication::CleartextPassword => "a request for the password",
        Authentication::Md5Password(_) => "a request for an MD5 hash",
        Authentication::Sasl(_) => "a choice of SASL mechanisms",
        Authentication::SaslContinue(_) => "a challenge of SASL",
        Authentication::SaslFinal(_) => "the outcome of SASL",
        Authentication::Other(_) => "another way to authenticate",
    }
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
mod tests;
