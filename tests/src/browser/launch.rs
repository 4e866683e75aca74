//! One Chromium per test process, which all tests share.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use super::protocol::Connection;
use crate::require::skip;

/// Names under which Chromium is installed.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// The protocol's pipes are descriptors 3 and 4; everything ends when this
/// process closes its end of them, however it ended, and the profile goes with it.
const SHELL: &str = r#"trap : INT TERM HUP; "$@" 3<&0 4>&1 </dev/null >&2; rm -rf "$HOME""#;

const FLAGS: [&str; 16] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--no-first-run",
    "--no-default-browser-check",
    // A page is as awake as one that somebody looks at.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    // Nobody is reached, whoever asks; what is asked for is noticed all the same.
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--force-color-profile=srgb",
    "--remote-debugging-pipe",
];

/// The browser while it runs.
pub(super) struct Browser {
    pub(super) connection: Connection,
    /// Its profile, deleted when it ends.
    pub(super) profile: PathBuf,
    /// Ends by itself, after this process.
    _shell: Child,
}

/// The browser; `None`, said aloud, where there is none.
pub(super) fn browser() -> Option<&'static Browser> {
    static BROWSER: OnceLock<Option<Browser>> = OnceLock::new();
    let browser = BROWSER.get_or_init(|| {
        let mut found = NAMES.iter().filter(|name| Command::new(name).arg("--version").output().is_ok());
        found.next().map(|program| launch(program))
    });
    if browser.is_none() {
        skip("chromium", "it cannot be run; install Debian's package chromium");
    }
    browser.as_ref()
}

fn launch(program: &str) -> Browser {
    let profile = tempfile::Builder::new().prefix("trainmark-chromium-").tempdir().unwrap().keep();
    let mut child = Command::new("sh")
        .args(["-c", SHELL, "sh", program])
        .args(FLAGS)
        .arg(user_data(&profile))
        .env("HOME", &profile)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sh can be started");
    let (outgoing, incoming, printed) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let connection = Connection::new(outgoing.unwrap(), incoming.unwrap(), printed.unwrap());
    Browser { connection, profile, _shell: child }
}

fn user_data(profile: &Path) -> String {
    format!("--user-data-dir={}", profile.join("user").display())
}
