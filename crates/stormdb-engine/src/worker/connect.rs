//! From the first attempt to a session that can work.

use stormdb_reactor::{Reactor, Slot};
use stormdb_wire::backend::{self, Backend};
use stormdb_wire::{Frame, Login, Session as LoggedIn, Startup, frontend};

use super::Worker;
use super::cancel::Key;
use super::connection::{Marks, State};
use super::jobs::Life;
use super::lost::Lost;
use super::target::{ASK_STATE, Encryption, reported_state};
use crate::clock::monotonic_ns;
use crate::session::{Opening, Prepared, Protocol, Session};

impl<R: Reactor> Worker<R> {
    /// Try all ways to connect, in order.
    pub(super) fn connect(&mut self, slot: Slot) {
        if let Err(lost) = self.attempt(slot, 0) {
            self.on_trouble(slot, lost);
        }
    }

    /// Begin one attempt.
    pub(super) fn attempt(&mut self, slot: Slot, number: usize) -> Result<(), Lost> {
        let now_ns = monotonic_ns();
        let target = &self.spec.target;
        let connection = &mut self.connections[slot];
        connection.attempt = number;
        connection.state = State::Connecting;
        connection.marks = Marks { began: now_ns, ..Marks::default() };
        connection.deadline_ns = match target.connect_timeout_ns {
            0 => u64::MAX,
            limit_ns => now_ns + limit_ns,
        };
        let address = &target.endpoints[self.attempts[number].endpoint].address;
        self.reactor
            .connect(slot, address)
            .map_err(|error| Lost::by_closing(Some(&error), false, address.is_unix()))
    }

    /// Give up attempts that take too long.
    pub(super) fn end_late_attempts(&mut self, now_ns: u64) {
        for slot in 0..self.connections.len() {
            if self.connections[slot].deadline_ns <= now_ns {
                self.on_trouble(slot, Lost::by_timeout(self.spec.target.connect_timeout_ns));
            }
        }
    }

    pub(super) fn on_connected(&mut self, slot: Slot) -> Result<(), Lost> {
        let connection = &mut self.connections[slot];
        connection.marks.connected = monotonic_ns();
        if self.attempts[connection.attempt].encryption == Encryption::No {
            return self.log_in(slot);
        }
        connection.state = State::AskingTls;
        frontend::ssl_request(self.reactor.output(slot));
        self.flush(slot)
    }

    /// The server's answer to the question whether it encrypts.
    pub(super) fn on_tls_answer(&mut self, slot: Slot) -> Result<(), Lost> {
        let connection = &mut self.connections[slot];
        let attempt = self.attempts[connection.attempt];
        match connection.input.as_slice() {
            b"S" => {
                let endpoint = &self.spec.target.endpoints[attempt.endpoint];
                let context = self.spec.target.tls.as_ref().expect("it is asked for with TLS only");
                let tls = context.start(&endpoint.host).map_err(|error| Lost::by_tls(&error))?;
                connection.input.clear();
                connection.tls = Some(Box::new(tls));
                connection.state = State::Handshaking;
                self.flush(slot)
            }
            b"N" if attempt.encryption == Encryption::IfOffered => {
                connection.input.clear();
                self.log_in(slot)
            }
            b"N" => Err(Lost::without_tls()),
            // More than a byte would be what a man in the middle sent ahead of the encryption.
            _ => Err(Lost::by_answer("the server's answer to the request for TLS is not S or N")),
        }
    }

    /// Encrypted bytes have arrived.
    pub(super) fn on_encrypted_input(&mut self, slot: Slot) -> Result<(), Lost> {
        let connection = &mut self.connections[slot];
        let tls = connection.tls.as_mut().expect("it is encrypted");
        let opened = tls.open(&mut connection.input);
        let is_done = matches!(connection.state, State::Handshaking) && !tls.is_handshaking();
        // Answers of the handshake, or the alert that tells the server what is wrong.
        self.flush(slot)?;
        opened.map_err(|error| Lost::by_tls(&error))?;
        if is_done {
            return self.log_in(slot);
        }
        self.on_input(slot)
    }

    fn log_in(&mut self, slot: Slot) -> Result<(), Lost> {
        let connection = &mut self.connections[slot];
        let mut login = self.spec.target.login.clone();
        if let Some(tls) = &connection.tls {
            connection.marks.encrypted = monotonic_ns();
            login.server_end_point = tls.server_end_point();
        }
        if self.connections[slot].is_to_cancel {
            return self.send_cancel(slot);
        }
        let startup = Startup::begin(login, self.output(slot)).map_err(|e| self.refused(&e))?;
        self.connections[slot].state = State::LoggingIn(Box::new(startup));
        self.flush(slot)
    }

    fn refused(&self, error: &stormdb_wire::Error) -> Lost {
        let login: &Login = &self.spec.target.login;
        Lost::by_login(error, login)
    }

    /// A message before the session can work.
    #[cold]
    pub(super) fn on_connect_frame(&mut self, slot: Slot, frame: Frame<'_>) -> Result<(), Lost> {
        match &mut self.connections[slot].state {
            State::LoggingIn(_) => self.on_login(slot, frame),
            State::Examining { .. } => self.on_server_state(slot, frame),
            State::Preparing(_) => self.on_prepared(slot, frame),
            // What comes after the end does not matter.
            State::Closed | State::Cancelling => Ok(()),
            State::Connecting | State::AskingTls | State::Handshaking => {
                Err(Lost::by_answer("the server spoke before it was asked"))
            }
            State::Open => self.on_answer(slot, frame),
        }
    }

    fn on_login(&mut self, slot: Slot, frame: Frame<'_>) -> Result<(), Lost> {
        let connection = &mut self.connections[slot];
        let State::LoggingIn(startup) = &mut connection.state else { return Ok(()) };
        let out = match &mut connection.tls {
            None => self.reactor.output(slot),
            Some(tls) => &mut tls.plain,
        };
        let advanced = startup.advance(frame, out);
        if startup.is_authenticated() && connection.marks.authenticated == 0 {
            connection.marks.authenticated = monotonic_ns();
        }
        let Some(session) = advanced.map_err(|error| self.refused(&error))? else {
            return self.flush(slot);
        };
        let secret = session.secret.as_slice().into();
        self.connections[slot].key = Some(Key { process_id: session.process_id, secret });
        self.record_connect(slot);
        let attributes = self.attempts[self.connections[slot].attempt].attributes;
        match reported_state(&session.parameters) {
            _ if attributes.accept(true, true) && attributes.accept(false, false) => {
                self.prepare(slot, &session)
            }
            Some((is_standby, is_read_only)) => {
                if !attributes.accept(is_standby, is_read_only) {
                    return Err(Lost::by_attributes(attributes.wanted()));
                }
                self.prepare(slot, &session)
            }
            None => {
                let out = self.output(slot);
                frontend::query::<stormdb_wire::Error>(out, |out| {
                    out.extend_from_slice(ASK_STATE);
                    Ok(())
                })
                .map_err(|error| Lost::by(&error))?;
                let login = Box::new(session);
                self.connections[slot].state = State::Examining { login, is_accepted: false };
                self.flush(slot)
            }
        }
    }

    /// What the steps of a connect took: a server's answer to a storm of them, or the cost of a
    /// transaction that has a connection of its own.
    fn record_connect(&mut self, slot: Slot) {
        if !self.is_started() {
            return;
        }
        let Marks { began, connected, encrypted, authenticated } = self.connections[slot].marks;
        let at_ns = self.run_ns();
        let ready = at_ns + self.start_ns;
        let is_encrypted = self.connections[slot].tls.is_some();
        let greeted = if is_encrypted { encrypted } else { connected };
        let steps = [
            (self.rows.connect.tcp, Some(connected - began)),
            (self.rows.connect.tls, is_encrypted.then(|| encrypted - connected)),
            (self.rows.connect.authentication, Some(authenticated - greeted)),
            (self.rows.connect.startup, Some(ready - authenticated)),
        ];
        for (name, took_ns) in steps {
            if let Some(took_ns) = took_ns {
                self.recorder.value(name, took_ns as f64, at_ns).expect("the name is registered");
            }
        }
    }

    fn on_server_state(&mut self, slot: Slot, frame: Frame<'_>) -> Result<(), Lost> {
        let connection = &mut self.connections[slot];
        let State::Examining { login, is_accepted } = &mut connection.state else { return Ok(()) };
        let attributes = self.attempts[connection.attempt].attributes;
        match backend::decode(frame).map_err(|error| Lost::by(&error))? {
            Backend::DataRow(mut row) => {
                let mut is_on = || row.next_value().map(|value| value == Some(Some(&b"t"[..])));
                let is_standby = is_on().map_err(|error| Lost::by(&error))?;
                let is_read_only = is_on().map_err(|error| Lost::by(&error))?;
                *is_accepted = attributes.accept(is_standby, is_read_only);
            }
            Backend::Ready(_) if *is_accepted => {
                let login = std::mem::take(login);
                return self.prepare(slot, &login);
            }
            Backend::Ready(_) => return Err(Lost::by_attributes(attributes.wanted())),
            _ => {}
        }
        Ok(())
    }

    /// Make the session ready for the program.
    fn prepare(&mut self, slot: Slot, login: &LoggedIn) -> Result<(), Lost> {
        let is_for_one = self.connections[slot].job.is_some();
        let protocol = match self.spec.protocol {
            // What is prepared for one transaction would be another round trip of it.
            Protocol::Prepared if is_for_one => Protocol::Extended,
            given => given,
        };
        let connection = &mut self.connections[slot];
        let out = match &mut connection.tls {
            None => self.reactor.output(slot),
            Some(tls) => &mut tls.plain,
        };
        let opening = Opening::begin(&self.spec.program, protocol, login, out);
        match opening.map_err(|refusal| Lost::by_refusal(&refusal))? {
            Opening::Ready(prepared) => self.opened(slot, prepared)?,
            Opening::Waiting(preparing) => connection.state = State::Preparing(preparing),
        }
        self.flush(slot)
    }

    fn on_prepared(&mut self, slot: Slot, frame: Frame<'_>) -> Result<(), Lost> {
        let State::Preparing(preparing) = &mut self.connections[slot].state else { return Ok(()) };
        match preparing.advance(&self.spec.program, frame) {
            Ok(None) => Ok(()),
            Ok(Some(prepared)) => self.opened(slot, prepared),
            Err(refusal) => Err(Lost::by_refusal(&refusal)),
        }
    }

    /// The session can work.
    fn opened(&mut self, slot: Slot, prepared: Prepared) -> Result<(), Lost> {
        self.is_proved = true;
        self.connections[slot].open(Session::new(&self.spec.program, prepared));
        match self.life(slot) {
            Life::Persistent => {
                self.open_count += 1;
                self.idle[Life::Persistent as usize].push(slot);
            }
            Life::Transient if self.connections[slot].job.is_some() => return self.begin(slot),
            Life::Transient => self.hang_up(slot),
        }
        Ok(())
    }
}
