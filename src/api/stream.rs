//! Server-sent events: what happens in the service and what apps print, in one stream that a
//! reader can resume.
//!
//! An event's id is a cursor: `<boot>-<number>`, and after it for each log that is followed
//! `;<name>:<position>`. It tells everything that the reader has seen so far, so that one who
//! comes back with it misses nothing. When what came since cannot be told any more, the stream
//! says `reset`: the reader has to load anew what it shows.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

use super::error::ApiError;
use super::log::{Position, Reader, Tail};
use crate::job::event::{Event, Events};
use crate::supervisor::Supervisor;

/// Proxies and readers take silence for a broken connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Frames that wait for a slow reader; a full queue makes the sources wait.
const QUEUE: usize = 16;

/// What a reader has seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Cursor {
    boot: String,
    number: u64,
    logs: BTreeMap<String, Position>,
}

impl Cursor {
    /// One who has seen all that has happened, and no log.
    pub(super) fn now(events: &Events) -> Self {
        Self {
            boot: events.boot().to_owned(),
            number: events.newest(),
            logs: BTreeMap::new(),
        }
    }

    /// Reads an id that we gave; nothing when it is not one.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';');
        let (boot, number) = parts.next()?.rsplit_once('-')?;
        let logs = parts
            .map(|part| {
                let (name, position) = part.split_once(':')?;
                Some((name.to_owned(), position.parse().ok()?))
            })
            .collect::<Option<_>>()?;
        Some(Self {
            boot: boot.to_owned(),
            number: number.parse().ok()?,
            logs,
        })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.boot, self.number)?;
        for (name, position) in &self.logs {
            write!(f, ";{name}:{position}")?;
        }
        Ok(())
    }
}

/// Where the reader stopped: the header that browsers send when they come back, or `lastEventId`.
pub(super) fn last_seen(request: &HttpRequest, query: Option<&str>) -> Option<Cursor> {
    let header = request
        .headers()
        .get("last-event-id")
        .and_then(|value| value.to_str().ok());
    Cursor::parse(header.or(query)?)
}

/// One thing to tell.
enum Frame {
    Event(Event),
    /// Lines of a log, and the place behind them.
    Lines {
        log: String,
        lines: Vec<String>,
        end: Position,
    },
    /// Something was missed.
    Reset,
    /// There will be no more.
    End,
}

/// A log to follow.
pub(super) struct Followed {
    /// Its name in ids and events.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// Told first, when the reader did not see this log before.
    pub tail: Tail,
}

#[derive(Serialize)]
struct Lines<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<&'a str>,
    lines: &'a [String],
}

/// What a stream tells.
pub(super) struct Plan<'a> {
    /// The service's events, if they are asked for.
    pub events: Option<&'a Events>,
    /// Logs.
    pub logs: Vec<Followed>,
    /// The stream is over when this is and all lines were told.
    pub until: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

/// Opens a stream.
pub(super) fn open(
    plan: Plan<'_>,
    seen: Option<&Cursor>,
    boot: &str,
    supervisor: &Supervisor,
    ending: &CancellationToken,
) -> HttpResponse {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let mut cursor = Cursor {
        boot: boot.to_owned(),
        number: 0,
        logs: BTreeMap::new(),
    };
    if let Some(events) = plan.events {
        let begin = begin(events, seen);
        cursor.number = begin.cursor;
        actix_web::rt::spawn(tell_events(begin, events.clone(), sender.clone()));
    }
    // Dropped when the follower may stop: then it reads to the end of what is there.
    let (stop, _) = tokio::sync::watch::channel(());
    for followed in plan.logs {
        let place = seen.and_then(|seen| seen.logs.get(&followed.name));
        let (lines, at) = match place {
            Some(place) => (Vec::new(), *place),
            None => (followed.tail.lines, followed.tail.end),
        };
        // A reader that is cut off before it got the tail shall get it when it comes back.
        if lines.is_empty() {
            cursor.logs.insert(followed.name.clone(), at);
        }
        let follower = Follower {
            name: followed.name,
            first: lines,
            changes: supervisor.watch_log(&followed.path),
            reader: Reader::new(followed.path, at),
            stop: stop.subscribe(),
        };
        actix_web::rt::spawn(follower.run(sender.clone()));
    }
    let until = plan.until;
    actix_web::rt::spawn(async move {
        let gone = sender.closed();
        match until {
            Some(until) => tokio::select! {
                () = until => (),
                () = gone => (),
            },
            None => gone.await,
        }
        // The followers tell what is left, and then go.
        drop(stop);
    });
    let first = format!("retry: 1000\nid: {cursor}\n\n");
    let teller = Teller {
        frames: receiver,
        cursor,
        ending: ending.clone(),
        first: Some(first),
        over: false,
    };
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(stream::unfold(teller, Teller::next))
}

/// Makes frames into bytes.
struct Teller {
    frames: mpsc::Receiver<Frame>,
    cursor: Cursor,
    ending: CancellationToken,
    first: Option<String>,
    over: bool,
}

impl Teller {
    async fn next(mut self) -> Option<(Result<Bytes, ApiError>, Self)> {
        if let Some(first) = self.first.take() {
            return Some((Ok(first.into()), self));
        }
        if self.over {
            return None;
        }
        let frame = tokio::select! {
            () = self.ending.cancelled() => return None,
            frame = self.frames.recv() => frame.unwrap_or(Frame::End),
            () = tokio::time::sleep(KEEP_ALIVE) => {
                return Some((Ok(Bytes::from_static(b": still here\n\n")), self));
            }
        };
        let mut text = String::new();
        self.write(frame, &mut text);
        // What else waits goes out with it.
        while !self.over
            && text.len() < 256 * 1024
            && let Ok(frame) = self.frames.try_recv()
        {
            self.write(frame, &mut text);
        }
        Some((Ok(text.into()), self))
    }

    fn write(&mut self, frame: Frame, text: &mut String) {
        use std::fmt::Write as _;
        let (kind, data) = match frame {
            Frame::Event(event) => {
                self.cursor.number = event.number;
                (event.kind, event.data)
            }
            Frame::Lines { log, lines, end } => {
                let data = serde_json::to_string(&Lines {
                    app: (!log.is_empty() && log != JOB).then_some(log.as_str()),
                    lines: &lines,
                })
                .expect("lines of text are JSON");
                self.cursor.logs.insert(log, end);
                ("log", data.into())
            }
            Frame::Reset => ("reset", "{}".into()),
            Frame::End => {
                self.over = true;
                ("end", "{}".into())
            }
        };
        // JSON in one line needs no splitting.
        write!(text, "event: {kind}\nid: {}\ndata: {data}\n\n", self.cursor)
            .expect("a String takes everything");
    }
}

/// Name of a job's log in ids: no app can have it.
pub(super) const JOB: &str = "_";

/// What the stream of events goes on with.
struct Begin {
    /// Number of the last event that the reader has seen or must do without.
    cursor: u64,
    missed: bool,
    backlog: Vec<Event>,
    coming: broadcast::Receiver<Event>,
}

fn begin(events: &Events, seen: Option<&Cursor>) -> Begin {
    let newest = events.newest();
    match seen {
        None => go_on(events, newest),
        Some(seen) if seen.boot == events.boot() => go_on(events, seen.number),
        Some(_) => Begin {
            missed: true,
            ..go_on(events, newest)
        },
    }
}

fn go_on(events: &Events, from: u64) -> Begin {
    let (backlog, coming) = events.after(from);
    if let Some(backlog) = backlog {
        return Begin {
            cursor: from,
            missed: false,
            backlog,
            coming,
        };
    }
    Begin {
        // The reader loads anew what it shows, so it needs no event from before.
        cursor: events.newest(),
        missed: true,
        backlog: Vec::new(),
        coming,
    }
}

async fn tell_events(mut begin: Begin, events: Events, frames: mpsc::Sender<Frame>) {
    loop {
        let reset = begin.missed.then_some(Frame::Reset);
        let backlog = begin.backlog.into_iter().map(|event| {
            begin.cursor = event.number;
            Frame::Event(event)
        });
        for frame in reset.into_iter().chain(backlog) {
            if frames.send(frame).await.is_err() {
                return;
            }
        }
        let lagged = loop {
            let event = tokio::select! {
                event = begin.coming.recv() => event,
                () = frames.closed() => return,
            };
            match event {
                Ok(event) => {
                    begin.cursor = event.number;
                    if frames.send(Frame::Event(event)).await.is_err() {
                        return;
                    }
                }
                Err(RecvError::Lagged(_)) => break true,
                Err(RecvError::Closed) => break false,
            }
        };
        if !lagged {
            return;
        }
        // A slow reader: what it missed may still be kept.
        begin = go_on(&events, begin.cursor);
    }
}

/// Follows one log. It sleeps until the supervisor says that something was appended.
struct Follower {
    name: String,
    first: Vec<String>,
    reader: Reader,
    changes: tokio::sync::watch::Receiver<u64>,
    stop: tokio::sync::watch::Receiver<()>,
}

impl Follower {
    async fn run(mut self, frames: mpsc::Sender<Frame>) {
        if !self.first.is_empty() {
            let lines = std::mem::take(&mut self.first);
            if self.tell(lines, &frames).await.is_err() {
                return;
            }
        }
        let mut last_round = false;
        loop {
            // Before reading, so that what comes meanwhile wakes us again.
            self.changes.mark_unchanged();
            loop {
                let mut reader = self.reader;
                let read = actix_web::web::block(move || {
                    let lines = reader.read();
                    (reader, lines)
                })
                .await;
                let Ok((reader, lines)) = read else { return };
                self.reader = reader;
                match lines {
                    Ok(lines) if lines.is_empty() => break,
                    Ok(lines) => {
                        if self.tell(lines, &frames).await.is_err() {
                            return;
                        }
                    }
                    Err(error) => {
                        let lines = vec![format!("(the log cannot be read: {error})")];
                        // The receiver is gone or not; either way nothing more comes.
                        let _ = self.tell(lines, &frames).await;
                        return;
                    }
                }
            }
            if last_round {
                return;
            }
            tokio::select! {
                changed = self.changes.changed() => if changed.is_err() { return },
                _ = self.stop.changed() => last_round = true,
                () = frames.closed() => return,
            }
        }
    }

    async fn tell(&self, lines: Vec<String>, frames: &mpsc::Sender<Frame>) -> Result<(), ()> {
        let frame = Frame::Lines {
            log: self.name.clone(),
            lines,
            end: self.reader.position(),
        };
        frames.send(frame).await.map_err(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_back_as_it_was() {
        for id in ["k3x-0", "a-b-17", "k3x-5;mysql5.7:1f.a0;nginx:2.0"] {
            assert_eq!(Cursor::parse(id).unwrap().to_string(), id);
        }
        for id in [
            "",
            "17",
            "a-",
            "a-x",
            "a-1;",
            "a-1;x",
            "a-1;x:1",
            "a-1;x:g.1",
        ] {
            assert!(Cursor::parse(id).is_none(), "{id}");
        }
    }
}
