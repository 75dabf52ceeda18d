//! Probe: select-only load from Rust alone. Usage: select_only SOCKET USER DBNAME CONNECTIONS SECONDS SCALE poll|uring
use std::sync::{Arc, mpsc};

use stormdb_engine::clock::monotonic_ns;
use stormdb_engine::plan::{Arrival, Phase, Plan, Role};
use stormdb_engine::program::Program;
use stormdb_engine::program::ir::{self, Action, Expr, Generator, Mix};
use stormdb_engine::worker::{Control, Report, Worker, WorkerSpec};
use stormdb_reactor::{Poll, Reactor, SockAddr, Uring};
use stormdb_wire::Login;

fn program(scale: i64) -> Program {
    let aid = Expr::Draw(
        0,
        Box::new(Generator::Uniform {
            low: Expr::Const(ir::Constant::Int(1)),
            high: Expr::Const(ir::Constant::Int(100_000 * scale)),
        }),
    );
    let program = ir::Program {
        version: ir::FORMAT_VERSION,
        mix: Mix::Sampled,
        transactions: vec![ir::Transaction {
            name: "select".into(),
            weight: 1,
            place: "x:1".into(),
            slots: vec!["aid".into()],
            draws: 1,
            steps: vec![
                ir::Step { place: "x:2".into(), action: Action::Let { slot: 0, value: aid } },
                ir::Step {
                    place: "x:3".into(),
                    action: Action::Execute {
                        statement: 0,
                        values: vec![Expr::Slot(0)],
                        rows: Some(ir::RowRange { min: 1, max: Some(1) }),
                        capture: vec![],
                    },
                },
            ],
        }],
        statements: vec![ir::Statement {
            label: "select balance".into(),
            sql: "SELECT abalance FROM pgbench_accounts WHERE aid = $1".into(),
            parameter_count: 1,
        }],
        tables: vec![],
        metrics: vec![],
    };
    Program::decode(&rmp_serde::to_vec_named(&program).unwrap()).unwrap()
}

fn main() {
    let arguments = std::env::args().collect::<Vec<_>>();
    let seconds: u64 = arguments[5].parse().unwrap();
    let phase = Phase {
        name: "steady".into(),
        role: Role::Steady,
        duration_ns: seconds * 1_000_000_000,
        rate: None,
    };
    let plan = Arc::new(Plan::new(vec![phase], Arrival::Constant, 1_000_000_000).unwrap());
    let connections: u32 = arguments[4].parse().unwrap();
    let spec = WorkerSpec {
        program: Arc::new(program(arguments[6].parse().unwrap())),
        plan,
        address: SockAddr::unix(&arguments[1]).unwrap(),
        login: Login {
            user: arguments[2].clone(),
            dbname: arguments[3].clone(),
            password: std::env::var("PGPASSWORD").ok(),
            settings: vec![],
            version: Default::default(),
            channel_binding: Default::default(),
            server_end_point: None,
        },
        thread_index: 0,
        thread_count: 1,
        connection_count: connections,
        first_worker: 0,
        worker_count: connections,
        total_worker_count: connections,
        seed: 42,
        think_time_ns: 0,
        max_queue: 10_000,
        max_tries: 3,
        retry_backoff_ns: 1_000_000,
        drain_ns: 2_000_000_000,
    };
    let control = Arc::new(Control::default());
    let (sender, receiver) = mpsc::channel();
    let is_poll = arguments[7] == "poll";
    let thread_control = Arc::clone(&control);
    let thread = std::thread::spawn(move || {
        if is_poll {
            run::<Poll>(spec, thread_control, sender)
        } else {
            run::<Uring>(spec, thread_control, sender)
        }
    });
    let mut total: Option<stormdb_engine::IntervalSnapshot> = None;
    let mut busy = 0;
    for report in receiver {
        match report {
            Report::Ready => control.start_at(monotonic_ns() + 1_000_000),
            Report::NotReady(problem) => println!("{problem}"),
            Report::Interval(snapshot) => match &mut total {
                None => total = Some(*snapshot),
                Some(sum) => sum.merge(&snapshot),
            },
            Report::Ended { busy_ns } => busy = busy_ns,
        }
    }
    thread.join().unwrap();
    if let Some(total) = total {
        let identity = total.identity();
        println!("{identity:?}");
        let committed = identity[0].committed;
        println!(
            "tps {:.0} cpu/tx {:.2} us",
            committed as f64 / seconds as f64,
            busy as f64 / 1e3 / committed as f64
        );
    }
}

fn run<R: Reactor>(spec: WorkerSpec, control: Arc<Control>, reports: mpsc::Sender<Report>) {
    match Worker::<R>::open(spec, control, reports) {
        Ok(worker) => worker.run(),
        Err(error) => println!("{error}"),
    }
}
