//! How sockets are opened: a webhook, and both sides of a WebSocket's handshake. These may wait: they run on threads
//! of their own, before a call begins.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use sha1::{Digest, Sha1};

use super::frame::Side;
use super::socket::Socket;

const LIMIT: Duration = Duration::from_secs(10);
const MAX_HEAD: usize = 64 << 10;
/// What RFC 6455 has a server append to a client's key.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// Opens a WebSocket.
pub(crate) fn connect(to: SocketAddr, path: &str) -> anyhow::Result<Socket> {
    let mut stream = open(to)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {to}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    )?;
    let (head, rest) = read_head(&mut stream)?;
    ensure!(head.starts_with("HTTP/1.1 101"), "no WebSocket at {path}: {}", first_line(&head));
    Ok(Socket::new(stream, Side::Client, rest)?)
}

/// Lets a WebSocket be opened.
pub(crate) fn accept(mut stream: TcpStream) -> anyhow::Result<Socket> {
    stream.set_read_timeout(Some(LIMIT))?;
    let (head, rest) = read_head(&mut stream)?;
    let key = head.lines().filter_map(|line| line.split_once(':'));
    let key = key.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
    let (_, key) = key.context("the client wants no WebSocket")?;
    let digest = Sha1::digest(format!("{}{GUID}", key.trim()));
    let proof = base64_simd::STANDARD.encode_to_string(digest);
    write!(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {proof}\r\n\r\n"
    )?;
    Ok(Socket::new(stream, Side::Server, rest)?)
}

/// Posts a form, and answers what came back.
pub(crate) fn post(to: SocketAddr, path: &str, form: &str) -> anyhow::Result<String> {
    let mut stream = open(to)?;
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    )?;
    let mut answer = String::new();
    stream.take(MAX_HEAD as u64).read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{path} answered {}", first_line(&answer));
    Ok(answer)
}

fn open(to: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&to, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn read_head(stream: &mut TcpStream) -> anyhow::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        if let Some(ends) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = bytes.split_off(ends + 4);
            return Ok((String::from_utf8(bytes)?, rest));
        }
        let read = stream.read(&mut piece)?;
        if read == 0 || bytes.len() > MAX_HEAD {
            bail!("the handshake was broken off");
        }
        bytes.extend_from_slice(&piece[..read]);
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
