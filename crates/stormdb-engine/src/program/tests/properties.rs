//! What holds for any program and any bytes.

use proptest::prelude::*;

use super::*;

fn values() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(int),
        "[a-z]{0,3}".prop_map(|value| text(&value)),
        Just(null()),
        (0..9_u32).prop_map(slot),
        Just(Expr::Sequence),
        (0..17_u32, any::<i64>(), any::<i64>())
            .prop_map(|(number, low, high)| uniform(number, low, high)),
        (0..17_u32, any::<f64>(), any::<i64>()).prop_map(|(number, skew, count)| {
            draw(number, Generator::Zipf { count: int(count), skew })
        }),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| binary(
                Binary::Add,
                left,
                right
            )),
            prop::collection::vec(inner, 0..3).prop_map(Expr::Array),
            (0..3_u32, boxed.clone()).prop_map(|(table, index)| Expr::Table(table, index)),
            (boxed.clone(), boxed).prop_map(|(array, index)| Expr::Index(array, index)),
        ]
    })
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let leaf = prop_oneof![
        (0..9_u32, values()).prop_map(|(slot, value)| set(slot, value)),
        (0..4_u32, prop::collection::vec(values(), 0..2))
            .prop_map(|(statement, values)| execute(statement, values)),
        Just(fetch(0, vec![], &[(0, Kind::Int), (1, Kind::Text)])),
        (values(), prop::sample::select(vec!["int4", "text", "x"]))
            .prop_map(|(value, name)| copy_in(2, int(2), vec![(value, name)])),
        values().prop_map(|seconds| Action::Think { seconds }),
        Just(Action::Abort),
        (0..2_u32, values()).prop_map(|(metric, value)| Action::Emit { metric, value }),
    ];
    let nested = leaf.prop_recursive(4, 24, 4, |inner| {
        let body = prop::collection::vec(inner, 0..4);
        prop_oneof![
            (values(), body.clone(), body.clone())
                .prop_map(|(condition, then, otherwise)| when(condition, then, otherwise)),
            (values(), any::<u32>(), body.clone()).prop_map(|(count, limit, body)| repeat(
                count,
                limit,
                Some(2),
                body
            )),
            body.clone().prop_map(|body| block(true, body)),
            body.clone().prop_map(|body| savepoint(true, body)),
            body.prop_map(pipeline),
        ]
    });
    prop::collection::vec(nested, 0..5)
}

fn programs() -> impl Strategy<Value = ir::Program> {
    let sql = ["SELECT 1", "SELECT $1", "COPY t FROM STDIN (FORMAT binary)"];
    actions().prop_map(move |actions| ir_program(&sql, actions))
}

/// Every number in a flattened program refers to something.
fn is_closed(program: &Program) -> bool {
    let has_step = |step: &u32| (*step as usize) < program.steps.len();
    program.steps.len() == program.places.len()
        && program.steps.iter().all(|step| match step {
            Step::Unless { to, .. } | Step::Jump { to } => has_step(to),
            Step::LoopStart { end, .. } | Step::SavepointStart { end, .. } => has_step(end),
            Step::LoopEnd { body, .. } => has_step(body),
            _ => true,
        })
        && program.lists.iter().all(|node| (*node as usize) < program.nodes.len())
        && program.steps.last() == Some(&Step::End)
}

proptest! {
    #[test]
    fn a_program_is_refused_at_a_place_or_has_no_loose_ends(program in programs()) {
        match Program::decode(&encode(&program)) {
            Ok(program) => prop_assert!(is_closed(&program)),
            Err(problem) => prop_assert!(problem.place.starts_with("work"), "{problem}"),
        }
    }

    #[test]
    fn a_program_survives_its_bytes(program in programs()) {
        let bytes = encode(&program);
        let read: ir::Program = rmp_serde::from_slice(&bytes).unwrap();
        // By their bytes: NaN is not equal to itself.
        prop_assert_eq!(encode(&read), bytes);
    }

    #[test]
    fn random_bytes_are_refused(bytes: Vec<u8>) {
        prop_assert!(Program::decode(&bytes).is_err());
    }

    #[test]
    fn damaged_programs_give_an_error_or_another_program(
        program in programs(), at: prop::sample::Index, byte: u8,
    ) {
        let mut bytes = encode(&program);
        *at.get_mut(&mut bytes) = byte;
        if let Ok(program) = Program::decode(&bytes) {
            prop_assert!(is_closed(&program));
        }
    }
}
