//! One connection: requests come in one after the other, and are answered in that order.
//!
//! It is written by hand because of what the libraries do not let us: exactly the fields of the
//! original in each answer, connections that stay open whatever the client says, and packages that go
//! from the disk to the network by the kernel alone. Heads are read by `httparse`.

use std::io;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::super::pace::Pace;
use super::answer::Answer;
use super::request::{self, Length, Parsed, Request};
use super::send;
use crate::package::store::Piece;

/// The largest head of a request.
const MAX_HEAD: usize = 16 << 10;

/// Read at once while nothing large is expected.
const SMALL: usize = 4 << 10;

/// Read at once of a body.
pub(super) const BLOCK: usize = 256 << 10;

/// A connection on which nothing is asked for so long is closed.
const IDLE: Duration = Duration::from_mins(5);

/// A head is here so long after its first byte.
const HEAD_TIME: Duration = Duration::from_secs(15);

/// A connection that is at its end is kept so long for a client that still sends.
const FAREWELL: Duration = Duration::from_secs(30);

/// A client that takes nothing for so long is gone.
pub(super) const STALL: Duration = Duration::from_mins(1);

/// So much of a body that nobody wants is swallowed to keep the connection.
const MAX_UNWANTED: u64 = 8 << 30;

/// The longest line between the chunks of a body, and the most lines behind them.
const MAX_LINE: usize = 1 << 10;
const MAX_TRAILERS: usize = 64;

/// What is buffered for a body's sake.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    buffer: BytesMut,
    out: String,
}

/// What is still to come of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Nothing,
    Bytes(u64),
    /// The line with the size of the next chunk.
    Size,
    /// So much of a chunk.
    Chunk(u64),
    /// The line's end behind a chunk.
    ChunkEnd,
    /// The lines behind the last chunk.
    Trailers(usize),
}

/// A body on its way in.
#[derive(Debug)]
pub(super) struct Body {
    left: Left,
    /// The client waits to be told to send it.
    waits: bool,
    /// Since it is read.
    pace: Option<Pace>,
}

/// Why a body did not come: there is nobody left to answer.
#[derive(Debug)]
pub(super) struct Gone;

impl From<io::Error> for Gone {
    fn from(_: io::Error) -> Self {
        Self
    }
}

impl Body {
    pub(super) fn of(request: &Request) -> Self {
        let left = match request.body {
            Length::None | Length::Known(0) => Left::Nothing,
            Length::Known(bytes) => Left::Bytes(bytes),
            Length::Chunked => Left::Size,
        };
        Self {
            waits: request.waits && left != Left::Nothing,
            left,
            pace: None,
        }
    }

    /// How long to wait for more of it.
    fn patience(&mut self) -> Duration {
        self.pace.get_or_insert_with(Pace::begin).patience()
    }

    fn came(&mut self, bytes: u64) {
        self.pace.get_or_insert_with(Pace::begin).add(bytes);
    }

    pub(super) fn is_over(&self) -> bool {
        self.left == Left::Nothing
    }

    /// How long it is, if the client said so.
    pub(super) fn announced(&self) -> Option<u64> {
        match self.left {
            Left::Nothing => Some(0),
            Left::Bytes(bytes) => Some(bytes),
            Left::Size | Left::Chunk(_) | Left::ChunkEnd | Left::Trailers(_) => None,
        }
    }
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: BytesMut::with_capacity(SMALL),
            out: String::new(),
        }
    }

    /// The next request; none when there will be none, or none that can be answered.
    pub(super) async fn request(&mut self) -> Option<Request> {
        if self.buffer.is_empty() {
            self.read(IDLE).await.ok()?;
        }
        timeout(HEAD_TIME, self.head()).await.ok().flatten()
    }

    async fn head(&mut self) -> Option<Request> {
        loop {
            match request::parse(&self.buffer) {
                Parsed::Head(request, length) => {
                    self.buffer.advance(length);
                    return Some(*request);
                }
                Parsed::Partial if self.buffer.len() < MAX_HEAD => {}
                Parsed::Partial | Parsed::Broken => return None,
            }
            self.read(HEAD_TIME).await.ok()?;
        }
    }

    /// Reads something into the buffer.
    async fn read(&mut self, patience: Duration) -> Result<(), Gone> {
        if self.buffer.capacity() - self.buffer.len() < SMALL / 4 {
            self.buffer.reserve(SMALL);
        }
        match timeout(patience, self.stream.read_buf(&mut self.buffer)).await {
            Ok(Ok(count)) if count > 0 => Ok(()),
            _ => Err(Gone),
        }
    }

    /// Lets a client that waits send its body.
    async fn invite(&mut self, body: &mut Body) -> Result<(), Gone> {
        if std::mem::take(&mut body.waits) {
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        Ok(())
    }

    /// Reads of a body until the block is full or the body ends.
    pub(super) async fn fill(&mut self, body: &mut Body, block: &mut Vec<u8>) -> Result<(), Gone> {
        self.invite(body).await?;
        let whole = body
            .announced()
            .and_then(|bytes| usize::try_from(bytes).ok());
        let wanted = whole.unwrap_or(BLOCK).min(BLOCK);
        block.reserve(wanted.saturating_sub(block.len()));
        loop {
            let room = BLOCK.saturating_sub(block.len());
            match body.left {
                Left::Nothing => return Ok(()),
                Left::Bytes(_) | Left::Chunk(_) if room == 0 => return Ok(()),
                Left::Bytes(left) => {
                    let left = left - self.take(body, left, room, block).await?;
                    body.left = if left == 0 {
                        Left::Nothing
                    } else {
                        Left::Bytes(left)
                    };
                }
                Left::Chunk(left) => {
                    let left = left - self.take(body, left, room, block).await?;
                    body.left = if left == 0 {
                        Left::ChunkEnd
                    } else {
                        Left::Chunk(left)
                    };
                }
                Left::Size => {
                    let size = chunk_size(&self.line(body).await?).ok_or(Gone)?;
                    body.left = if size == 0 {
                        Left::Trailers(0)
                    } else {
                        Left::Chunk(size)
                    };
                }
                Left::ChunkEnd => {
                    if !self.line(body).await?.is_empty() {
                        return Err(Gone);
                    }
                    body.left = Left::Size;
                }
                Left::Trailers(count) => {
                    body.left = if self.line(body).await?.is_empty() {
                        Left::Nothing
                    } else if count < MAX_TRAILERS {
                        Left::Trailers(count + 1)
                    } else {
                        return Err(Gone);
                    };
                }
            }
        }
    }

    /// Moves bytes of a body into a block: what is buffered already, else what comes next.
    async fn take(
        &mut self,
        body: &mut Body,
        left: u64,
        room: usize,
        block: &mut Vec<u8>,
    ) -> Result<u64, Gone> {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(room);
        let count = if self.buffer.is_empty() {
            let limit = u64::try_from(wanted).unwrap_or(u64::MAX);
            let mut limited = (&mut self.stream).take(limit);
            match timeout(body.patience(), limited.read_buf(block)).await {
                Ok(Ok(count)) if count > 0 => count,
                _ => return Err(Gone),
            }
        } else {
            let count = wanted.min(self.buffer.len());
            block.extend_from_slice(&self.buffer.split_to(count));
            count
        };
        let count = u64::try_from(count).map_err(|_| Gone)?;
        body.came(count);
        Ok(count)
    }

    /// A line without its end. It is not counted: a body of little else is a slow one.
    async fn line(&mut self, body: &mut Body) -> Result<Vec<u8>, Gone> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let mut line = self.buffer.split_to(end + 1).to_vec();
                line.pop();
                return match line.pop() {
                    Some(b'\r') => Ok(line),
                    Some(_) | None => Err(Gone),
                };
            }
            if self.buffer.len() > MAX_LINE {
                return Err(Gone);
            }
            self.read(body.patience()).await?;
        }
    }

    /// Reads a body that nobody wants, so that the connection can go on. Answers whether it can.
    pub(super) async fn swallow(&mut self, body: &mut Body) -> bool {
        let mut block = Vec::new();
        let mut swallowed = 0;
        while !body.is_over() {
            block.clear();
            if self.fill(body, &mut block).await.is_err() || swallowed > MAX_UNWANTED {
                return false;
            }
            swallowed += u64::try_from(block.len()).unwrap_or(u64::MAX);
        }
        true
    }

    /// Answers, and deals with what is left of the body. Answers whether the connection goes on.
    pub(super) async fn answer(&mut self, answer: Answer, mut body: Body) -> bool {
        // Who waits and gets an answer instead may send the body or not: what comes next is unclear.
        let closes = body.waits;
        if self.send(answer, closes).await.is_err() {
            return false;
        }
        if closes {
            let _ = self.stream.shutdown().await;
            // What is unread when a connection is closed takes the answer with it.
            body.waits = false;
            let _ = timeout(FAREWELL, self.swallow(&mut body)).await;
            return false;
        }
        self.swallow(&mut body).await
    }

    async fn send(&mut self, answer: Answer, closes: bool) -> io::Result<()> {
        self.out.clear();
        answer.head(&mut self.out, closes);
        match answer {
            Answer::Empty(_) => self.flush(&[]).await,
            Answer::Json(_, content) => self.flush(&content).await,
            Answer::Png(content) => self.flush(&content).await,
            Answer::Package(mut pieces) => {
                let first = match pieces.first_mut() {
                    Some(Piece::Bytes(bytes)) => std::mem::take(bytes),
                    Some(Piece::File(..)) | None => Vec::new(),
                };
                self.flush(&first).await?;
                for piece in pieces {
                    match piece {
                        Piece::File(file, part) => {
                            send::file(&mut self.stream, file, part).await?;
                        }
                        Piece::Bytes(bytes) => self.write(&bytes).await?,
                    }
                }
                Ok(())
            }
            Answer::Stream(reader, length) => {
                self.flush(&[]).await?;
                send::stream(&mut self.stream, reader, length).await
            }
        }
    }

    /// Writes the head with what follows, by one call where the system takes it at once.
    async fn flush(&mut self, content: &[u8]) -> io::Result<()> {
        send::write_both(&mut self.stream, self.out.as_bytes(), content).await
    }

    async fn write(&mut self, content: &[u8]) -> io::Result<()> {
        send::write_all(&mut self.stream, content).await
    }
}

/// Reads the line before a chunk: hexadecimal digits, perhaps extensions.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(line).ok()?;
    let digits = text.split(';').next()?.trim();
    let valid = (1..=16).contains(&digits.len()) && digits.bytes().all(|it| it.is_ascii_hexdigit());
    valid.then(|| u64::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_tell_their_size() {
        for (line, expected) in [
            ("0", Some(0)),
            ("1aF", Some(0x1af)),
            ("10;name=value", Some(16)),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("0x10", None),
            ("10000000000000000", None),
        ] {
            assert_eq!(chunk_size(line.as_bytes()), expected, "{line}");
        }
    }
}
