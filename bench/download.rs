//! Both ends of `bench/download`: a server that sends zeros as fast as it can, and the downloader that
//! the service has.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Instant;

use storekeeper::download::{Downloader, Request, Trust};
use tokio_util::sync::CancellationToken;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["serve", bytes] => serve(bytes.parse().map_err(io::Error::other)?),
        ["fetch", address, folder] => fetch(address, folder.as_ref()),
        _ => Err(io::Error::other(
            "give `serve BYTES` or `fetch ADDRESS FOLDER`",
        )),
    }
}

/// Prints its port and answers for ever.
fn serve(bytes: usize) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    writeln!(io::stdout(), "{}", listener.local_addr()?.port())?;
    for stream in listener.incoming() {
        // A client that goes away is no reason to end.
        let _ = answer(&stream?, bytes);
    }
    Ok(())
}

fn answer(mut stream: &TcpStream, bytes: usize) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    while lines
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\nConnection: close\r\n\r\n"
    )?;
    let block = vec![0; 1 << 20];
    let mut left = bytes;
    while left > 0 {
        let part = block.get(..left.min(block.len())).unwrap_or_default();
        stream.write_all(part)?;
        left -= part.len();
    }
    Ok(())
}

/// Prints the seconds, and how much memory was used at most.
fn fetch(address: &str, folder: &Path) -> io::Result<()> {
    // As `serve` has it.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let request = Request {
        addresses: vec![address.parse().map_err(io::Error::other)?],
        sha256: None,
        max_bytes: u64::MAX,
        trust: Trust::Given,
    };
    let downloader = Downloader::new(folder);
    let cancel = CancellationToken::new();
    let begin = Instant::now();
    runtime
        .block_on(downloader.fetch(&request, &cancel, &|_| ()))
        .map_err(io::Error::other)?;
    let time = begin.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap_or_default();
    writeln!(io::stdout(), "{time:.3} {}", peak.trim())
}
