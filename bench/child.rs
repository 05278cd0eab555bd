//! The app that the benchmark lets every supervisor run. Std only; built with `rustc -O`.
//!
//! `child MODE FIFO NAME [COUNT]` writes one stamp `NAME PID NANOSECONDS NOTE` into the FIFO as soon as
//! it is in its main function, so that nobody has to ask whether it is up. Then, by mode:
//!
//! * `idle`: sleeps;
//! * `chatty`: prints a line every 100 ms and ends when it cannot;
//! * `tree`: starts one descendant; a replacement says whether its forerunner's descendant still lives;
//! * `blocks`, `lines`: waits for `FIFO.NAME.go`, prints COUNT numbered lines of 100 bytes, in writes
//!   of 64 KiB or one write each, and stamps begin and end;
//! * `quiet`: prints a line with the time for every byte that comes through `FIFO.NAME.go`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

unsafe extern "C" {
    fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
}

const CLOCK_MONOTONIC: i32 = 1;
const BLOCK: usize = 64 * 1024;

fn now() -> i64 {
    let mut time = Timespec {
        seconds: 0,
        nanoseconds: 0,
    };
    // SAFETY: the pointer is to a local of the layout that 64-bit Linux writes.
    unsafe { clock_gettime(CLOCK_MONOTONIC, &mut time) };
    time.seconds * 1_000_000_000 + time.nanoseconds
}

fn main() -> io::Result<()> {
    let born = now();
    let args: Vec<String> = std::env::args().collect();
    let [_, mode, fifo, name, rest @ ..] = args.as_slice() else {
        return Err(io::Error::other("usage: child MODE FIFO NAME [COUNT]"));
    };
    let stamp = |time: i64, note: &str| -> io::Result<()> {
        let line = format!("{name} {} {time} {note}\n", std::process::id());
        // One write below PIPE_BUF is never mixed with another child's.
        OpenOptions::new()
            .write(true)
            .open(fifo)?
            .write_all(line.as_bytes())
    };
    let go = format!("{fifo}.{name}.go");
    let mut out = File::from(io::stdout().as_fd().try_clone_to_owned()?);

    match mode.as_str() {
        "tree" => {
            let note = tree(fifo, name)?;
            stamp(born, note)?;
        }
        "descendant" => {}
        "chatty" => {
            stamp(born, "main")?;
            for number in 0_u64.. {
                writeln!(out, "line {number}")?;
                thread::sleep(Duration::from_millis(100));
            }
        }
        "blocks" | "lines" => {
            stamp(born, "main")?;
            let count: u32 = rest.first().and_then(|n| n.parse().ok()).unwrap_or(1000);
            File::open(&go)?.read_exact(&mut [0])?;
            stamp(now(), "begin")?;
            print(&mut out, count, mode == "blocks")?;
            stamp(now(), "end")?;
        }
        "quiet" => {
            stamp(born, "main")?;
            for byte in File::open(&go)?.bytes() {
                byte?;
                writeln!(out, "quiet {}", now())?;
            }
        }
        _ => stamp(born, "main")?,
    }
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

/// Looks after the forerunner's descendant, then starts an own one.
fn tree(fifo: &str, name: &str) -> io::Result<&'static str> {
    let file = format!("{fifo}.{name}.descendant");
    let note = match fs::read_to_string(&file) {
        Ok(pid) if lives(pid.trim()) => "alive",
        Ok(_) => "dead",
        Err(_) => "main",
    };
    let descendant = Command::new(std::env::current_exe()?)
        .args(["descendant", fifo, name])
        .stdin(Stdio::null())
        .spawn()?;
    fs::write(&file, descendant.id().to_string())?;
    Ok(note)
}

fn lives(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // A zombie is dead; only its parent has not asked yet.
    stat.rsplit(')')
        .next()
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z") && !rest.starts_with(" X"))
}

fn print(out: &mut File, count: u32, blocks: bool) -> io::Result<()> {
    // Counted up in place: formatting a million numbers would take longer than printing them.
    let mut line = format!("{:09} {}\n", 0, "x".repeat(89)).into_bytes();
    let mut pending = Vec::with_capacity(BLOCK + line.len());
    for _ in 0..count {
        if blocks {
            pending.extend_from_slice(&line);
        } else {
            out.write_all(&line)?;
        }
        if pending.len() >= BLOCK {
            out.write_all(&pending[..BLOCK])?;
            pending.drain(..BLOCK);
        }
        for digit in line[..9].iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                break;
            }
            *digit = b'0';
        }
    }
    out.write_all(&pending)
}
