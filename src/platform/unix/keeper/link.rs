//! The connection to the service: JSON lines, never blocking.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;

use crate::platform::protocol::{Order, Report};

pub(super) struct Link {
    stream: UnixStream,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    was_blocked: bool,
}

impl Link {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            incoming: Vec::new(),
            outgoing: Vec::new(),
            was_blocked: false,
        }
    }

    pub(super) fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// The orders that have come, and whether the service is still there.
    pub(super) fn receive(&mut self) -> (Vec<Order>, bool) {
        let mut open = true;
        let mut chunk = [0; 16 << 10];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => {
                    open = false;
                    break;
                }
                Ok(count) => self
                    .incoming
                    .extend_from_slice(chunk.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    open = false;
                    break;
                }
            }
        }
        let complete = self
            .incoming
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |newline| newline + 1);
        let rest = self.incoming.split_off(complete);
        let lines = std::mem::replace(&mut self.incoming, rest);
        let orders = lines
            .split(|&byte| byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect();
        (orders, open)
    }

    pub(super) fn send(&mut self, report: &Report) {
        if serde_json::to_writer(&mut self.outgoing, report).is_ok() {
            self.outgoing.push(b'\n');
        }
    }

    /// Writes as much as the service takes now.
    pub(super) fn flush(&mut self) {
        let mut written = 0;
        while let Some(rest) = self.outgoing.get(written..)
            && !rest.is_empty()
        {
            match self.stream.write(rest) {
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // The service is gone; reading will say so.
                Err(_) => written = self.outgoing.len(),
            }
        }
        self.outgoing.drain(..written);
        if self.outgoing.is_empty() && self.outgoing.capacity() > 64 << 10 {
            self.outgoing = Vec::new();
        }
    }

    /// Whether something waits for the service to read, when that changed since the last call.
    pub(super) fn blocked_changed(&mut self) -> Option<bool> {
        let blocked = !self.outgoing.is_empty();
        let changed = blocked != self.was_blocked;
        self.was_blocked = blocked;
        changed.then_some(blocked)
    }
}
