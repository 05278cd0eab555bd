//! The floor of the benchmark: a supervisor that does nothing else. One thread, one epoll; it starts
//! the children of a list, starts each again when it ends, relays their output to files and answers a
//! status request. No rotation, no backoff, no tree, no state, no errors handled: what a real
//! supervisor can at best come near to. Std only; built with `rustc -O`.
//!
//! `floor PORT LIST`; each line of the list is `log file, tab, program, tab, argument, …`.
//! `GET /start` starts all, `GET /` is the status of all, `GET /ping` is `OK`.

use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

#[repr(C)]
#[cfg_attr(target_arch = "x86_64", repr(packed))]
#[derive(Clone, Copy)]
struct EpollEvent {
    events: u32,
    data: u64,
}

unsafe extern "C" {
    fn epoll_create1(flags: i32) -> i32;
    fn epoll_ctl(epoll: i32, operation: i32, fd: i32, event: *mut EpollEvent) -> i32;
    fn epoll_wait(epoll: i32, events: *mut EpollEvent, size: i32, timeout: i32) -> i32;
    fn fcntl(fd: i32, command: i32, ...) -> i32;
    fn syscall(number: i64, ...) -> i64;
    fn splice(from: i32, at: *mut i64, to: i32, to_at: *mut i64, size: usize, flags: u32) -> isize;
}

const EPOLLIN: u32 = 1;
const EPOLL_CTL_ADD: i32 = 1;
const F_SETFL: i32 = 4;
const O_NONBLOCK: i32 = 0o4000;
const F_SETPIPE_SZ: i32 = 1031;
const SYS_PIDFD_OPEN: i64 = 434;
const PIPE_SIZE: usize = 1 << 20;

/// What became readable, packed into the 64 bits that epoll carries.
const LISTENER: u64 = 0;
const OUTPUT: u64 = 1;
const DEATH: u64 = 2;
const REQUEST: u64 = 3;

struct App {
    arguments: Vec<String>,
    log: File,
    reader: PipeReader,
    writer: PipeWriter,
    child: Option<(Child, OwnedFd)>,
    restarts: u32,
}

struct Floor {
    epoll: RawFd,
    apps: Vec<App>,
    connections: Vec<Option<TcpStream>>,
}

impl Floor {
    fn watch(&self, fd: RawFd, kind: u64, index: usize) {
        let mut event = EpollEvent {
            events: EPOLLIN,
            data: kind << 32 | index as u64,
        };
        // SAFETY: both descriptors are open and the event outlives the call.
        unsafe { epoll_ctl(self.epoll, EPOLL_CTL_ADD, fd, &mut event) };
    }

    fn start(&mut self, index: usize) {
        let app = &mut self.apps[index];
        let child = Command::new(&app.arguments[0])
            .args(&app.arguments[1..])
            .stdin(Stdio::null())
            .stdout(app.writer.try_clone().expect("a descriptor is left"))
            .spawn()
            .expect("the program exists");
        // SAFETY: the new descriptor belongs to nobody else.
        let death = unsafe {
            OwnedFd::from_raw_fd(syscall(SYS_PIDFD_OPEN, child.id() as i32, 0_u32) as RawFd)
        };
        let fd = death.as_raw_fd();
        app.child = Some((child, death));
        self.watch(fd, DEATH, index);
    }

    fn start_all(&mut self) {
        for index in 0..self.apps.len() {
            if self.apps[index].child.is_none() {
                self.start(index);
            }
        }
    }

    /// Moves what is in the pipe to the file; true when it was more than half full.
    fn relay(&mut self, index: usize) -> bool {
        let app = &mut self.apps[index];
        // SAFETY: both descriptors are open; null offsets mean the files' own positions.
        let moved = unsafe {
            splice(
                app.reader.as_raw_fd(),
                std::ptr::null_mut(),
                app.log.as_raw_fd(),
                std::ptr::null_mut(),
                PIPE_SIZE,
                0,
            )
        };
        usize::try_from(moved).is_ok_and(|moved| moved > PIPE_SIZE / 2)
    }

    fn status(&self) -> String {
        let apps: Vec<String> = self
            .apps
            .iter()
            .enumerate()
            .map(|(index, app)| {
                let pid = app.child.as_ref().map_or(0, |(child, _)| child.id());
                let restarts = app.restarts;
                format!("{{\"name\":\"{index}\",\"running\":true,\"pid\":{pid},\"restarts\":{restarts}}}")
            })
            .collect();
        format!("[{}]", apps.join(","))
    }

    fn answer(&mut self, index: usize) {
        let mut request = [0; 4096];
        let Some(stream) = self.connections[index].as_mut() else {
            return;
        };
        let read = stream.read(&mut request).unwrap_or(0);
        if read == 0 {
            self.connections[index] = None;
            return;
        }
        let body = if request.starts_with(b"GET /start ") {
            self.start_all();
            "OK".to_owned()
        } else if request.starts_with(b"GET /ping ") {
            "OK".to_owned()
        } else {
            self.status()
        };
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        if let Some(stream) = self.connections[index].as_mut() {
            let _ = stream.write_all(answer.as_bytes());
        }
    }
}

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let port: u16 = args[1].parse().expect("a port");
    let mut floor = Floor {
        // SAFETY: takes no pointer.
        epoll: unsafe { epoll_create1(0) },
        apps: Vec::new(),
        connections: Vec::new(),
    };
    for (index, line) in std::fs::read_to_string(&args[2])?.lines().enumerate() {
        let mut fields = line.split('\t').map(str::to_owned);
        let log = fields.next().expect("a log file");
        let (reader, writer) = io::pipe()?;
        // SAFETY: the descriptor is open.
        unsafe {
            fcntl(reader.as_raw_fd(), F_SETPIPE_SZ, PIPE_SIZE);
            fcntl(reader.as_raw_fd(), F_SETFL, O_NONBLOCK);
        }
        floor.watch(reader.as_raw_fd(), OUTPUT, index);
        floor.apps.push(App {
            arguments: fields.collect(),
            log: OpenOptions::new().create(true).write(true).open(log)?,
            reader,
            writer,
            child: None,
            restarts: 0,
        });
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    floor.watch(listener.as_raw_fd(), LISTENER, 0);

    let mut events = [EpollEvent { events: 0, data: 0 }; 256];
    loop {
        // SAFETY: the buffer has room for 256 events.
        let ready = unsafe { epoll_wait(floor.epoll, events.as_mut_ptr(), 256, -1) };
        let mut output = false;
        for event in &events[..ready.max(0) as usize] {
            let data = event.data;
            let index = (data & 0xffff_ffff) as usize;
            match data >> 32 {
                LISTENER => {
                    let (stream, _) = listener.accept()?;
                    stream.set_nodelay(true)?;
                    let fd = stream.as_raw_fd();
                    floor.connections.push(Some(stream));
                    floor.watch(fd, REQUEST, floor.connections.len() - 1);
                }
                OUTPUT => output |= !floor.relay(index),
                DEATH => {
                    if let Some((mut child, _)) = floor.apps[index].child.take() {
                        child.wait()?;
                    }
                    floor.apps[index].restarts += 1;
                    floor.start(index);
                }
                _ => floor.answer(index),
            }
        }
        if output {
            // Small writes merge in the pipe meanwhile: cheaper for both sides than one wake-up each.
            thread::sleep(Duration::from_millis(1));
        }
    }
}
