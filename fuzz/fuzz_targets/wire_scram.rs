//! No bytes of a server make a login panic, take much memory, or end without a proof where one is
//! asked for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stormdb_wire::frontend::ProtocolVersion;
use stormdb_wire::startup::{ChannelBinding, MAX_MESSAGE_BYTES};
use stormdb_wire::{Login, Startup, frame};

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, mut rest)) = bytes.split_first() else { return };
    let is_set = |bit: u8| choice & bit != 0;
    let is_bound = is_set(1);
    let login = Login {
        user: "ann".into(),
        dbname: "shop".into(),
        password: is_set(2).then(|| "secret".into()),
        settings: vec![],
        version: if is_set(4) { ProtocolVersion::V3_2 } else { ProtocolVersion::V3_0 },
        channel_binding: if is_bound { ChannelBinding::Require } else { ChannelBinding::Prefer },
        server_end_point: is_set(8).then(|| vec![7; 32]),
    };
    let mut out = Vec::new();
    let mut startup = Startup::begin(login, &mut out).expect("no zero byte is in it");
    let mut message_count = 0;
    while let Ok(Some((frame, next))) = frame::split(rest, MAX_MESSAGE_BYTES) {
        rest = next;
        message_count += 1;
        match startup.advance(frame, &mut out) {
            // A proof takes a password that the server knows: bytes cannot guess our random number.
            Ok(Some(_)) => assert!(!is_bound, "ready without the proof that was required"),
            Ok(None) => {}
            Err(_) => return,
        }
        // Each answer is a password or a step of a proof.
        assert!(out.len() <= 200 + 300 * message_count);
    }
});
