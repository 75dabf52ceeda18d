//! Each reason to refuse a program.

use allocation_counter::measure;

use super::*;
use crate::program::{check, flatten};

/// A program of these actions is refused at a place with words.
#[track_caller]
fn refused(actions: Vec<Action>, place: &str, words: &str) {
    let sql = ["SELECT 1", "SELECT $1", "COPY t FROM STDIN (FORMAT binary)"];
    let problem = problem(&ir_program(&sql, actions));
    assert_eq!(problem.place, place, "{problem}");
    assert!(problem.message.contains(words), "{problem}");
}

#[track_caller]
fn accepted(actions: Vec<Action>) {
    program(&["SELECT 1", "SELECT $1", "COPY t FROM STDIN (FORMAT binary)"], actions);
}

/// A program that was changed is refused.
#[track_caller]
fn broken(change: impl FnOnce(&mut ir::Program), place: &str, words: &str) {
    let mut program = ir_program(&["SELECT $1"], vec![execute(0, vec![int(1)])]);
    change(&mut program);
    let problem = problem(&program);
    assert_eq!(problem.place, place, "{problem}");
    assert!(problem.message.contains(words), "{problem}");
}

#[test]
fn another_version_and_other_bytes_are_refused() {
    broken(|program| program.version = 2, "program", "format version 2, this stormdb reads 1");
    for bytes in [&b""[..], b"\xc1", b"hello", &[0x81, 0xa1, b'x', 1]] {
        let problem = Program::decode(bytes).unwrap_err();
        assert!(problem.message.starts_with("cannot be read: "), "{problem}");
    }
    let long = vec![0xC0; 32 * 1024 * 1024 + 1];
    let problem = Program::decode(&long).unwrap_err();
    assert!(problem.message.contains("the limit is"), "{problem}");
}

#[test]
fn a_program_takes_little_memory_whatever_it_says() {
    // A value in each byte.
    let mut hostile = encode(&ir_program(&[], vec![]));
    hostile.resize(32 << 20, 0xC0);
    let taken = measure(|| drop(check::decode(&hostile).unwrap_err()));
    assert!(taken.bytes_max < 1 << 20, "{taken:?}");

    let actions = vec![Action::Let { slot: 0, value: Expr::Array(vec![Expr::Sequence; 999_000]) }];
    let largest = encode(&ir_program(&[], actions));
    let taken = measure(|| {
        let program = check::decode(&largest).unwrap();
        check::verify(&program).unwrap();
        drop(flatten::flatten(program));
    });
    assert!(taken.bytes_max < 256 << 20, "{taken:?}");
}

#[test]
fn bytes_behind_the_program_are_refused() {
    let mut bytes = encode(&ir_program(&[], vec![]));
    bytes.push(0xC0);
    let problem = Program::decode(&bytes).unwrap_err();
    assert!(problem.message.contains("1 bytes follow"), "{problem}");
}

#[test]
fn unknown_fields_and_steps_are_refused() {
    let bytes = encode(&ir_program(&[], vec![Action::Abort]));
    for (from, to) in
        [(&b"metrics"[..], &b"metricz"[..]), (b"abort", b"about"), (b"weight", b"height")]
    {
        let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
        let mut bytes = bytes.clone();
        bytes[at..at + to.len()].copy_from_slice(to);
        let problem = Program::decode(&bytes).unwrap_err();
        assert!(problem.message.starts_with("cannot be read: unknown"), "{problem}");
    }
}

#[test]
fn names_have_a_length_and_are_used_once() {
    broken(|program| program.transactions[0].name.clear(), "work.py:1", "of 0 bytes");
    broken(|program| program.transactions[0].name = "x".repeat(201), "work.py:1", "of 201 bytes");
    broken(
        |program| program.transactions.push(program.transactions[0].clone()),
        "work.py:1",
        "\"work\" is used twice",
    );
    broken(|program| program.metrics[0].clear(), "program", "a metric has a name of 0 bytes");
    broken(|program| program.statements[0].label.clear(), "program", "a statement has a name");
}

#[test]
fn numbers_of_parts_are_limited() {
    broken(|program| program.transactions[0].weight = 0, "program", "weight above 0");
    broken(|program| program.transactions.clear(), "program", "weight above 0");
    broken(
        |program| program.statements = vec![program.statements[0].clone(); 512],
        "program",
        "513 transactions and statements, a report has room for 512",
    );
    broken(|program| program.metrics = vec!["m".into(); 256], "program", "has room for 255");
    broken(
        |program| program.transactions[0].slots = vec![String::new(); 10_001],
        "work.py:1",
        "more than 10,000 variables",
    );
    broken(|program| program.transactions[0].draws = 10_001, "work.py:1", "more than 10,000");
    broken(
        |program| program.tables.push(vec![Constant::Null; 1_000_000]),
        "program",
        "values, the limit is 1000000; hint: ",
    );
}

#[test]
fn parameters_are_those_of_the_text() {
    let sql = |text: &'static str| {
        move |program: &mut ir::Program| program.statements[0].sql = text.to_owned()
    };
    broken(sql("SELECT $1, $2"), "work / SELECT $1", "$2 has no value: 1 are given");
    broken(sql("SELECT $0"), "work / SELECT $1", "$0 has no value");
    broken(sql("SELECT $99999999999"), "work / SELECT $1", "has no value");
    broken(sql("SELECT '$1'"), "work / SELECT $1", "the statement has no $1");
    broken(sql("SELECT $1 \0"), "work / SELECT $1", "zero byte");
    broken(
        |program| program.statements[0].parameter_count = 0,
        "work / SELECT $1",
        "$1 has no value: 0 are given",
    );
    refused(vec![execute(1, vec![])], "work.py:2", "1 parameters, 0 values");
    refused(vec![execute(0, vec![int(1)])], "work.py:2", "0 parameters, 1 values");
    refused(vec![execute(3, vec![])], "work.py:2", "statement 3 is unknown");
    refused(vec![copy_in(1, int(1), vec![(int(1), "int4")])], "work.py:2", "1 parameters");
}

#[test]
fn variables_are_set_before_they_are_used() {
    let words = "slot 0 is used before it is set on every way here";
    refused(vec![execute(1, vec![slot(0)])], "work.py:2", words);
    refused(vec![set(0, slot(0))], "work.py:2", words);
    let use_it = || execute(1, vec![slot(0)]);
    let set_it = || vec![set(0, int(1))];
    refused(vec![when(null(), set_it(), vec![]), use_it()], "work.py:3", words);
    refused(vec![when(null(), vec![], set_it()), use_it()], "work.py:3", words);
    refused(vec![repeat(int(1), 1, None, set_it()), use_it()], "work.py:3", words);
    refused(vec![repeat(int(1), 1, Some(0), vec![]), use_it()], "work.py:3", words);
    let tried = block(true, vec![savepoint(true, set_it()), use_it()]);
    refused(vec![tried], "work.py:3", words);
    let piped = vec![fetch(0, vec![], &[(0, Kind::Int)]), use_it()];
    refused(vec![pipeline(piped)], "work.py:3", words);

    accepted(vec![when(null(), set_it(), set_it()), use_it()]);
    accepted(vec![block(true, set_it()), use_it()]);
    accepted(vec![repeat(int(1), 1, Some(0), vec![use_it()])]);
    accepted(vec![pipeline(vec![fetch(0, vec![], &[(0, Kind::Int)])]), use_it()]);
    accepted(vec![fetch(0, vec![], &[(0, Kind::Int)]), use_it()]);
}

#[test]
fn variables_have_numbers_that_exist() {
    let words = "variable 8 is unknown";
    refused(vec![set(8, int(1))], "work.py:2", words);
    refused(vec![set(0, slot(8))], "work.py:2", words);
    refused(vec![fetch(0, vec![], &[(8, Kind::Int)])], "work.py:2", words);
    refused(vec![repeat(int(1), 1, Some(8), vec![])], "work.py:2", words);
    refused(vec![pipeline(vec![fetch(0, vec![], &[(8, Kind::Int)])])], "work.py:2", words);
}

#[test]
fn steps_stand_where_they_can() {
    let inner = block(true, vec![block(true, vec![])]);
    refused(vec![inner], "work.py:2", "a block inside of a block; hint: use a savepoint");
    refused(vec![savepoint(true, vec![])], "work.py:2", "a savepoint outside of a block");
    refused(vec![Action::Abort], "work.py:2", "an abort outside of a block");
    let words = "a pipeline may only set variables and execute statements";
    for action in [
        repeat(int(1), 1, None, vec![]),
        when(null(), vec![], vec![]),
        block(true, vec![]),
        pipeline(vec![]),
        Action::Think { seconds: int(1) },
        copy_in(2, int(1), vec![(int(1), "int4")]),
    ] {
        refused(vec![set(0, int(1)), pipeline(vec![action])], "work.py:2", words);
    }
}

#[test]
fn rows_limits_and_metrics_make_sense() {
    let rows = with_rows(execute(0, vec![]), 2, Some(1));
    refused(vec![rows], "work.py:2", "rows: max is below min");
    refused(vec![repeat(int(1), 100_000_001, None, vec![])], "work.py:2", "is above 100000000");
    let emit = Action::Emit { metric: 1, value: int(1) };
    refused(vec![emit], "work.py:2", "metric 1 is unknown");
}

#[test]
fn copies_have_columns_of_known_types() {
    refused(vec![copy_in(2, int(1), vec![])], "work.py:2", "a copy of 0 columns");
    let many = (0..1601).map(|_| (int(1), "int4")).collect();
    refused(vec![copy_in(2, int(1), many)], "work.py:2", "a copy of 1601 columns");
    for name in ["point", "int4[][]", "INT4", "", "varchar(3)"] {
        let copy = copy_in(2, int(1), vec![(int(1), name)]);
        refused(vec![copy], "work.py:2", &format!("the type {name} cannot be copied; hint: use"));
    }
    let unset = copy_in(2, int(1), vec![(slot(0), "int4")]);
    refused(vec![unset], "work.py:2", "used before it is set");
}

#[test]
fn draws_are_numbered_once() {
    let words = "is not below the number of draws, or used twice";
    refused(vec![set(0, uniform(16, 1, 2))], "work.py:2", words);
    refused(vec![set(0, uniform(0, 1, 2)), set(1, uniform(0, 1, 2))], "work.py:3", words);
}

#[test]
fn distributions_have_shapes() {
    let words = [
        (Generator::Zipf { count: int(1), skew: -0.1 }, "zipf: the skew is -0.1"),
        (Generator::Zipf { count: int(1), skew: f64::INFINITY }, "zipf: the skew is inf"),
        (Generator::Gaussian { low: int(1), high: int(2), sigmas: 0.09 }, "gaussian: sigmas is"),
        (Generator::Gaussian { low: int(1), high: int(2), sigmas: f64::NAN }, "gaussian: sigmas"),
        (
            Generator::Exponential { low: int(1), high: int(2), decay: 0.0 },
            "exponential: the decay",
        ),
        (Generator::Nurand { a: -1, c: 0, low: int(1), high: int(2) }, "nurand: A is -1"),
        (Generator::Choice { weights: vec![], values: vec![] }, "choice: one weight per value"),
        (Generator::Choice { weights: vec![1.0], values: vec![] }, "choice: one weight per value"),
        (Generator::Choice { weights: vec![0.0], values: vec![int(1)] }, "choice"),
        (Generator::Choice { weights: vec![-1.0, 2.0], values: vec![int(1), int(2)] }, "choice"),
        (Generator::Choice { weights: vec![f64::MAX; 2], values: vec![int(1), int(2)] }, "choice"),
        (
            Generator::Text { min: int(1), max: int(2), alphabet: String::new() },
            "text: the alphabet",
        ),
        (Generator::Text { min: int(1), max: int(2), alphabet: "ä".into() }, "text: the alphabet"),
        (Generator::Text { min: int(1), max: int(2), alphabet: "\0".into() }, "text: the alphabet"),
        (Generator::Pattern("a\0".into()), "zero byte"),
        (Generator::Vector { dimensions: 0, is_normalised: true }, "between 1 and 16000"),
        (Generator::Vector { dimensions: 16_001, is_normalised: true }, "between 1 and 16000"),
    ];
    for (generator, words) in words {
        refused(vec![set(0, draw(0, generator))], "work.py:2", words);
    }
}

#[test]
fn tables_are_filled_and_constants_can_be_stored() {
    for table in [1, 99] {
        let entry = Expr::Table(table, Box::new(int(0)));
        refused(vec![set(0, entry)], "work.py:2", "is unknown or empty");
    }
    broken(
        |program| program.tables = vec![vec![Constant::Text("a\0".into())]],
        "program",
        "zero byte",
    );
    let inner = Constant::Array(vec![Constant::Text("a\0".into())]);
    refused(vec![set(0, Expr::Const(Constant::Array(vec![inner])))], "work.py:2", "zero byte");
}

#[test]
fn nesting_is_limited_and_never_exhausts_the_stack() {
    let nested = |depth: usize| (0..depth).fold(int(1), |inner, _| unary(Unary::Neg, inner));
    accepted(vec![set(0, nested(127))]);
    refused(vec![set(0, nested(128))], "work.py:2", "an expression is nested too deep");
    let steps = |depth: usize| {
        (0..depth).fold(set(0, int(1)), |inner, _| when(null(), vec![inner], vec![]))
    };
    accepted(vec![steps(127)]);
    refused(vec![steps(128)], "work.py:2", "steps are nested too deep");
}

#[test]
fn bytes_that_nest_without_end_are_refused_before_the_stack_is_full() {
    let bytes = encode(&ir_program(&[], vec![set(0, Expr::Const(Constant::Text("here".into())))]));
    let at = bytes.windows(5).position(|window| window == b"\xa4here").unwrap();
    // An array of one; a negation: {"unary": ["neg", …]}; a branch: {"when": {"then": [{"do": …
    let array = vec![0x91];
    let negation = [&b"\x81\xa5unary\x92\xa3neg"[..], b"\x81\xa5const"].concat();
    let choice = b"\x81\xa5array\x91".to_vec();
    for (nest, start) in [(&array, at), (&negation, at), (&choice, at - 7)] {
        let mut deep = bytes[..start].to_vec();
        (0..10_000).for_each(|_| deep.extend(nest));
        deep.push(0xC0);
        let problem = Program::decode(&deep).unwrap_err();
        assert!(problem.message.starts_with("cannot be read: "), "{problem}");
    }
}

#[test]
fn what_is_inside_of_everything_is_checked() {
    let bad = || slot(8);
    let boxed = || Box::new(bad());
    let good = || Box::new(int(1));
    for expr in [
        unary(Unary::Neg, bad()),
        binary(Binary::Add, int(1), bad()),
        binary(Binary::Add, bad(), int(1)),
        Expr::Case(vec![(bad(), int(1))], good()),
        Expr::Case(vec![(int(1), bad())], good()),
        Expr::Case(vec![], boxed()),
        Expr::Table(0, boxed()),
        Expr::Array(vec![int(1), bad()]),
        Expr::Index(good(), boxed()),
        Expr::Index(boxed(), good()),
        Expr::Hash { value: boxed(), seed: 1 },
        Expr::Permute { size: boxed(), seed: 1, value: good() },
        Expr::Permute { size: good(), seed: 1, value: boxed() },
        draw(0, Generator::Uniform { low: bad(), high: int(1) }),
        draw(0, Generator::Uniform { low: int(1), high: bad() }),
        draw(0, Generator::UniformFloat { low: int(1), high: bad() }),
        draw(0, Generator::Zipf { count: bad(), skew: 1.0 }),
        draw(0, Generator::Gaussian { low: int(1), high: bad(), sigmas: 2.0 }),
        draw(0, Generator::Exponential { low: bad(), high: int(1), decay: 2.0 }),
        draw(0, Generator::Nurand { a: 1, c: 1, low: int(1), high: bad() }),
        draw(0, Generator::Choice { weights: vec![1.0], values: vec![bad()] }),
        draw(0, Generator::Text { min: int(1), max: bad(), alphabet: "a".into() }),
        draw(0, Generator::Bytes { length: bad() }),
    ] {
        refused(vec![set(0, expr)], "work.py:2", "variable 8 is unknown");
    }
    for action in [
        execute(1, vec![bad()]),
        when(bad(), vec![], vec![]),
        when(int(1), vec![set(0, bad())], vec![]),
        when(int(1), vec![], vec![set(0, bad())]),
        repeat(bad(), 1, None, vec![]),
        repeat(int(1), 1, None, vec![set(0, bad())]),
        block(true, vec![set(0, bad())]),
        block(true, vec![savepoint(true, vec![set(0, bad())])]),
        pipeline(vec![set(0, bad())]),
        copy_in(2, bad(), vec![(int(1), "int4")]),
        copy_in(2, int(1), vec![(bad(), "int4")]),
        Action::Think { seconds: bad() },
        Action::Check { condition: bad(), message: String::new() },
        Action::Emit { metric: 0, value: bad() },
    ] {
        refused(vec![action], "work.py:2", "variable 8 is unknown");
    }
}
