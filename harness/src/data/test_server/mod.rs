//! A server on 127.0.0.1 that misbehaves on request, for tests.

mod door;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

pub(super) use door::Door;

/// How the server answers.
#[derive(Debug, Clone)]
pub(super) struct Behaviour {
    /// Whether it sends parts of a file.
    pub(super) ranges: bool,
    /// Whether it answers a request for a part with status 416.
    pub(super) refuse_ranges: bool,
    /// Body bytes after which it closes the first, second… connection.
    pub(super) cuts: Vec<usize>,
    /// Whether it falls silent there, instead of closing the connection.
    pub(super) stall: bool,
    /// Whether it changes the last byte of each file.
    pub(super) tamper: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { ranges: true, refuse_ranges: false, cuts: Vec::new(), stall: false, tamper: false }
    }
}

/// What was asked for.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) path: String,
    /// First byte of the requested range.
    pub(super) from: Option<usize>,
}

/// Serves until the test ends; one request per connection.
pub(super) struct TestServer {
    address: SocketAddr,
    door: Door,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl TestServer {
    pub(super) fn start(files: Vec<(&'static str, Vec<u8>)>, behaviour: Behaviour) -> Self {
        Self::start_behind(Door::Open, files, behaviour)
    }

    pub(super) fn start_behind(
        door: Door,
        files: Vec<(&'static str, Vec<u8>)>,
        behaviour: Behaviour,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        std::thread::spawn(move || {
            let mut stalled = Vec::new();
            for stream in listener.incoming() {
                // A client that has gone is no concern of the server.
                let Ok(mut connection) = door.pass(stream.unwrap()) else { continue };
                let _ = answer(&mut connection, &files, &behaviour, &log);
                if behaviour.stall {
                    stalled.push(connection);
                }
            }
        });
        Self { address, door, requests }
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of the folder of files.
    pub(super) fn base(&self) -> String {
        format!("{}://{}/files", self.door.scheme(), self.address)
    }

    /// The requests so far.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn answer(
    stream: &mut (impl Read + Write),
    files: &[(&'static str, Vec<u8>)],
    behaviour: &Behaviour,
    log: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    let request = read_request(stream)?;
    let cut = {
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push(request.clone());
        behaviour.cuts.get(log.len() - 1).copied()
    };
    let name = request.path.strip_prefix("/files/").unwrap_or_default();
    let Some((_, content)) = files.iter().find(|(known, _)| *known == name) else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    };
    let mut content = content.clone();
    if behaviour.tamper {
        *content.last_mut().unwrap() ^= 1;
    }
    let (status, from) = match request.from {
        Some(_) if behaviour.refuse_ranges => ("416 Range Not Satisfiable", content.len()),
        Some(from) if behaviour.ranges => ("206 Partial Content", from),
        _ => ("200 OK", 0),
    };
    let body = &content[from..];
    write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n", body.len())?;
    if from > 0 {
        write!(stream, "Content-Range: bytes {from}-{}/{}\r\n", content.len() - 1, content.len())?;
    }
    stream.write_all(b"\r\n")?;
    stream.write_all(&body[..cut.unwrap_or(body.len()).min(body.len())])?;
    stream.flush()
}

fn read_request(stream: &mut impl Read) -> std::io::Result<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut from = None;
    for line in lines {
        let line = line?.to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().ok();
        }
    }
    Ok(Request { path, from })
}
