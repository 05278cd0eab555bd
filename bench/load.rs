//! The HTTP client of the benchmark. Std only; built with `rustc -O`. Prints one JSON object.
//!
//! * `load latency PORT PATH COUNT [BODY-FILE]`: one keep-alive connection, one request after the other;
//! * `load rate PORT PATH CONNECTIONS SECONDS`: as many requests as the server answers;
//! * `load first PORT PATH`: knocks until it is answered with 200, for a minute at most.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

unsafe extern "C" {
    fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
}

/// The clock that the driver reads as well.
fn now() -> i64 {
    let mut time = Timespec {
        seconds: 0,
        nanoseconds: 0,
    };
    // SAFETY: the pointer is to a local of the layout that 64-bit Linux writes; 1 is CLOCK_MONOTONIC.
    unsafe { clock_gettime(1, &mut time) };
    time.seconds * 1_000_000_000 + time.nanoseconds
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(256 * 1024),
        })
    }

    fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request)
    }

    /// Reads one response: its status and the size of its body.
    fn receive(&mut self) -> io::Result<(u16, usize)> {
        self.buffer.clear();
        let head = loop {
            self.fill()?;
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
        };
        let text = String::from_utf8_lossy(&self.buffer[..head]).to_ascii_lowercase();
        let status = text
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| io::Error::other("no status line"))?;
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .and_then(|length| length.trim().parse::<usize>().ok());
        match length {
            Some(length) => {
                while self.buffer.len() < head + length {
                    self.fill()?;
                }
                Ok((status, length))
            }
            // Chunked: the last chunk is empty.
            None => {
                while !self.buffer.ends_with(b"0\r\n\r\n") {
                    self.fill()?;
                }
                Ok((status, self.buffer.len() - head))
            }
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut part = [0; 64 * 1024];
        let read = self.stream.read(&mut part)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.buffer.extend_from_slice(&part[..read]);
        Ok(())
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|part| part == needle)
}

fn request(port: u16, path: &str, body: Option<&str>) -> Vec<u8> {
    let host = format!("Host: 127.0.0.1:{port}\r\n");
    match body {
        None => format!("GET {path} HTTP/1.1\r\n{host}\r\n"),
        Some(body) => format!(
            "POST {path} HTTP/1.1\r\n{host}Content-Type: text/xml\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
    }
    .into_bytes()
}

fn ok((status, bytes): (u16, usize)) -> io::Result<usize> {
    if status == 200 {
        Ok(bytes)
    } else {
        Err(io::Error::other(format!("answered with status {status}")))
    }
}

fn latency(port: u16, path: &str, count: usize, body: Option<&str>) -> io::Result<()> {
    let request = request(port, path, body);
    let mut connection = Connection::open(port)?;
    let mut times = Vec::with_capacity(count);
    let mut bytes = 0;
    for round in 0..count + 5 {
        let begin = Instant::now();
        let answer = connection
            .send(&request)
            .and_then(|()| connection.receive());
        bytes = match answer {
            Ok(answer) => ok(answer)?,
            // A server may close what it calls kept alive; that costs it a new connection.
            Err(_) => {
                connection = Connection::open(port)?;
                connection.send(&request)?;
                ok(connection.receive()?)?
            }
        };
        if round >= 5 {
            times.push(begin.elapsed().as_secs_f64() * 1e3);
        }
    }
    times.sort_by(f64::total_cmp);
    println!(
        "{{\"median_ms\": {}, \"p90_ms\": {}, \"bytes\": {bytes}}}",
        times[times.len() / 2],
        times[times.len() * 9 / 10]
    );
    Ok(())
}

fn rate(port: u16, path: &str, connections: usize, seconds: f64) -> io::Result<()> {
    let request = request(port, path, None);
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let begin = Instant::now();
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let request = request.clone();
            thread::spawn(move || -> io::Result<u64> {
                let mut all = (0..connections.div_ceil(2))
                    .map(|_| Connection::open(port))
                    .collect::<io::Result<Vec<_>>>()?;
                let mut answers = 0;
                while Instant::now() < end {
                    for connection in &mut all {
                        connection.send(&request)?;
                    }
                    for connection in &mut all {
                        ok(connection.receive()?)?;
                        answers += 1;
                    }
                }
                Ok(answers)
            })
        })
        .collect();
    let mut answers = 0;
    for thread in threads {
        answers += thread.join().expect("the thread returns its errors")?;
    }
    println!(
        "{{\"per_second\": {}}}",
        answers as f64 / begin.elapsed().as_secs_f64()
    );
    Ok(())
}

fn first(port: u16, path: &str) -> io::Result<()> {
    let request = request(port, path, None);
    let end = Instant::now() + Duration::from_secs(60);
    while Instant::now() < end {
        let answer = Connection::open(port).and_then(|mut connection| {
            connection.send(&request)?;
            connection.receive()
        });
        if let Ok((200, _)) = answer {
            println!("{{\"at\": {}}}", now());
            return Ok(());
        }
        thread::sleep(Duration::from_micros(200));
    }
    Err(io::ErrorKind::TimedOut.into())
}

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let number = |at: usize| {
        args.get(at)
            .and_then(|text| text.parse::<f64>().ok())
            .unwrap_or(1.0)
    };
    let port = number(2) as u16;
    let path = args.get(3).map_or("/", String::as_str);
    match args.get(1).map(String::as_str) {
        Some("latency") => {
            let body = args.get(5).map(fs::read_to_string).transpose()?;
            latency(port, path, number(4) as usize, body.as_deref())
        }
        Some("rate") => rate(port, path, number(4) as usize, number(5)),
        Some("first") => first(port, path),
        _ => Err(io::Error::other(
            "usage: load latency|rate|first PORT PATH …",
        )),
    }
}
