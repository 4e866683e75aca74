//! The DevTools protocol over a pair of pipes: JSON messages, each ended by a zero byte.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

/// Longest time that the browser may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection that all pages share.
pub(super) struct Connection {
    outgoing: Mutex<Box<dyn Write + Send>>,
    next: AtomicU64,
    incoming: Arc<Incoming>,
}

/// What the browser sent.
#[derive(Default)]
struct Incoming {
    /// Who waits for which answer; `None` once the browser is gone.
    waiting: Mutex<Option<HashMap<u64, Sender<Value>>>>,
    /// Events by session, in order.
    events: Mutex<HashMap<String, Vec<Value>>>,
    /// What the browser printed.
    printed: Arc<Mutex<String>>,
}

impl Connection {
    /// Speaks over these pipes; `printed` is the browser's standard error.
    pub(super) fn new(
        outgoing: impl Write + Send + 'static,
        incoming: impl Read + Send + 'static,
        printed: impl Read + Send + 'static,
    ) -> Self {
        let shared = Arc::new(Incoming::default());
        *shared.waiting.lock().unwrap() = Some(HashMap::new());
        let to = Arc::clone(&shared);
        std::thread::spawn(move || to.receive(incoming));
        let lines = Arc::clone(&shared.printed);
        std::thread::spawn(move || {
            for line in BufReader::new(printed).lines().map_while(Result::ok) {
                *lines.lock().unwrap() += &format!("{line}\n");
            }
        });
        Self { outgoing: Mutex::new(Box::new(outgoing)), next: AtomicU64::new(1), incoming: shared }
    }

    /// Sends a command to a session, or to the browser itself, and waits for the result.
    ///
    /// # Errors
    /// The browser's message, where it refuses.
    ///
    /// # Panics
    /// Where it is gone or does not answer.
    pub(super) fn send(&self, session: Option<&str>, method: &str, params: &Value) -> Result<Value, String> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = channel();
        if let Some(waiting) = self.incoming.waiting.lock().unwrap().as_mut() {
            waiting.insert(id, sender);
        }
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        // Where nobody reads any more, the sender is gone too, which is told below.
        let _ = self.outgoing.lock().unwrap().write_all(format!("{message}\0").as_bytes());
        let mut answer = receiver.recv_timeout(PATIENCE).unwrap_or_else(|error| {
            let why = match error {
                RecvTimeoutError::Timeout => format!("did not answer {method} within {PATIENCE:?}"),
                RecvTimeoutError::Disconnected => format!("ended during {method}"),
            };
            panic!("Chromium {why}; it printed\n{}", self.incoming.printed.lock().unwrap())
        });
        match answer["error"]["message"].as_str() {
            Some(message) => Err(message.to_owned()),
            None => Ok(answer["result"].take()),
        }
    }

    /// The events of a session so far.
    pub(super) fn events(&self, session: &str) -> Vec<Value> {
        self.incoming.events.lock().unwrap().get(session).cloned().unwrap_or_default()
    }
}

impl Incoming {
    /// Reads until the browser closes its end.
    fn receive(&self, incoming: impl Read) {
        let mut incoming = BufReader::new(incoming);
        let mut bytes = Vec::new();
        while incoming.read_until(0, &mut bytes).is_ok_and(|length| length > 0) {
            if bytes.pop() == Some(0)
                && let Ok(message) = serde_json::from_slice(&bytes)
            {
                self.deliver(message);
            }
            bytes.clear();
        }
        *self.waiting.lock().unwrap() = None;
    }

    fn deliver(&self, message: Value) {
        if let Some(id) = message["id"].as_u64() {
            let sender = self.waiting.lock().unwrap().as_mut().and_then(|waiting| waiting.remove(&id));
            // Somebody who lost patience does not listen any more.
            let _ = sender.map(|sender| sender.send(message));
        } else if let Some(session) = message["sessionId"].as_str() {
            let session = session.to_owned();
            self.events.lock().unwrap().entry(session).or_default().push(message);
        }
    }
}
