//! Sending what is large: files by the kernel, streams block by block.

use std::fs::File;
use std::io::{self, IoSlice, Read};
use std::ops::Range;
use std::sync::Arc;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::connection::{BLOCK, STALL};

/// Writes all of it, as long as the client takes it.
pub(super) async fn write_all(stream: &mut TcpStream, mut content: &[u8]) -> io::Result<()> {
    while !content.is_empty() {
        let count = timeout(STALL, stream.write(content)).await??;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        content = content.get(count..).unwrap_or_default();
    }
    Ok(())
}

/// Writes one after the other, both at once as far as the system takes them.
pub(super) async fn write_both(
    stream: &mut TcpStream,
    first: &[u8],
    second: &[u8],
) -> io::Result<()> {
    let both = [IoSlice::new(first), IoSlice::new(second)];
    let count = timeout(STALL, stream.write_vectored(&both)).await??;
    write_all(stream, first.get(count..).unwrap_or_default()).await?;
    let of_second = count.saturating_sub(first.len());
    write_all(stream, second.get(of_second..).unwrap_or_default()).await
}

/// A small file. Blocks.
pub(super) fn read_whole(file: &File, length: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.take(length).read_to_end(&mut content)?;
    if u64::try_from(content.len()).is_ok_and(|read| read == length) {
        Ok(content)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// Sends a part of a file.
pub(super) async fn file(
    stream: &mut TcpStream,
    file: Arc<File>,
    part: Range<u64>,
) -> io::Result<()> {
    #[cfg(unix)]
    let begin = by_kernel::send(stream, &file, part.clone()).await?;
    #[cfg(not(unix))]
    let begin = part.start;
    if begin == part.end {
        return Ok(());
    }
    // The system cannot, or not from this disk.
    let reader = tokio::task::spawn_blocking(move || {
        io::Seek::seek(&mut &*file, io::SeekFrom::Start(begin))?;
        Ok::<_, io::Error>(Shared(file))
    });
    let reader = reader.await.map_err(io::Error::other)??;
    blocks(stream, Box::new(reader), Some(part.end - begin)).await
}

/// A file that several parts are read from, one after the other.
struct Shared(Arc<File>);

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buffer)
    }
}

/// Sends what a reader makes; without a length in chunks.
pub(super) async fn stream(
    stream: &mut TcpStream,
    reader: Box<dyn Read + Send>,
    length: Option<u64>,
) -> io::Result<()> {
    blocks(stream, reader, length).await
}

/// The next block is read while one is sent.
async fn blocks(
    stream: &mut TcpStream,
    reader: Box<dyn Read + Send>,
    length: Option<u64>,
) -> io::Result<()> {
    let mut left = length;
    let mut next = tokio::task::spawn_blocking(move || read_block(reader, Vec::new(), left));
    let mut spare = Vec::new();
    loop {
        let (reader, block) = next.await.map_err(io::Error::other)??;
        let count = u64::try_from(block.len()).unwrap_or(u64::MAX);
        left = left.map(|left| left.saturating_sub(count));
        if block.is_empty() {
            return match left {
                None => write_all(stream, b"0\r\n\r\n").await,
                Some(0) => Ok(()),
                // It was promised to be longer: only the end of the connection can tell now.
                Some(_) => Err(io::ErrorKind::UnexpectedEof.into()),
            };
        }
        let again = std::mem::take(&mut spare);
        next = tokio::task::spawn_blocking(move || read_block(reader, again, left));
        if length.is_none() {
            write_all(stream, format!("{count:x}\r\n").as_bytes()).await?;
        }
        write_all(stream, &block).await?;
        if length.is_none() {
            write_all(stream, b"\r\n").await?;
        }
        spare = block;
    }
}

type Read1 = (Box<dyn Read + Send>, Vec<u8>);

fn read_block(
    mut reader: Box<dyn Read + Send>,
    mut block: Vec<u8>,
    left: Option<u64>,
) -> io::Result<Read1> {
    block.clear();
    let most = u64::try_from(BLOCK).unwrap_or(u64::MAX);
    let wanted = left.map_or(most, |left| left.min(most));
    Read::by_ref(&mut reader)
        .take(wanted)
        .read_to_end(&mut block)?;
    Ok((reader, block))
}

#[cfg(unix)]
mod by_kernel {
    //! Neither the bytes nor a thread of the runtime go along: a thread for blocking work feeds the
    //! socket as long as the client keeps up, and the runtime waits for a client that does not.

    use std::fs::File;
    use std::io;
    use std::ops::Range;
    use std::os::fd::{AsFd as _, OwnedFd};
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::io::Interest;
    use tokio::net::TcpStream;
    use tokio::time::timeout;

    use super::STALL;
    use crate::platform;

    /// Sent at once at most.
    const PIECE: usize = 2 << 20;

    /// After so many bytes others get the thread.
    const TURN: u64 = 256 << 20;

    /// A client that is not ready for so long is waited for without a thread.
    const PATIENCE: Duration = Duration::from_millis(5);

    /// Sends a part of a file. Answers how far it came: not to the end when the system cannot do it.
    pub(super) async fn send(
        stream: &TcpStream,
        file: &Arc<File>,
        part: Range<u64>,
    ) -> io::Result<u64> {
        let mut socket = stream.as_fd().try_clone_to_owned()?;
        let mut offset = part.start;
        while offset < part.end {
            let (file, left) = (Arc::clone(file), offset..part.end);
            let turn = tokio::task::spawn_blocking(move || feed(socket, &file, left));
            let fed = turn.await.map_err(io::Error::other)??;
            (socket, offset) = (fed.socket, fed.offset);
            if fed.cannot {
                break;
            }
            if fed.waits {
                timeout(STALL, until_it_takes_more(stream, &socket)).await??;
            }
        }
        Ok(offset)
    }

    struct Fed {
        socket: OwnedFd,
        offset: u64,
        /// The client is slower.
        waits: bool,
        /// The system does not do it.
        cannot: bool,
    }

    fn feed(socket: OwnedFd, file: &File, part: Range<u64>) -> io::Result<Fed> {
        let mut offset = part.start;
        let (mut waits, mut cannot) = (false, false);
        while offset < part.end && offset - part.start < TURN {
            let left = usize::try_from(part.end - offset).unwrap_or(PIECE);
            match platform::send_file(&socket, file, offset, left.min(PIECE)) {
                // Somebody made the file shorter.
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => offset += u64::try_from(count).unwrap_or_default(),
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock => {
                        if !platform::takes_more(&socket, PATIENCE) {
                            waits = true;
                            break;
                        }
                    }
                    io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput => {
                        cannot = true;
                        break;
                    }
                    _ => return Err(error),
                },
            }
        }
        Ok(Fed {
            socket,
            offset,
            waits,
            cannot,
        })
    }

    /// The runtime does not know what happened to the socket meanwhile, so that it is asked first.
    async fn until_it_takes_more(stream: &TcpStream, socket: &OwnedFd) -> io::Result<()> {
        loop {
            stream.writable().await?;
            let asked = stream.try_io(Interest::WRITABLE, || {
                if platform::takes_more(socket, Duration::ZERO) {
                    Ok(())
                } else {
                    Err(io::ErrorKind::WouldBlock.into())
                }
            });
            match asked {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}
