//! The only place that prints. Results go to standard output, everything said about them to
//! standard error, so that a pipe gets results alone.

use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write};

use serde::Serialize;

/// Prints.
#[derive(Debug)]
pub(super) struct Printer {
    out: BufWriter<Stdout>,
}

impl Printer {
    /// A printer to the standard output.
    pub(super) fn new() -> Self {
        Self {
            out: BufWriter::new(io::stdout()),
        }
    }

    /// A line of the result.
    pub(super) fn line(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        writeln!(self.out, "{}", text.as_ref())
    }

    /// The result as JSON.
    pub(super) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut self.out, value)?;
        writeln!(self.out)
    }

    /// For what writes by itself.
    pub(super) fn writer(&mut self) -> &mut dyn Write {
        &mut self.out
    }

    /// Shows what was printed so far.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Something that went wrong without ending the command.
    pub(super) fn warning(&mut self, text: &str) {
        self.aside("warning: ", text);
    }

    /// Something that is good to know.
    pub(super) fn note(&mut self, text: &str) {
        self.aside("", text);
    }

    /// Why the command failed.
    pub(super) fn error(&mut self, text: &str) {
        self.aside("error: ", text);
    }

    /// Mistakes that are drawn already.
    pub(super) fn said(&mut self, drawn: &str) {
        if !drawn.is_empty() {
            self.aside("", drawn.trim_end_matches('\n'));
        }
    }

    fn aside(&mut self, prefix: &str, text: &str) {
        // In the order in which it was said. Where nobody listens, nobody is to be told.
        let _ = self.out.flush();
        let _ = writeln!(io::stderr(), "{prefix}{text}");
    }

    /// Whether a person watches.
    pub(super) fn is_watched() -> bool {
        io::stderr().is_terminal()
    }
}
