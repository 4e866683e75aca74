//! How a client comes to the server: directly, through a proxy, or over TLS.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The server's certificate and key. The authority that signed it is in the file beside it; nobody
/// has that one's key any more.
const SERVER: &[u8] = include_bytes!("certificates/server.pem");

/// What a client is answered on.
pub(super) trait Connection: Read + Write {}

impl<T: Read + Write> Connection for T {}

/// What stands before the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data) enum Door {
    /// Nothing.
    Open,
    /// TLS, with a certificate that an authority of our own has signed.
    Tls,
    /// A SOCKS5 proxy that leads here, whatever address it is asked for.
    Socks,
}

impl Door {
    pub(super) fn scheme(self) -> &'static str {
        if self == Self::Tls { "https" } else { "http" }
    }

    /// Lets a client in.
    pub(super) fn pass(self, mut stream: TcpStream) -> io::Result<Box<dyn Connection>> {
        match self {
            Self::Open => {}
            Self::Tls => return Ok(Box::new(StreamOwned::new(tls()?, stream))),
            Self::Socks => socks(&mut stream)?,
        }
        Ok(Box::new(stream))
    }
}

fn tls() -> io::Result<ServerConnection> {
    let certificate = CertificateDer::from_pem_slice(SERVER).map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_slice(SERVER).map_err(io::Error::other)?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key);
    ServerConnection::new(Arc::new(config.map_err(io::Error::other)?)).map_err(io::Error::other)
}

/// The proxy's part of RFC 1928, without a password.
fn socks(stream: &mut TcpStream) -> io::Result<()> {
    let [_version, methods] = bytes(stream)?;
    skip(stream, methods)?;
    stream.write_all(&[5, 0])?;
    let [_version, _command, _reserved, kind] = bytes(stream)?;
    let length = match kind {
        1 => 4,
        3 => bytes::<1>(stream)?[0],
        _ => 16,
    };
    skip(stream, length + 2)?;
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
}

fn bytes<const COUNT: usize>(stream: &mut TcpStream) -> io::Result<[u8; COUNT]> {
    let mut bytes = [0; COUNT];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn skip(stream: &mut TcpStream, count: u8) -> io::Result<()> {
    stream.read_exact(&mut vec![0; usize::from(count)])
}
