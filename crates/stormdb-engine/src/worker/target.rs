//! Where to connect: hosts in order, with or without encryption, and which of them will do.

use stormdb_reactor::SockAddr;
use stormdb_wire::Login;

use crate::tls::{SslMode, TlsContext};

/// One address of a server.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Name that the certificate must have; for a Unix socket it is not used.
    pub host: String,
    /// For people: `db.example:5432`.
    pub label: String,
    /// Where it listens.
    pub address: SockAddr,
}

/// Which servers will do, as libpq's `target_session_attrs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SessionAttributes {
    /// Every one.
    #[default]
    Any,
    /// Takes writes.
    ReadWrite,
    /// Takes none.
    ReadOnly,
    /// Is not in recovery.
    Primary,
    /// Is in recovery.
    Standby,
    /// Is in recovery, or if there is none like that, any.
    PreferStandby,
}

/// Where and as whom to connect.
pub struct Target {
    /// Tried in order.
    pub endpoints: Vec<Endpoint>,
    /// As whom.
    pub login: Login,
    /// When connections are encrypted.
    pub ssl_mode: SslMode,
    /// How; needed unless the mode is `Disable`.
    pub tls: Option<TlsContext>,
    /// Which endpoints will do.
    pub attributes: SessionAttributes,
    /// Longest time of one attempt; 0 for no limit.
    pub connect_timeout_ns: u64,
}

/// Whether an attempt is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encryption {
    No,
    IfOffered,
    Yes,
}

/// One way to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attempt {
    /// Attempts at the same endpoint that differ in encryption only have the same number.
    group: usize,
    pub(super) endpoint: usize,
    pub(super) encryption: Encryption,
    pub(super) attributes: SessionAttributes,
}

/// What may be tried after an attempt has come to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The same endpoint with other encryption, else nothing: another host would say the same.
    OtherEncryption,
    /// The next endpoint.
    OtherEndpoint,
}

impl Target {
    /// All ways to connect, in the order in which they are tried.
    pub(super) fn attempts(&self) -> Vec<Attempt> {
        let passes: &[_] = match self.attributes {
            SessionAttributes::PreferStandby => {
                &[SessionAttributes::Standby, SessionAttributes::Any]
            }
            ref only => std::slice::from_ref(only),
        };
        let mut attempts = Vec::new();
        let mut group = 0;
        for attributes in passes {
            for (endpoint, one) in self.endpoints.iter().enumerate() {
                let encryptions = if one.address.is_unix() {
                    &[Encryption::No][..]
                } else {
                    encryptions(self.ssl_mode)
                };
                attempts.extend(encryptions.iter().map(|encryption| Attempt {
                    group,
                    endpoint,
                    encryption: *encryption,
                    attributes: *attributes,
                }));
                group += 1;
            }
        }
        attempts
    }
}

fn encryptions(mode: SslMode) -> &'static [Encryption] {
    match mode {
        SslMode::Disable => &[Encryption::No],
        SslMode::Allow => &[Encryption::No, Encryption::Yes],
        SslMode::Prefer => &[Encryption::IfOffered, Encryption::No],
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => &[Encryption::Yes],
    }
}

/// The attempt after number `at` came to nothing; `None` if that was all.
pub(super) fn next_attempt(
    attempts: &[Attempt],
    at: usize,
    was_encrypted: bool,
    next: Next,
) -> Option<usize> {
    let here = attempts[at];
    let mut rest = attempts.iter().enumerate().skip(at + 1);
    let found = match next {
        Next::OtherEndpoint => rest.find(|(_, one)| one.group != here.group),
        Next::OtherEncryption => rest.next().filter(|(_, one)| {
            one.group == here.group && (one.encryption == Encryption::No) == was_encrypted
        }),
    };
    found.map(|(number, _)| number)
}

impl SessionAttributes {
    /// Whether a session will do, by what the server says of itself.
    pub(super) fn accept(self, is_standby: bool, is_read_only: bool) -> bool {
        match self {
            Self::Any | Self::PreferStandby => true,
            Self::ReadWrite => !is_read_only,
            Self::ReadOnly => is_read_only,
            Self::Primary => !is_standby,
            Self::Standby => is_standby,
        }
    }

    /// What is asked for, for messages.
    pub(super) fn wanted(self) -> &'static str {
        match self {
            Self::Any | Self::PreferStandby => "any server",
            Self::ReadWrite => "a server that takes writes",
            Self::ReadOnly => "a server that takes no writes",
            Self::Primary => "a primary",
            Self::Standby => "a standby",
        }
    }
}

/// `in_hot_standby`, and whether that or `default_transaction_read_only` is on; `None` if the
/// server, older than PostgreSQL 14, does not report them.
pub(super) fn reported_state(parameters: &[(String, String)]) -> Option<(bool, bool)> {
    let is_on = |name: &str| {
        let found = parameters.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value == "on")
    };
    let is_standby = is_on("in_hot_standby")?;
    Some((is_standby, is_standby || is_on("default_transaction_read_only")?))
}

/// What an older server is asked instead: two booleans.
pub(super) const ASK_STATE: &[u8] =
    b"SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::bool";

#[cfg(test)]
mod tests {
    use stormdb_wire::frontend::ProtocolVersion;
    use stormdb_wire::startup::ChannelBinding;

    use super::*;

    fn target(ssl_mode: SslMode, attributes: SessionAttributes, unix: bool) -> Target {
        let endpoint = |number: u16| Endpoint {
            host: format!("host{number}"),
            label: format!("host{number}:5432"),
            address: if unix {
                SockAddr::unix(format!("/socket{number}")).unwrap()
            } else {
                std::net::SocketAddr::from(([127, 0, 0, 1], number)).into()
            },
        };
        Target {
            endpoints: vec![endpoint(1), endpoint(2)],
            login: Login {
                user: String::new(),
                dbname: String::new(),
                password: None,
                settings: Vec::new(),
                version: ProtocolVersion::default(),
                channel_binding: ChannelBinding::default(),
                server_end_point: None,
            },
            ssl_mode,
            tls: None,
            attributes,
            connect_timeout_ns: 0,
        }
    }

    fn walk(target: &Target, was_encrypted: bool, next: Next) -> Vec<(usize, Encryption)> {
        let attempts = target.attempts();
        let mut at = Some(0);
        let mut seen = Vec::new();
        while let Some(number) = at {
            seen.push((attempts[number].endpoint, attempts[number].encryption));
            at = next_attempt(&attempts, number, was_encrypted, next);
        }
        seen
    }

    #[test]
    fn an_endpoint_that_cannot_be_reached_is_tried_once() {
        for mode in [SslMode::Allow, SslMode::Prefer, SslMode::Require, SslMode::Disable] {
            let seen =
                walk(&target(mode, SessionAttributes::Any, false), false, Next::OtherEndpoint);
            assert_eq!(seen.iter().map(|one| one.0).collect::<Vec<_>>(), [0, 1], "{mode:?}");
        }
    }

    #[test]
    fn a_refusal_is_followed_by_the_other_encryption_and_never_by_another_host() {
        use Encryption::{IfOffered, No, Yes};
        let seen = |mode, was_encrypted| {
            let target = target(mode, SessionAttributes::Any, false);
            walk(&target, was_encrypted, Next::OtherEncryption)
        };
        assert_eq!(seen(SslMode::Prefer, true), [(0, IfOffered), (0, No)]);
        assert_eq!(seen(SslMode::Prefer, false), [(0, IfOffered)]);
        assert_eq!(seen(SslMode::Allow, false), [(0, No), (0, Yes)]);
        assert_eq!(seen(SslMode::Require, true), [(0, Yes)]);
    }

    #[test]
    fn a_unix_socket_is_never_encrypted() {
        let seen = walk(
            &target(SslMode::VerifyFull, SessionAttributes::Any, true),
            false,
            Next::OtherEndpoint,
        );
        assert_eq!(seen, [(0, Encryption::No), (1, Encryption::No)]);
    }

    #[test]
    fn a_standby_is_preferred_by_looking_at_all_hosts_twice() {
        let target = target(SslMode::Disable, SessionAttributes::PreferStandby, false);
        let wanted =
            target.attempts().iter().map(|one| (one.endpoint, one.attributes)).collect::<Vec<_>>();
        assert_eq!(
            wanted,
            [
                (0, SessionAttributes::Standby),
                (1, SessionAttributes::Standby),
                (0, SessionAttributes::Any),
                (1, SessionAttributes::Any)
            ]
        );
        assert_eq!(walk(&target, false, Next::OtherEndpoint).len(), 4);
    }

    #[test]
    fn a_standby_takes_no_writes_whatever_its_default_is() {
        let report = |standby: &str, read_only: &str| {
            reported_state(&[
                ("in_hot_standby".to_owned(), standby.to_owned()),
                ("default_transaction_read_only".to_owned(), read_only.to_owned()),
            ])
        };
        assert_eq!(report("on", "off"), Some((true, true)));
        assert_eq!(report("off", "on"), Some((false, true)));
        assert_eq!(report("off", "off"), Some((false, false)));
        assert_eq!(reported_state(&[]), None);
    }
}
