//! `storekeeper package-server`: the command line of Qt's `appman-package-server`.
//!
//! Its rules are not clap's (an unknown option is 1, everything after the options is 2, what is no option
//! does not matter), so it is read by hand.

use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::printer::Printer;
use super::{Failed, Outcome};
use crate::api::package_server::{self, ListenAddress, Listening};
use crate::app::Sha256 as Checksum;
use crate::package::settings::{DEFAULT_ADDRESS, DEFAULT_PROJECT, FILE, Settings};
use crate::package::shelf::{Developers, Note, Report, Rules, Shelf, Store, drop_folder};
use crate::package::{SignatureError, StoreSigner, TrustStore, inspect::MAX_BYTES};
use crate::platform::{self, Ending};

/// Serves packages to developers' devices, as Qt's appman-package-server does, with its options
/// (`storekeeper package-server --help`)
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(super) struct Args {
    /// The original's options, and ours
    #[arg(
        value_name = "OPTIONS",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    words: Vec<OsString>,
}

const TITLE: &str = "Qt ApplicationManager Package Server";

/// The version whose behaviour this is.
const VERSION: &str = "6.8.0";

const HELP: &str = "\
Usage: storekeeper package-server [options]

Serves packages for development over HTTP: .ampkg packages of Qt's application manager and
packages of our own apps. It answers the clients of appman-package-server.

Options:
  -h, --help                     Displays this help.
  --version                      Displays version information.
  --dd, --data-directory <dir>   The data directory. Defaults to the current directory, but only
                                 if it contains amps-config.yaml.
  --la, --listen-address <address>
                                 Where to listen: localhost, any or an IP address, perhaps with
                                 :<port>; without it any free port. Defaults to localhost:8020.
  --pi, --project-id <id>        The project ID. Defaults to PROJECT.
  --sc <file>                    PKCS#12 certificate that store-signs downloads.
  --sp <password>                Its password.
  --dc <file>                    PEM certificate by which developer signatures of uploads are
                                 verified; may be repeated.
  --cc, --create-config          Saves these settings to amps-config.yaml in the data directory.

Not in the original:
  --max-package-size <bytes>     The largest package that is taken, e.g. 500M or 2G.
                                 Defaults to 100M (104857600 bytes).
  --inverted-filters             category and filter of package/list leave out what matches, as
                                 the original does, instead of what does not, as its manual says.
  --allow-host <name>            Another name by which this computer is called; may be repeated.
";

/// What the command line says.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own that is given or not"
)]
struct Options {
    folder: Option<PathBuf>,
    settings: Settings,
    create_config: bool,
    max_bytes: Option<u64>,
    inverted_filters: bool,
    hosts: Vec<String>,
    help: bool,
    version: bool,
}

impl Options {
    fn parse(words: Vec<OsString>) -> Result<Self, String> {
        let mut options = Self::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let Some(text) = word.to_str() else {
                if word.as_encoded_bytes().starts_with(b"-") {
                    return Err(format!("Unknown option '{}'.", word.to_string_lossy()));
                }
                continue;
            };
            if text == "--" {
                break;
            }
            if !text.starts_with('-') || text == "-" {
                continue;
            }
            let Some(long) = text.strip_prefix("--") else {
                if text == "-h" {
                    options.help = true;
                    continue;
                }
                return Err(format!(
                    "Unknown option '{}'.",
                    text.trim_start_matches('-')
                ));
            };
            let (name, given) = match long.split_once('=') {
                Some((name, value)) => (name, Some(OsString::from(value))),
                None => (long, None),
            };
            if let Some(flag) = options.flag(name) {
                if given.is_some() {
                    return Err(format!("Unexpected value after '--{name}'."));
                }
                *flag = true;
                continue;
            }
            if !Self::takes_value(name) {
                return Err(format!("Unknown option '{name}'."));
            }
            let value = given
                .or_else(|| words.next())
                .ok_or_else(|| format!("Missing value after '--{name}'."))?;
            options.set(name, value)?;
        }
        Ok(options)
    }

    fn flag(&mut self, name: &str) -> Option<&mut bool> {
        match name {
            "help" => Some(&mut self.help),
            "version" => Some(&mut self.version),
            "cc" | "create-config" => Some(&mut self.create_config),
            "inverted-filters" => Some(&mut self.inverted_filters),
            _ => None,
        }
    }

    fn takes_value(name: &str) -> bool {
        matches!(
            name,
            "dd" | "data-directory"
                | "la"
                | "listen-address"
                | "pi"
                | "project-id"
                | "sc"
                | "sp"
                | "dc"
                | "max-package-size"
                | "allow-host"
        )
    }

    fn set(&mut self, name: &str, value: OsString) -> Result<(), String> {
        let text = |value: &OsStr| value.to_string_lossy().into_owned();
        match name {
            "dd" | "data-directory" => self.folder = Some(value.into()),
            "la" | "listen-address" => self.settings.listen_address = Some(text(&value)),
            "pi" | "project-id" => self.settings.project_id = Some(text(&value)),
            "sc" => self.settings.store_sign_certificate = Some(value.into()),
            "sp" => self.settings.store_sign_password = Some(text(&value)),
            "dc" => self.settings.developer_certificates.push(value.into()),
            "allow-host" => self.hosts.push(text(&value)),
            _ => {
                let text = text(&value);
                let bytes = bytes(&text).ok_or_else(|| {
                    format!("`{text}` is no size; write a number of bytes, perhaps with K, M or G")
                })?;
                self.max_bytes = Some(bytes);
            }
        }
        Ok(())
    }
}

/// A size as people write it, in powers of 1024.
fn bytes(text: &str) -> Option<u64> {
    let upper = text.trim().to_ascii_uppercase();
    let short = upper.strip_suffix("IB").or_else(|| upper.strip_suffix('B'));
    let short = short.unwrap_or(&upper);
    let (digits, power) = match short.chars().last()? {
        'K' => (short.strip_suffix('K')?, 10),
        'M' => (short.strip_suffix('M')?, 20),
        'G' => (short.strip_suffix('G')?, 30),
        _ => (short, 0),
    };
    let number: u64 = digits.parse().ok()?;
    number.checked_mul(1 << power).filter(|bytes| *bytes > 0)
}

/// How the original ends: 1 for what it does not know, 2 for what it cannot do.
fn fail(printer: &mut Printer, code: u8, text: &str) -> Failed {
    printer.said(text);
    Failed::With(ExitCode::from(code))
}

/// Runs the command.
pub(super) fn run(args: Args, printer: &mut Printer) -> Outcome {
    let options = match Options::parse(args.words) {
        Ok(options) => options,
        Err(reason) => return Err(fail(printer, 1, &reason)),
    };
    if options.version {
        return Ok(printer.line(format!("{TITLE} {VERSION}"))?);
    }
    let folder = match &options.folder {
        Some(folder) => folder.clone(),
        None if Path::new(FILE).is_file() && !options.help => PathBuf::from("."),
        None => return Ok(printer.writer().write_all(HELP.as_bytes())?),
    };
    if options.help {
        return Ok(printer.writer().write_all(HELP.as_bytes())?);
    }
    super::serve::log_to_stderr("error,storekeeper=warn");
    platform::share_heap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(16)
        .thread_keep_alive(Duration::from_secs(1))
        .enable_all()
        .build()
        .map_err(Failed::because)?;
    match runtime.block_on(work(options, folder)) {
        Ok(ending) => ending.end(),
        Err(reason) => Err(fail(printer, 2, &format!("ERROR: {reason}"))),
    }
}

/// Serves until a signal comes.
async fn work(options: Options, folder: PathBuf) -> Result<Ending, String> {
    // Asked for first: a signal during the start gives the folder back, too.
    let ending = platform::ending();
    tokio::pin!(ending);
    let opened = tokio::task::spawn_blocking(move || {
        let colours = has_colours();
        let report: Report = Box::new(move |notes| say(notes.iter().map(|it| it.line(colours))));
        let opened = open(&folder, options.settings, options.create_config, |rules| {
            rules.max_bytes = options.max_bytes.unwrap_or(MAX_BYTES);
            rules.inverted_filters = options.inverted_filters;
            report
        })?;
        let line = |text: String| Note::Heading(text).line(colours);
        let yes_or_no = |it: bool| if it { "yes" } else { "no" };
        let rules = opened.shelf.rules();
        say([
            TITLE.to_owned(),
            line(format!(
                "Data directory: {}",
                opened.shelf.folder().display()
            )),
            line(format!("Project: {}", opened.project)),
            line(format!(
                "Verify developer signature on upload: {}",
                yes_or_no(rules.developers.is_some())
            )),
            line(format!(
                "Add store signature on download: {}",
                yes_or_no(rules.store.is_some())
            )),
        ]);
        Ok::<_, String>((opened, options.hosts, colours))
    });
    let (opened, hosts, colours) = tokio::select! {
        opened = opened => opened.map_err(|fault| fault.to_string())??,
        ending = &mut ending => return Ok(ending),
    };
    let Opened {
        shelf,
        listening,
        project,
    } = opened;
    let scanning = shelf.clone();
    let scanned = tokio::task::spawn_blocking(move || {
        scanning.scan();
        drop_folder::watch(&scanning)
    });
    tokio::select! {
        watched = scanned => watched
            .map_err(io::Error::other)
            .flatten()
            .map_err(|error| cannot_watch(&shelf, &error))?,
        ending = &mut ending => {
            shelf.abandon();
            return Ok(ending);
        }
    }
    let address = listening.address.clone();
    let listening = package_server::serve(
        listening,
        shelf.clone(),
        project,
        &hosts,
        CancellationToken::new(),
    );
    say([Note::Heading(format!("HTTP server listening on: {address}")).line(colours)]);
    let ending = tokio::select! {
        ended = listening => {
            ended.map_err(|error| format!("the HTTP server ended: {error}"))?;
            return Err("the HTTP server ended by itself".to_owned());
        }
        ending = &mut ending => ending,
    };
    let closing = tokio::task::spawn_blocking(move || shelf.close());
    // The signal ends us whatever happens.
    let _ = closing.await;
    Ok(ending)
}

/// Says why a drop folder is not watched.
pub(super) fn cannot_watch(shelf: &Shelf, error: &io::Error) -> String {
    format!(
        "the directories upload and remove in {} cannot be watched: {error}",
        shelf.folder().display()
    )
}

/// A shelf and the socket for it, before anything was read or answered.
pub(super) struct Opened {
    pub(super) shelf: Shelf,
    pub(super) listening: Listening,
    pub(super) project: String,
}

/// Opens a data folder with the settings in it, over which the given ones go. Blocks.
///
/// # Errors
/// A sentence.
pub(super) fn open(
    folder: &Path,
    given: Settings,
    create_config: bool,
    finish: impl FnOnce(&mut Rules) -> Report,
) -> Result<Opened, String> {
    let shown = folder.display();
    let cannot = |error: io::Error| format!("could not create the data directory {shown}: {error}");
    std::fs::create_dir_all(folder).map_err(cannot)?;
    let folder = std::path::absolute(folder).map_err(cannot)?;
    // `.` and the like mean nothing to who reads the line.
    let folder: PathBuf = folder.components().collect();
    let known = Settings::load(&folder).map_err(|error| error.to_string())?;
    let settings = known.unwrap_or_default().overlaid_by(given);
    let project = settings.project_id.as_deref().unwrap_or(DEFAULT_PROJECT);
    if project.is_empty() {
        return Err("the project id may not be empty; give one with --project-id".to_owned());
    }
    let address = settings.listen_address.as_deref();
    let address: ListenAddress = address
        .unwrap_or(DEFAULT_ADDRESS)
        .parse()
        .map_err(|error: package_server::ListenError| error.to_string())?;
    let mut rules = rules(&settings)?;
    let report = finish(&mut rules);
    let shelf = Shelf::open(&folder, rules, report).map_err(|error| error.to_string())?;
    if create_config {
        settings.save(&folder).map_err(|error| error.to_string())?;
    }
    let listening = address.listen().map_err(|error| error.to_string())?;
    Ok(Opened {
        shelf,
        listening,
        project: project.to_owned(),
    })
}

fn rules(settings: &Settings) -> Result<Rules, String> {
    let certificates = &settings.developer_certificates;
    let developers = if certificates.is_empty() {
        None
    } else {
        let trust = TrustStore::from_pem_files(certificates).map_err(|error| error.to_string())?;
        let mut hasher = Sha256::new();
        for path in certificates {
            hasher.update(std::fs::read(path).unwrap_or_default());
        }
        let fingerprint = Checksum(hasher.finalize().into());
        Some(Developers { trust, fingerprint })
    };
    let store = match &settings.store_sign_certificate {
        None => None,
        Some(path) => {
            let password = settings.store_sign_password.as_deref().unwrap_or_default();
            Some(Store(match StoreSigner::load(path, password) {
                Ok(signer) => Ok(signer),
                Err(error @ SignatureError::Read { .. }) => return Err(error.to_string()),
                // Told at each download, as the original does.
                Err(error) => Err(error.to_string()),
            }))
        }
    };
    Ok(Rules {
        max_bytes: MAX_BYTES,
        developers,
        store,
        inverted_filters: false,
    })
}

/// On a terminal, unless `AM_FORCE_COLOR_OUTPUT` says otherwise.
fn has_colours() -> bool {
    match std::env::var("AM_FORCE_COLOR_OUTPUT").as_deref() {
        Ok("on" | "1") => true,
        Ok("off" | "0") => false,
        Ok(_) | Err(_) => io::stdout().is_terminal(),
    }
}

/// Prints lines at once and together.
fn say(lines: impl IntoIterator<Item = String>) {
    let mut text: String = String::new();
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    let mut out = io::stdout().lock();
    // Where nobody listens, nobody is to be told.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options, String> {
        Options::parse(words.iter().map(OsString::from).collect())
    }

    #[test]
    fn options_have_two_names_and_two_forms() {
        for words in [
            ["--dd", "x", "--la", "any", "--pi", "P", "--cc"],
            [
                "--data-directory",
                "x",
                "--listen-address",
                "any",
                "--project-id",
                "P",
                "--create-config",
            ],
        ] {
            let options = parse(&words).unwrap();
            assert_eq!(options.folder, Some(PathBuf::from("x")));
            assert_eq!(options.settings.listen_address.as_deref(), Some("any"));
            assert_eq!(options.settings.project_id.as_deref(), Some("P"));
            assert!(options.create_config);
        }
        let options = parse(&["--dd=x=y", "more", "--pi=", "--dc", "a", "--dc=b", "-"]).unwrap();
        assert_eq!(options.folder, Some(PathBuf::from("x=y")));
        assert_eq!(options.settings.project_id.as_deref(), Some(""));
        assert_eq!(options.settings.developer_certificates.len(), 2);
        assert!(parse(&["-h"]).unwrap().help);
        assert!(!parse(&["--", "--help"]).unwrap().help);
    }

    #[test]
    fn what_is_no_option_is_refused() {
        for words in [
            &["-dd", "x"][..],
            &["--what"],
            &["-x"],
            &["--dd"],
            &["--cc=yes"],
            &["--max-package-size", "large"],
        ] {
            assert!(parse(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn sizes_are_written_as_people_do() {
        for (text, expected) in [
            ("104857600", Some(104_857_600)),
            ("100M", Some(104_857_600)),
            ("2g", Some(2 << 30)),
            ("1 KiB", None),
            ("1KiB", Some(1024)),
            ("0", None),
            ("", None),
            ("-1", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}
