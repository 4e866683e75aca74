//! One file from one address, resumed where an earlier transfer broke off.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use trainmark_reports::files;
use ureq::http::{HeaderMap, StatusCode, Uri, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::error::Absence;
use super::event::{DownloadEvent, Heard};
use super::publication::{Address, PublishedFile};

/// For name look-up, and again for the connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Without a single byte; tests do not wait as long.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 30 });
/// Connections per file and address; each but the last brought some bytes.
const MAX_CONNECTIONS: usize = 20;

/// Why a transfer failed.
#[derive(Debug)]
pub(super) enum TransferError {
    /// The address failed; another one may not.
    Remote(String),
    /// The folder here failed; no other address will help.
    Local(Absence),
}

/// A file on its way from an address into a folder.
#[derive(Debug)]
pub(super) struct Transfer<'a> {
    file: &'a PublishedFile,
    /// Where it comes from.
    pub(super) url: String,
    target: PathBuf,
    part: PathBuf,
}

/// How one connection ended, other than in an error worth passing on.
enum Received {
    /// As many bytes as the file has are there.
    All,
    /// The server will not go on with the part that is here.
    RangeRefused,
    /// The connection broke off.
    Broken(String),
}

impl<'a> Transfer<'a> {
    pub(super) fn new(file: &'a PublishedFile, address: &Address, dir: &Path) -> Self {
        Self {
            file,
            url: format!("{}/{}", address.base.trim_end_matches('/'), file.name),
            target: dir.join(file.name),
            part: dir.join(format!("{}.part", file.name)),
        }
    }

    /// Brings the file, checks its sum and gives it its name.
    pub(super) fn run(&self, heard: Heard<'_>) -> Result<(), TransferError> {
        // A part may stem from another file or address: on doubt it is thrown
        // away, once.
        let mut may_restart = self.part_length()? > 0;
        for _ in 0..MAX_CONNECTIONS {
            let before = self.part_length()?;
            let received =
                if before == self.file.bytes { Received::All } else { self.receive(before, heard)? };
            let failure = match received {
                Received::All => match self.check_and_name()? {
                    None => return Ok(()),
                    Some(found) => format!("sent a file with {found}"),
                },
                Received::Broken(_) if self.part_length()? > before => continue,
                Received::Broken(reason) => return Err(TransferError::Remote(reason)),
                Received::RangeRefused => "refused to send the rest of the file".into(),
            };
            self.remove_part()?;
            if !std::mem::take(&mut may_restart) {
                return Err(TransferError::Remote(failure));
            }
        }
        Err(TransferError::Remote(format!("connection broke {MAX_CONNECTIONS} times")))
    }

    /// Receives what is missing after `before` bytes, over one connection.
    fn receive(&self, before: u64, heard: Heard<'_>) -> Result<Received, TransferError> {
        let mut request = agent(&self.url).get(&self.url).header(header::ACCEPT_ENCODING, "identity");
        if before > 0 {
            request = request.header(header::RANGE, format!("bytes={before}-"));
        }
        let response = match request.call() {
            Ok(response) => response,
            Err(ureq::Error::StatusCode(416)) => return Ok(Received::RangeRefused),
            Err(error) => return Err(TransferError::Remote(describe(&error))),
        };
        let from = match response.status() {
            StatusCode::PARTIAL_CONTENT if range_start(response.headers()) == Some(before) => before,
            StatusCode::PARTIAL_CONTENT => return Ok(Received::RangeRefused),
            StatusCode::OK => 0,
            status => return Err(TransferError::Remote(format!("http status {}", status.as_u16()))),
        };
        let length = self.file.bytes - from;
        if let Some(sent) = response.body().content_length().filter(|&sent| sent != length) {
            return Err(TransferError::Remote(format!("sent {sent} bytes instead of {length}")));
        }
        let mut output = self.open_part(from)?;
        // One byte more than is wanted shows whether the body is too long.
        let mut body = response.into_body().into_reader().take(length + 1);
        self.copy(&mut body, &mut output, from, heard)
    }

    fn copy(
        &self,
        body: &mut impl Read,
        output: &mut File,
        from: u64,
        heard: Heard<'_>,
    ) -> Result<Received, TransferError> {
        let mut buffer = vec![0; 64 * 1024];
        let mut position = from;
        loop {
            let count = match body.read(&mut buffer) {
                Ok(0) if position == self.file.bytes => return Ok(Received::All),
                Ok(0) => return Ok(self.broken(position, "")),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Ok(self.broken(position, &format!(": {error}"))),
            };
            if position + count as u64 > self.file.bytes {
                self.remove_part()?;
                return Err(TransferError::Remote(format!("sent more than {} bytes", self.file.bytes)));
            }
            output.write_all(&buffer[..count]).map_err(|error| self.local("write", error))?;
            position += count as u64;
            heard(DownloadEvent::GoesOn(position));
        }
    }

    fn broken(&self, position: u64, why: &str) -> Received {
        let kept = if position > 0 { "; they are kept, the next try goes on from there" } else { "" };
        Received::Broken(format!("connection broke after {position} of {} bytes{why}{kept}", self.file.bytes))
    }

    /// The sum found where it is wrong; else the file has its name.
    fn check_and_name(&self) -> Result<Option<String>, TransferError> {
        let verified = self.file.verify_file(&self.part).map_err(|error| self.local("read", error))?;
        if let Err(mismatch) = verified {
            return Ok(Some(mismatch.found));
        }
        fs::rename(&self.part, &self.target)
            .map_err(|error| TransferError::Local(Absence::folder("write", &self.target, error)))?;
        Ok(None)
    }

    /// Bytes that earlier connections brought; a part that is too long is removed.
    fn part_length(&self) -> Result<u64, TransferError> {
        if files::is_link(&self.part) {
            let why = io::Error::other("it is a link, which is not followed");
            return Err(self.local("write", why));
        }
        match fs::metadata(&self.part) {
            Ok(metadata) if metadata.len() > self.file.bytes => self.remove_part().map(|()| 0),
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(self.local("read", error)),
        }
    }

    /// Opens the part for what comes after its first `from` bytes: all that it
    /// holds, or nothing.
    fn open_part(&self, from: u64) -> Result<File, TransferError> {
        let opened = files::open_own(&self.part, true).and_then(|file| {
            if from == 0 {
                file.set_len(0)?;
            }
            Ok(file)
        });
        opened.map_err(|error| self.local("write", error))
    }

    fn remove_part(&self) -> Result<(), TransferError> {
        fs::remove_file(&self.part).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(self.local("remove", error)),
        })
    }

    fn local(&self, action: &'static str, error: io::Error) -> TransferError {
        TransferError::Local(Absence::folder(action, &self.part, error))
    }
}

fn agent(url: &str) -> ureq::Agent {
    let mut config = ureq::Agent::config_builder()
        .timeout_resolve(Some(CONNECT_TIMEOUT))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(SILENCE_TIMEOUT))
        .timeout_per_read(Some(SILENCE_TIMEOUT))
        .user_agent(concat!("trainmark/", env!("CARGO_PKG_VERSION")));
    if is_loopback(url) {
        config = config.proxy(None);
    }
    if let Some(roots) = platform_roots() {
        config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
    }
    config.build().new_agent()
}

/// The certificate authorities that this machine trusts: those that `SSL_CERT_FILE` or
/// `SSL_CERT_DIR` name, else the platform's. Where it has none, the ones that are built in hold.
fn platform_roots() -> Option<RootCerts> {
    let found = rustls_native_certs::load_native_certs().certs;
    let certificates = found.iter().map(|certificate| Certificate::from_der(certificate.as_ref()).to_owned());
    let certificates: Vec<Certificate<'static>> = certificates.collect();
    (!certificates.is_empty()).then(|| RootCerts::new_with_certs(&certificates))
}

/// Whether the address is this machine's own, which no proxy reaches.
fn is_loopback(url: &str) -> bool {
    let Some(host) = url.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)) else {
        return false;
    };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// First byte of the range that a server sends.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split_once('-')?.0.trim().parse().ok()
}

fn describe(error: &ureq::Error) -> String {
    match error {
        ureq::Error::StatusCode(status) => format!("http status {status}"),
        ureq::Error::HostNotFound => "host not found".into(),
        ureq::Error::Timeout(_) => "timed out".into(),
        ureq::Error::Io(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => "connection refused".into(),
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "timed out".into(),
            _ => error.to_string(),
        },
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_reached_without_a_proxy() {
        for url in ["http://127.0.0.1:8/x", "http://127.9.9.9/x", "http://localhost/x", "http://[::1]:80/x"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in
            ["http://example.org/127.0.0.1", "http://10.0.0.1/x", "https://localhost.example.org/", "no url"]
        {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[test]
    fn the_start_of_a_range_is_read() {
        let parse = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_RANGE, text.parse().unwrap());
            range_start(&headers)
        };
        assert_eq!(parse("bytes 1234-5677/5678"), Some(1234));
        for text in ["bytes */5678", "items 1-2/3", "bytes 12", ""] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(range_start(&HeaderMap::new()), None);
    }
}
