use proptest::prelude::*;

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

#[test]
fn a_scram_exchange_that_breaks_is_refused() {
    let (mut startup, _) = begin(login(Some("secret")));
    let (_, first) = feed(&mut startup, b'R', SASL_OFFER).unwrap();
    assert_eq!(first[0], b'p');
    let refused = feed(&mut startup, b'R', b"\0\0\0\x0bnonsense").unwrap_err();
    assert!(matches!(refused, Error::Scram(_)), "{refused}");
    let (mut startup, _) = begin(login(Some("secret")));
    feed(&mut startup, b'R', SASL_OFFER).unwrap();
    let refused = feed(&mut startup, b'R', b"\0\0\0\x0cv=abcd").unwrap_err();
    assert!(matches!(refused, Error::Scram(_)), "{refused}");
}

#[test]
fn a_challenge_that_would_take_hours_is_refused() {
    let (mut startup, _) = begin(login(Some("secret")));
    let (_, first) = feed(&mut startup, b'R', SASL_OFFER).unwrap();
    let nonce = first.split(|byte| *byte == b',').find(|part| part.starts_with(b"r=")).unwrap();
    let challenge = [b"\0\0\0\x0b", nonce, b"s,s=c2FsdA==,i=4000000000"].concat();
    let refused = feed(&mut startup, b'R', &challenge).unwrap_err();
    assert!(refused.to_string().contains("iteration"), "{refused}");
}

#[test]
fn a_step_out_of_turn_is_named_without_its_data() {
    let (mut startup, _) = begin(login(Some("secret")));
    let challenge = [b"\0\0\0\x0b".to_vec(), vec![b'x'; 10_000]].concat();
    let refused = feed(&mut startup, b'R', &challenge).unwrap_err();
    assert!(refused.to_string().contains("a challenge of SASL"), "{refused}");
    assert!(refused.to_string().len() < 200);
}

#[test]
fn a_login_that_never_ends_is_given_up() {
    let (mut startup, _) = begin(login(None));
    feed(&mut startup, b'R', AUTH_OK).unwrap();
    let endless = (0..10_000).find_map(|_| feed(&mut startup, b'S', b"name\0value\0").err());
    assert!(matches!(endless, Some(Error::Unexpected { .. })), "{endless:?}");
}

#[test]
fn methods_that_are_not_supported_are_named() {
    for (kind, name) in [(2, "Kerberos V5"), (7, "GSSAPI"), (9, "SSPI"), (99, "unknown kind (99)")]
    {
        let (mut startup, _) = begin(login(None));
        let error = feed(&mut startup, b'R', &[0, 0, 0, kind]).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
    let (mut startup, _) = begin(login(Some("secret")));
    let error = feed(&mut startup, b'R', b"\0\0\0\x0aOAUTHBEARER\0\0").unwrap_err();
    assert_eq!(error, Error::Authentication("OAUTHBEARER".into()));
}

#[test]
fn an_encoding_of_the_callers_own_is_kept() {
    let mut own = login(None);
    own.settings.push(("client_encoding".into(), "LATIN1".into()));
    let (_, out) = begin(own);
    assert!(!out.windows(4).any(|window| window == b"UTF8"));
}

#[test]
fn secrets_are_not_printed() {
    let session = Session { process_id: 7, secret: b"hidden".to_vec(), parameters: vec![] };
    assert!(!format!("{session:?}").contains("hidden"));
}

proptest! {
    #[test]
    fn no_dialogue_makes_the_client_panic_or_talk_without_end(
        messages in prop::collection::vec(
            (prop::sample::select(b"RRRRSKZENvX".to_vec()), prop::collection::vec(any::<u8>(), 0..30)),
            0..20,
        ),
        kind in prop::sample::select(vec![0_u8, 3, 5, 10, 11, 12]),
    ) {
        let (mut startup, out) = begin(login(Some("secret")));
        let mut sent = out.len();
        for (tag, mut body) in messages {
            if tag == b'R' {
                body.splice(..0, [0, 0, 0, kind]);
            }
            match feed(&mut startup, tag, &body) {
                Ok((None, out)) => sent += out.len(),
                Ok((Some(_), _)) | Err(_) => break,
            }
            prop_assert!(sent < 20_000);
        }
    }
}
