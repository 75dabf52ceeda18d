//! Both back ends against real sockets.
#![allow(clippy::disallowed_methods)] // Time-outs of the tests themselves.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::{Duration, Instant};

use stormdb_reactor::{Event, Poll, Reactor, SockAddr, Uring, listening_socket};

/// An address whose peer sends back what it gets, until the client closes.
fn echo_tcp() -> SockAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().into();
    thread::spawn(move || listener.incoming().for_each(|peer| echo(peer.unwrap())));
    address
}

fn echo_unix(name: &str) -> SockAddr {
    let path = std::env::temp_dir().join(format!("stormdb-{name}-{}", std::process::id()));
    drop(std::fs::remove_file(&path));
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || listener.incoming().for_each(|peer| echo(peer.unwrap())));
    SockAddr::unix(path).unwrap()
}

fn echo(mut peer: impl Read + Write + Send + 'static) {
    thread::spawn(move || {
        let mut bytes = vec![0; 100_000];
        while let Ok(count @ 1..) = peer.read(&mut bytes) {
            if peer.write_all(&bytes[..count]).is_err() {
                return;
            }
        }
    });
}

/// Sends these bytes on each slot once it is connected, and collects the answers.
fn run<R: Reactor>(
    reactor: &mut R,
    send: &HashMap<usize, Vec<u8>>,
    received: &mut HashMap<usize, Vec<u8>>,
) {
    let end = Instant::now() + Duration::from_secs(20);
    while send
        .iter()
        .any(|(slot, bytes)| received.get(slot).is_none_or(|got| got.len() < bytes.len()))
    {
        assert!(Instant::now() < end, "timed out");
        reactor.wait(Some(Duration::from_millis(200))).unwrap();
        while let Some((slot, event)) = reactor.next_event() {
            match event {
                Event::Connected => {
                    reactor.output(slot).extend_from_slice(&send[&slot]);
                    reactor.flush(slot).unwrap();
                }
                Event::Readable(chunk) => {
                    reactor.read(slot, chunk, received.entry(slot).or_default()).unwrap();
                }
                event @ (Event::Accepted(_) | Event::Closed(_)) => panic!("slot {slot}: {event:?}"),
            }
        }
    }
}

fn every_byte_comes_back<R: Reactor>(address: &SockAddr) {
    let mut reactor = R::open(50).unwrap();
    let send = (0..50)
        .map(|slot| {
            (
                slot,
                (0..=slot * 20_000).map(|index: usize| index.to_le_bytes()[0]).collect::<Vec<_>>(),
            )
        })
        .collect::<HashMap<_, _>>();
    for slot in 0..50 {
        reactor.connect(slot, address).unwrap();
    }
    let mut received = HashMap::new();
    run(&mut reactor, &send, &mut received);
    assert!(received == send);
}

fn pieces_that_do_not_fit_follow_in_order<R: Reactor>(name: &str) {
    const PIECES: usize = 100;
    let path = std::env::temp_dir().join(format!("stormdb-{name}-{}", std::process::id()));
    drop(std::fs::remove_file(&path));
    let listener = UnixListener::bind(&path).unwrap();
    let mut reactor = R::open(1).unwrap();
    reactor.connect(0, &SockAddr::unix(path).unwrap()).unwrap();
    while !matches!(reactor.next_event(), Some((0, Event::Connected))) {
        reactor.wait(None).unwrap();
    }
    let (mut peer, _) = listener.accept().unwrap();
    // Far more than a socket holds, and nobody reads meanwhile.
    let mut all = Vec::new();
    for piece in 0..PIECES {
        let bytes = (0..9_973 + piece).map(|index| (index + piece).to_le_bytes()[0]);
        let at = all.len();
        all.extend(bytes);
        reactor.output(0).extend_from_slice(&all[at..]);
        reactor.flush(0).unwrap();
        reactor.wait(Some(Duration::ZERO)).unwrap();
        assert!(reactor.next_event().is_none());
    }
    assert!(reactor.unsent_bytes(0) > 0);
    let wanted_bytes = all.len();
    let reader = thread::spawn(move || {
        let mut received = vec![0; wanted_bytes];
        peer.read_exact(&mut received).unwrap();
        received
    });
    while reactor.unsent_bytes(0) > 0 {
        // Nobody is told that the last few bytes have left.
        reactor.wait(Some(Duration::from_millis(1))).unwrap();
    }
    assert!(reader.join().unwrap() == all);
}

fn what_was_closed_unsent_is_not_sent_by_the_next<R: Reactor>(address: &SockAddr) {
    let mut reactor = R::open(1).unwrap();
    let mut received = HashMap::new();
    reactor.connect(0, address).unwrap();
    run(&mut reactor, &HashMap::from([(0, b"first".to_vec())]), &mut received);
    reactor.output(0).extend_from_slice(b"unsent");
    reactor.flush(0).unwrap();
    reactor.close(0);
    received.clear();
    reactor.connect(0, address).unwrap();
    run(&mut reactor, &HashMap::from([(0, b"second".to_vec())]), &mut received);
    reactor.output(0).extend_from_slice(b"third");
    reactor.flush(0).unwrap();
    // What would be sent twice comes back twice, and is at the place of this.
    run(&mut reactor, &HashMap::from([(0, b"secondthird".to_vec())]), &mut received);
    assert_eq!(received[&0], b"secondthird");
}

fn a_closed_slot_can_be_used_again<R: Reactor>(address: &SockAddr) {
    let mut reactor = R::open(1).unwrap();
    for round in 0..200_u32 {
        reactor.connect(0, address).unwrap();
        let send = HashMap::from([(0, round.to_be_bytes().to_vec())]);
        let mut received = HashMap::new();
        run(&mut reactor, &send, &mut received);
        assert_eq!(received, send);
        if round % 2 == 0 {
            // With bytes under way in both directions.
            reactor.output(0).resize(100_000, 7);
            reactor.flush(0).unwrap();
            reactor.wait(Some(Duration::ZERO)).unwrap();
        }
        reactor.close(0);
        assert!(reactor.next_event().is_none());
    }
}

fn a_refused_connection_is_told<R: Reactor>() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut reactor = R::open(1).unwrap();
    if reactor.connect(0, &closed.into()).is_err() {
        return;
    }
    let (slot, event) = loop {
        if let Some(event) = reactor.next_event() {
            break event;
        }
        reactor.wait(Some(Duration::from_secs(5))).unwrap();
    };
    assert_eq!(slot, 0);
    let Event::Closed(Some(error)) = event else { panic!("{event:?}") };
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

fn bytes_before_the_end_are_read_first<R: Reactor>() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().into();
    thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        peer.write_all(b"last words").unwrap();
    });
    let mut reactor = R::open(1).unwrap();
    reactor.connect(0, &address).unwrap();
    let mut input = Vec::new();
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        assert!(Instant::now() < end, "timed out");
        reactor.wait(Some(Duration::from_millis(200))).unwrap();
        while let Some((slot, event)) = reactor.next_event() {
            match event {
                Event::Connected => {}
                Event::Readable(chunk) => {
                    if reactor.read(slot, chunk, &mut input).is_err() {
                        assert_eq!(input, b"last words");
                        return;
                    }
                }
                Event::Closed(error) => {
                    assert!(error.is_none(), "{error:?}");
                    assert_eq!(input, b"last words");
                    return;
                }
                Event::Accepted(_) => panic!("nobody listens"),
            }
        }
    }
}

fn a_listener_takes_in_every_client<R: Reactor>() {
    const CLIENTS: usize = 20;
    let listener = listening_socket(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let mut server = R::open(CLIENTS + 1).unwrap();
    server.listen(0, listener).unwrap();
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let mut client = TcpStream::connect(address.as_socket().unwrap()).unwrap();
        client.write_all(&[u8::try_from(number).unwrap()]).unwrap();
        clients.push(client);
    }
    let (mut adopted, mut answered) = (0, 0);
    let end = Instant::now() + Duration::from_secs(20);
    while answered < CLIENTS {
        assert!(Instant::now() < end, "{adopted} adopted, {answered} answered");
        server.wait(Some(Duration::from_millis(200))).unwrap();
        while let Some((slot, event)) = server.next_event() {
            match event {
                Event::Accepted(socket) => {
                    assert_eq!(slot, 0);
                    adopted += 1;
                    server.adopt(adopted, socket).unwrap();
                }
                Event::Readable(chunk) => {
                    let mut input = Vec::new();
                    server.read(slot, chunk, &mut input).unwrap();
                    server.output(slot).extend(input.iter().map(|byte| byte + 100));
                    server.flush(slot).unwrap();
                    answered += 1;
                }
                event => panic!("slot {slot}: {event:?}"),
            }
        }
    }
    // What was flushed is sent at the next wait.
    server.wait(Some(Duration::from_millis(10))).unwrap();
    for (number, mut client) in clients.into_iter().enumerate() {
        let mut answer = [0];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(usize::from(answer[0]), number + 100);
    }
}

fn an_idle_wait_ends_with_its_timeout<R: Reactor>() {
    let mut reactor = R::open(1).unwrap();
    reactor.wait(Some(Duration::from_millis(1))).unwrap();
    reactor.wait(Some(Duration::ZERO)).unwrap();
    assert!(reactor.next_event().is_none());
}

macro_rules! both_back_ends {
    ($name:literal, $module:ident, $reactor:ty) => {
        mod $module {
            use super::*;

            #[test]
            fn every_byte_comes_back_over_tcp() {
                every_byte_comes_back::<$reactor>(&echo_tcp());
            }

            #[test]
            fn every_byte_comes_back_over_a_unix_socket() {
                every_byte_comes_back::<$reactor>(&echo_unix(concat!($name, "-bytes")));
            }

            #[test]
            fn pieces_that_do_not_fit_follow_in_order() {
                super::pieces_that_do_not_fit_follow_in_order::<$reactor>(concat!($name, "-fit"));
            }

            #[test]
            fn what_was_closed_unsent_is_not_sent_by_the_next() {
                super::what_was_closed_unsent_is_not_sent_by_the_next::<$reactor>(&echo_tcp());
            }

            #[test]
            fn a_slot_can_be_used_again_over_tcp() {
                a_closed_slot_can_be_used_again::<$reactor>(&echo_tcp());
            }

            #[test]
            fn a_slot_can_be_used_again_over_a_unix_socket() {
                a_closed_slot_can_be_used_again::<$reactor>(&echo_unix(concat!($name, "-again")));
            }

            #[test]
            fn a_refused_connection_is_told() {
                super::a_refused_connection_is_told::<$reactor>();
            }

            #[test]
            fn bytes_before_the_end_are_read_first() {
                super::bytes_before_the_end_are_read_first::<$reactor>();
            }

            #[test]
            fn a_listener_takes_in_every_client() {
                super::a_listener_takes_in_every_client::<$reactor>();
            }

            #[test]
            fn an_idle_wait_ends_with_its_timeout() {
                super::an_idle_wait_ends_with_its_timeout::<$reactor>();
            }
        }
    };
}

both_back_ends!("poll", poll, Poll);
both_back_ends!("uring", uring, Uring);
