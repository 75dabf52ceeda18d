//! No bytes make the program reader panic or take much memory; what it read can be written again
//! and be started.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stormdb_engine::draw::Draws;
use stormdb_engine::program::{Program, ir};
use stormdb_engine::session::{Answer, Listener, Opening, Protocol, Session};

struct Deaf;

impl Listener for Deaf {
    fn statement(&mut self, _: Answer<'_>) {}

    fn emit(&mut self, _: u32, _: f64) {}
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(program) = Program::decode(bytes) else { return };
    let source: ir::Program = rmp_serde::from_slice(bytes).expect("it was read before");
    let again = rmp_serde::to_vec_named(&source).expect("a vector takes all bytes");
    let second: ir::Program = rmp_serde::from_slice(&again).expect("it was just written");
    // By their bytes: NaN is not equal to itself.
    assert_eq!(rmp_serde::to_vec_named(&second).ok(), Some(again));
    let login = stormdb_wire::Session::default();
    let opening = Opening::begin(&program, Protocol::Extended, &login, &mut Vec::new());
    let Ok(Opening::Ready(prepared)) = opening else { unreachable!("nothing is prepared") };
    let mut session = Session::new(&program, prepared);
    for transaction in 0..program.transactions.len().min(3) {
        let draws = Draws { seed: 1, row: 0, index: 0, iteration: 0 };
        session.start((&program, transaction), draws, &mut Vec::new(), &mut Deaf);
    }
});
