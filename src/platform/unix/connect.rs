//! Finds the keeper of a home, or starts one.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::mpsc;

use crate::platform::Keeper;
use crate::platform::protocol::{Order, Report};

/// The first argument of the keeper's command line.
const KEEPER_ARGUMENT: &str = "keeper";

/// A path for a socket may have 107 bytes; a home may be deeper. So the folder is opened and the
/// socket named through its descriptor.
fn short(path: &Path) -> io::Result<(File, PathBuf)> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    let name = path.file_name().unwrap_or_default();
    let dir = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_DIRECTORY | libc::O_CLOEXEC)
        .open(dir)?;
    let through = PathBuf::from(format!("/proc/self/fd/{}", dir.as_raw_fd())).join(name);
    Ok((dir, through))
}

/// Binds a socket that only this user can connect to: it lies in a folder of mode 0700.
pub(super) fn bind(path: &Path) -> io::Result<UnixListener> {
    let (_dir, path) = short(path)?;
    UnixListener::bind(path)
}

fn connect_to(path: &Path) -> io::Result<UnixStream> {
    let (_dir, path) = short(path)?;
    UnixStream::connect(path)
}

/// A name for the home that fits into the tag of its processes.
fn home_hash(data_dir: &Path) -> String {
    // FNV-1a: short, fixed for ever, and nobody attacks it.
    let hash = data_dir
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{hash:016x}")
}

/// Runs the keeper when this program was started as one (`storekeeper keeper <data folder>`), and
/// does not come back then. Its standard input is the connection to the service.
pub fn run_keeper_if_asked() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments
        .next()
        .is_none_or(|first| first != KEEPER_ARGUMENT)
    {
        return;
    }
    let Some(data_dir) = arguments.next().map(PathBuf::from) else {
        return;
    };
    let code = match take_standard_input() {
        Ok(service) => match super::keeper::run(&data_dir, &home_hash(&data_dir), service) {
            Ok(()) => 0,
            Err(error) => complain(&data_dir, &error),
        },
        Err(error) => complain(&data_dir, &error),
    };
    std::process::exit(code);
}

fn complain(data_dir: &Path, error: &io::Error) -> i32 {
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(data_dir.join("log").join("keeper.log"));
    if let Ok(mut file) = file {
        let _ = io::Write::write_all(&mut file, format!("{error}\n").as_bytes());
    }
    1
}

/// The connection that the service gave as standard input; programs get nothing there instead.
fn take_standard_input() -> io::Result<UnixStream> {
    let service = rustix::io::fcntl_dupfd_cloexec(io::stdin(), 3)?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok(UnixStream::from(service))
}

/// Starts a keeper in a session of its own, connected to us.
fn start(data_dir: &Path) -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    let program = std::env::current_exe()
        .ok()
        .filter(|path| path.exists())
        // An upgrade may have replaced the file under us.
        .unwrap_or_else(|| PathBuf::from("/proc/self/exe"));
    #[expect(clippy::disallowed_methods, reason = "the keeper is started here")]
    let mut command = Command::new(program);
    command
        .arg(KEEPER_ARGUMENT)
        .arg(data_dir)
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut keeper = command.spawn()?;
    // Somebody must wait for it, or it stays as a zombie when it ends before us.
    std::thread::Builder::new()
        .name("keeper".to_owned())
        .stack_size(64 << 10)
        .spawn(move || keeper.wait())?;
    Ok(ours)
}

/// Connects to the keeper that lives, or to a new one.
///
/// # Errors
/// When it can neither be reached nor started.
pub fn connect_keeper(data_dir: &Path) -> io::Result<Keeper> {
    let stream = match connect_to(&data_dir.join("keeper.sock")) {
        Ok(stream) => stream,
        Err(_) => start(data_dir)?,
    };
    stream.set_nonblocking(true)?;
    let (reading, mut writing) = tokio::net::UnixStream::from_std(stream)?.into_split();
    let (orders, mut to_send) = mpsc::unbounded_channel::<Order>();
    let (received, reports) = mpsc::unbounded_channel::<Report>();
    tokio::spawn(async move {
        let mut batch = Vec::new();
        let mut text = Vec::new();
        while to_send.recv_many(&mut batch, 256).await > 0 {
            text.clear();
            for order in batch.drain(..) {
                if serde_json::to_writer(&mut text, &order).is_ok() {
                    text.push(b'\n');
                }
            }
            if writing.write_all(&text).await.is_err() {
                break;
            }
            text.shrink_to(16 << 10);
        }
    });
    tokio::spawn(async move {
        let mut lines = BufReader::new(reading);
        let mut line = Vec::new();
        loop {
            line.clear();
            match lines.read_until(b'\n', &mut line).await {
                Ok(1..) => {}
                _ => break,
            }
            if let Ok(report) = serde_json::from_slice(&line)
                && received.send(report).is_err()
            {
                break;
            }
            line.shrink_to(16 << 10);
        }
    });
    Ok(Keeper { orders, reports })
}
