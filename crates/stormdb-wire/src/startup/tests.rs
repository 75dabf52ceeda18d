use super::*;

fn login(password: Option<&str>) -> Login {
    Login {
        user: "ann".into(),
        dbname: "shop".into(),
        password: password.map(str::to_owned),
        settings: vec![("application_name".into(), "stormdb".into())],
        version: ProtocolVersion::V3_0,
        channel_binding: ChannelBinding::Prefer,
        server_end_point: None,
    }
}

fn begin(login: Login) -> (Startup, Vec<u8>) {
    let mut out = Vec::new();
    let startup = Startup::begin(login, &mut out).unwrap();
    (startup, out)
}

fn feed(startup: &mut Startup, tag: u8, body: &[u8]) -> Result<(Option<Session>, Vec<u8>)> {
    let mut out = Vec::new();
    startup.advance(Frame { tag, body }, &mut out).map(|session| (session, out))
}

const AUTH_OK: &[u8] = &[0, 0, 0, 0];
const SASL_OFFER: &[u8] = b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0";

#[test]
fn the_first_message_names_user_database_and_settings() {
    let (_, out) = begin(login(None));
    let text = b"\0\x03\0\0user\0ann\0database\0shop\0client_encoding\0UTF8\0\
        application_name\0stormdb\0\0";
    assert_eq!(out[..4], u32::try_from(text.len() + 4).unwrap().to_be_bytes());
    assert_eq!(&out[4..], text);
}

#[test]
fn a_trusted_login_ends_with_the_session() {
    let (mut startup, _) = begin(login(None));
    assert!(!startup.is_authenticated());
    feed(&mut startup, b'R', AUTH_OK).unwrap();
    assert!(startup.is_authenticated());
    feed(&mut startup, b'S', b"server_version\x0018.6\0").unwrap();
    feed(&mut startup, b'K', b"\0\0\0\x07abcd").unwrap();
    let session = feed(&mut startup, b'Z', b"I").unwrap().0.unwrap();
    assert_eq!(session.process_id, 7);
    assert_eq!(session.secret, b"abcd");
    assert_eq!(session.parameters, [("server_version".to_owned(), "18.6".to_owned())]);
}

#[test]
fn md5_hashes_password_and_user_with_the_salt() {
    let (mut startup, _) = begin(login(Some("secret")));
    let (_, out) = feed(&mut startup, b'R', b"\0\0\0\x05salt").unwrap();
    assert_eq!(out[0], b'p');
    assert_eq!(&out[5..out.len() - 1], md5_hash(b"ann", b"secret", *b"salt").as_bytes());
    assert!(out[5..].starts_with(b"md5"));
}

#[test]
fn a_missing_password_is_said_before_anything_is_sent() {
    for request in [&b"\0\0\0\x03"[..], b"\0\0\0\x05salt", SASL_OFFER] {
        let (mut startup, _) = begin(login(None));
        assert_eq!(feed(&mut startup, b'R', request).unwrap_err(), Error::PasswordMissing);
    }
}

#[test]
fn scram_is_bound_to_the_channel_where_both_can() {
    let mut bound = login(Some("secret"));
    bound.server_end_point = Some(vec![1, 2, 3]);
    let (mut startup, _) = begin(bound.clone());
    let (_, out) = feed(&mut startup, b'R', SASL_OFFER).unwrap();
    assert!(out[5..].starts_with(b"SCRAM-SHA-256-PLUS\0"));

    bound.channel_binding = ChannelBinding::Disable;
    let (mut startup, _) = begin(bound);
    let (_, out) = feed(&mut startup, b'R', SASL_OFFER).unwrap();
    assert!(out[5..].starts_with(b"SCRAM-SHA-256\0"));
}

#[test]
fn a_required_channel_binding_refuses_every_weaker_login() {
    for request in [AUTH_OK, b"\0\0\0\x03", b"\0\0\0\x05salt", SASL_OFFER] {
        let mut strict = login(Some("secret"));
        strict.channel_binding = ChannelBinding::Require;
        let (mut startup, _) = begin(strict);
        let error = feed(&mut startup, b'R', request).unwrap_err();
        assert!(matches!(error, Error::ChannelBinding(_)), "{error}");
    }
}

#[test]
fn a_server_that_skips_its_own_proof_is_refused() {
    let (mut startup, _) = begin(login(Some("secret")));
    feed(&mut startup, b'R', SASL_OFFER).unwrap();
    let error = feed(&mut startup, b'R', AUTH_OK).unwrap_err();
    assert!(matches!(error, Error::Unexpected { .. }), "{error}");
}

#[test]
fn a_refusal_carries_the_servers_words() {
    let (mut startup, _) = begin(login(None));
    let body = b"SFATAL\0C3D000\0Mdatabase \"shop\" does not exist\0\0";
    let error = feed(&mut startup, b'E', body).unwrap_err();
    assert_eq!(error.to_string(), "FATAL: database \"shop\" does not exist (SQLSTATE 3D000)");
}

#[test]
fn ready_before_authentication_is_refused() {
    let (mut startup, _) = begin(login(None));
    assert!(feed(&mut startup, b'Z', b"I").is_err());
}

#[test]
fn a_zero_byte_in_a_name_is_refused() {
    let mut out = Vec::new();
    let mut bad = login(None);
    bad.user = "a\0b".into();
    assert!(Startup::begin(bad, &mut out).is_err());
}
