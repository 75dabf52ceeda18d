//! From nested steps and expressions to flat lists of them. The program was verified before.

use super::ir::{self, Action, Constant, Expr};
use super::{ExprId, Generator, List, Node, Program, Room, Statement, Step, Transaction, sql};
use crate::encoding::ServerType;
use crate::value::{Arena, Span, Value};

/// Flatten a verified program.
pub(super) fn flatten(program: ir::Program) -> Program {
    let mut flat = Flattener {
        steps: Vec::new(),
        places: Vec::new(),
        nodes: Vec::new(),
        lists: Vec::new(),
        constants: Arena::for_constants(),
        tables: Vec::new(),
        around: Room { statements: 1, ..Room::default() },
        room: Room::default(),
    };
    flat.tables = program.tables.iter().map(|table| flat.elements(table)).collect();
    let transactions = program.transactions.iter().map(|one| flat.transaction(one)).collect();
    Program {
        mix: program.mix,
        transactions,
        statements: program.statements.into_iter().map(statement).collect(),
        metrics: program.metrics,
        steps: flat.steps,
        places: flat.places,
        nodes: flat.nodes,
        lists: flat.lists,
        constants: flat.constants,
        room: flat.room,
    }
}

fn statement(statement: ir::Statement) -> Statement {
    let ir::Statement { label, sql, parameter_count } = statement;
    Statement { parts: sql::parts(&sql), label, sql, parameter_count }
}

struct Flattener {
    steps: Vec<Step>,
    places: Vec<String>,
    nodes: Vec<Node>,
    lists: Vec<ExprId>,
    constants: Arena,
    tables: Vec<Span>,
    /// What the step at hand needs.
    around: Room,
    room: Room,
}

impl Flattener {
    fn transaction(&mut self, transaction: &ir::Transaction) -> Transaction {
        let first_step = self.next_step();
        self.around.slots = transaction.slots.len();
        self.body(&transaction.steps);
        self.step(Step::End, &transaction.place);
        Transaction {
            name: transaction.name.clone(),
            weight: transaction.weight,
            slot_count: word(transaction.slots.len()),
            first_step,
        }
    }

    fn next_step(&self) -> u32 {
        word(self.steps.len())
    }

    fn step(&mut self, step: Step, place: &str) -> usize {
        self.room.cover(self.around);
        self.steps.push(step);
        self.places.push(place.to_owned());
        self.steps.len() - 1
    }

    fn body(&mut self, steps: &[ir::Step]) {
        for step in steps {
            self.action(&step.action, &step.place);
        }
    }

    fn action(&mut self, action: &Action, place: &str) {
        let step = match action {
            Action::Let { slot, value } => Step::Let { slot: *slot, value: self.expr(value) },
            Action::Execute { statement, values, rows, capture } => Step::Execute {
                statement: *statement,
                values: self.exprs(values),
                rows: *rows,
                capture: capture.clone().into_boxed_slice(),
            },
            Action::When { condition, then, otherwise } => {
                return self.when(condition, then, otherwise, place);
            }
            Action::Repeat { count, limit, slot, body } => {
                return self.repeat((count, *limit), *slot, body, place);
            }
            Action::Block { begin, retry, body } => {
                self.step(Step::Begin { sql: begin.clone(), retry: *retry }, place);
                self.body(body);
                Step::Commit
            }
            Action::Pipeline { body } => {
                self.step(Step::PipelineStart, place);
                self.around.statements = body.len();
                self.body(body);
                self.around.statements = 1;
                Step::PipelineEnd
            }
            Action::CopyIn { statement, rows, limit, columns } => {
                self.copy_in(*statement, (rows, *limit), columns)
            }
            Action::Savepoint { goes_on, body } => {
                self.around.savepoints += 1;
                let start = self.step(Step::SavepointStart { goes_on: *goes_on, end: 0 }, place);
                self.body(body);
                self.around.savepoints -= 1;
                self.step(Step::SavepointEnd, place);
                self.set_target(start);
                return;
            }
            Action::Think { seconds } => Step::Think { seconds: self.expr(seconds) },
            Action::Abort => Step::Abort,
            Action::Check { condition, message } => {
                Step::Check { condition: self.expr(condition), message: message.clone() }
            }
            Action::Emit { metric, value } => {
                Step::Emit { metric: *metric, value: self.expr(value) }
            }
        };
        self.step(step, place);
    }

    fn copy_in(
        &mut self,
        statement: u32,
        (rows, limit): (&Expr, u32),
        columns: &[ir::CopyColumn],
    ) -> Step {
        // Its rows count as the turns of a loop.
        self.around.loops += 1;
        self.room.cover(self.around);
        self.around.loops -= 1;
        let server_type = |column: &ir::CopyColumn| {
            ServerType::from_name(&column.type_name).expect("verified: the type is known")
        };
        let types = columns.iter().map(server_type).collect();
        let values = columns.iter().map(|column| self.expr(&column.value)).collect::<Vec<_>>();
        Step::CopyIn { statement, rows: self.expr(rows), limit, columns: self.list(&values), types }
    }

    fn when(&mut self, condition: &Expr, then: &[ir::Step], otherwise: &[ir::Step], place: &str) {
        let condition = self.expr(condition);
        let unless = self.step(Step::Unless { condition, to: 0 }, place);
        self.body(then);
        if otherwise.is_empty() {
            self.set_target(unless);
        } else {
            let jump = self.step(Step::Jump { to: 0 }, place);
            self.set_target(unless);
            self.body(otherwise);
            self.set_target(jump);
        }
    }

    fn repeat(
        &mut self,
        (count, limit): (&Expr, u32),
        slot: Option<u32>,
        body: &[ir::Step],
        place: &str,
    ) {
        let count = self.expr(count);
        self.around.loops += 1;
        let start = self.step(Step::LoopStart { count, limit, slot, end: 0 }, place);
        let first = self.next_step();
        self.body(body);
        self.step(Step::LoopEnd { body: first, slot }, place);
        self.around.loops -= 1;
        self.set_target(start);
    }

    /// Let a step jump to what comes next.
    fn set_target(&mut self, step: usize) {
        let next = self.next_step();
        match &mut self.steps[step] {
            Step::Unless { to, .. } | Step::Jump { to } => *to = next,
            Step::LoopStart { end, .. } | Step::SavepointStart { end, .. } => *end = next,
            other => unreachable!("{other:?} has no target"),
        }
    }

    fn node(&mut self, node: Node) -> ExprId {
        self.nodes.push(node);
        word(self.nodes.len() - 1)
    }

    fn list(&mut self, ids: &[ExprId]) -> List {
        let start = word(self.lists.len());
        self.lists.extend_from_slice(ids);
        List { start, length: word(ids.len()) }
    }

    fn exprs(&mut self, exprs: &[Expr]) -> List {
        let ids = exprs.iter().map(|expr| self.expr(expr)).collect::<Vec<_>>();
        self.list(&ids)
    }

    fn expr(&mut self, expr: &Expr) -> ExprId {
        let node = match expr {
            Expr::Const(constant) => Node::Const(self.constant(constant)),
            Expr::Slot(slot) => Node::Slot(*slot),
            Expr::Unary(operation, value) => Node::Unary(*operation, self.expr(value)),
            Expr::Binary(operation, left, right) => {
                Node::Binary(*operation, self.expr(left), self.expr(right))
            }
            Expr::Case(arms, otherwise) => {
                let mut ids = Vec::with_capacity(2 * arms.len() + 1);
                for (condition, value) in arms {
                    ids.extend([self.expr(condition), self.expr(value)]);
                }
                ids.push(self.expr(otherwise));
                Node::Case(self.list(&ids))
            }
            Expr::Table(table, index) => {
                Node::Table(self.tables[*table as usize], self.expr(index))
            }
            Expr::Array(elements) => Node::Array(self.exprs(elements)),
            Expr::Index(array, index) => Node::Index(self.expr(array), self.expr(index)),
            Expr::Draw(draw, generator) => {
                Node::Draw { draw: *draw, generator: self.generator(generator) }
            }
            Expr::Permute { size, seed, value } => {
                Node::Permute { size: self.expr(size), seed: *seed, value: self.expr(value) }
            }
            Expr::Hash { value, seed } => Node::Hash { value: self.expr(value), seed: *seed },
            Expr::Sequence => Node::Sequence,
        };
        self.node(node)
    }

    fn generator(&mut self, generator: &ir::Generator) -> Generator {
        match generator {
            ir::Generator::Uniform { low, high } => {
                Generator::Uniform { low: self.expr(low), high: self.expr(high) }
            }
            ir::Generator::UniformFloat { low, high } => {
                Generator::UniformFloat { low: self.expr(low), high: self.expr(high) }
            }
            ir::Generator::Zipf { count, skew } => {
                Generator::Zipf { count: self.expr(count), skew: *skew }
            }
            ir::Generator::Gaussian { low, high, sigmas } => {
                Generator::Gaussian { low: self.expr(low), high: self.expr(high), sigmas: *sigmas }
            }
            ir::Generator::Exponential { low, high, decay } => {
                Generator::Exponential { low: self.expr(low), high: self.expr(high), decay: *decay }
            }
            ir::Generator::Nurand { a, c, low, high } => {
                Generator::Nurand { a: *a, c: *c, low: self.expr(low), high: self.expr(high) }
            }
            ir::Generator::Choice { weights, values } => {
                Generator::Choice { cumulated: cumulated(weights), values: self.exprs(values) }
            }
            ir::Generator::Pattern(pattern) => Generator::Pattern(pattern.as_bytes().into()),
            ir::Generator::Text { min, max, alphabet } => Generator::Text {
                min: self.expr(min),
                max: self.expr(max),
                alphabet: alphabet.as_bytes().into(),
            },
            ir::Generator::Bytes { length } => Generator::Bytes { length: self.expr(length) },
            ir::Generator::Uuid => Generator::Uuid,
            ir::Generator::Vector { dimensions, is_normalised } => {
                Generator::Vector { dimensions: *dimensions, is_normalised: *is_normalised }
            }
        }
    }

    fn constant(&mut self, constant: &Constant) -> Value {
        let mut bytes = |bytes: &[u8]| {
            self.constants
                .write(|out| out.extend_from_slice(bytes))
                .expect("verified: a program is small")
        };
        match constant {
            Constant::Null => Value::Null,
            Constant::Bool(value) => Value::Bool(*value),
            Constant::Int(value) => Value::Int(*value),
            Constant::Float(value) => Value::Float(*value),
            Constant::Text(text) => Value::Text(bytes(text.as_bytes())),
            Constant::Bytes(value) => Value::Bytes(bytes(value)),
            Constant::Array(elements) => Value::Array(self.elements(elements)),
        }
    }

    fn elements(&mut self, constants: &[Constant]) -> Span {
        let values = constants.iter().map(|constant| self.constant(constant)).collect::<Vec<_>>();
        self.constants.write_elements(values).expect("verified: a program is small")
    }
}

impl Room {
    fn cover(&mut self, other: Self) {
        self.slots = self.slots.max(other.slots);
        self.loops = self.loops.max(other.loops);
        self.savepoints = self.savepoints.max(other.savepoints);
        self.statements = self.statements.max(other.statements);
    }
}

/// Weights summed up and scaled, so that the last is 1.
fn cumulated(weights: &[f64]) -> Box<[f64]> {
    let total = weights.iter().sum::<f64>();
    let mut sum = 0.0;
    let mut cumulated = weights
        .iter()
        .map(|weight| {
            sum += weight;
            sum / total
        })
        .collect::<Box<[f64]>>();
    // Rounding must not leave a gap below 1, nor give a share to trailing weights of 0.
    if let Some(last) = weights.iter().rposition(|weight| *weight > 0.0) {
        cumulated[last..].fill(1.0);
    }
    cumulated
}

fn word(size: usize) -> u32 {
    u32::try_from(size).expect("a program is far below 2^32 parts")
}
