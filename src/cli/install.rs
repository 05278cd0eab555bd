//! `storekeeper install`.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::client::{Client, Offer, Wish, absolute};
use super::printer::Printer;
use super::progress::one_by_one;
use super::{Failed, Outcome, Output};
use crate::app::AppName;
use crate::job::JobRecord;

/// Installs apps: from a folder, a package file, an address or a catalog, or by name when the folder
/// is in the run directory. Over an app that is there it is an upgrade, and data are kept
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder with an install.json, package file (.zip, .tar, .tar.gz, .tar.bz2), address of one, or
    /// name of an app; several are installed in this order
    #[arg(required = true, value_name = "FOLDER|FILE|URL|NAME[@VERSION]")]
    what: Vec<String>,
    /// Address of the program's official archive, which the package is laid over
    #[arg(long, value_name = "URL")]
    pkg: Option<String>,
    /// What the file at the address must hold, as 64 hexadecimal digits
    #[arg(long, value_name = "DIGITS")]
    sha256: Option<String>,
    /// The same for --pkg
    #[arg(long, value_name = "DIGITS", requires = "pkg")]
    pkg_sha256: Option<String>,
    /// Further address of the same file; may be given several times
    #[arg(long, value_name = "URL")]
    mirror: Vec<String>,
    /// The app's name, which the package must then bear
    #[arg(long)]
    name: Option<AppName>,
    /// Take it from this catalog
    #[arg(long, value_name = "NAME")]
    catalog: Option<String>,
    #[command(flatten)]
    dependencies: Dependencies,
    /// Start it at the end; an upgrade that does not become ready is taken back
    #[arg(long)]
    start: bool,
    /// Take an older version than the one that is there
    #[arg(long)]
    older: bool,
    /// Take the place of an app that came from elsewhere
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    output: Output,
}

/// What becomes of missing dependencies.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Dependencies {
    /// Install missing dependencies first, from the catalogs: so it is done without being asked for
    #[arg(long, overrides_with = "no_dependencies")]
    with_dependencies: bool,
    /// Fail when a dependency is missing
    #[arg(long, overrides_with = "with_dependencies")]
    no_dependencies: bool,
}

impl Dependencies {
    /// Whether they are installed.
    pub(super) fn are_installed(self) -> bool {
        self.with_dependencies || !self.no_dependencies
    }
}

/// What a word means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A folder with an app.
    Folder(PathBuf),
    /// A package file.
    Package(PathBuf),
    /// The address of a package.
    Address(String),
    /// An app that is in place, or one of a catalog.
    Name(AppName, Option<String>),
}

impl What {
    /// Understands a word. A name means the app of that name; a folder or file that is called so can
    /// be written `./name`.
    pub(super) fn parse(word: &str, is_app: impl Fn(&AppName) -> bool) -> Result<Self, Failed> {
        if is_address(word) {
            return Ok(Self::Address(word.to_owned()));
        }
        let path = Path::new(word);
        if let Ok(name) = AppName::parse(word)
            && (is_app(&name) || !path.exists())
        {
            return Ok(Self::Name(name, None));
        }
        if !path.exists()
            && let Some((name, version)) = word.split_once('@')
            && let Ok(name) = AppName::parse(name)
            && !version.is_empty()
        {
            return Ok(Self::Name(name, Some(version.to_owned())));
        }
        let path = absolute(path)?;
        Ok(if path.is_dir() {
            Self::Folder(path)
        } else {
            Self::Package(path)
        })
    }
}

/// Whether a word is an address of the web.
pub(super) fn is_address(word: &str) -> bool {
    let scheme = word.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| {
        scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
    })
}

/// Runs the command. A failure of one keeps none of the others.
pub(super) async fn run(args: Args, client: &Client, printer: &mut Printer) -> Outcome {
    let is_app = |name: &AppName| client.library().app_dir(name).is_dir();
    let mut wanted = Vec::new();
    for word in &args.what {
        wanted.push(What::parse(word, is_app)?);
    }
    args.refuse_nonsense(&wanted)?;
    let done = |job: &JobRecord| format!("{} is installed", job.subject());
    let ask = async |what| args.ask(client, what).await;
    one_by_one(client, wanted, ask, args.output.json, done, printer).await
}

impl Args {
    fn refuse_nonsense(&self, wanted: &[What]) -> Outcome {
        let of_address = self.pkg.is_some() || self.sha256.is_some() || !self.mirror.is_empty();
        if wanted.len() > 1 && (of_address || self.name.is_some()) {
            return Err(Failed::because(
                "--pkg, --sha256, --mirror and --name belong to one package; install the others by a command of their own",
            ));
        }
        let Some(first) = wanted.first() else {
            return Ok(());
        };
        if of_address && !matches!(first, What::Address(_)) {
            return Err(Failed::because(
                "--pkg, --sha256 and --mirror belong to an address; give the package as http://… or https://…",
            ));
        }
        let by_name = |what: &What| matches!(what, What::Name(..));
        if self.name.is_some() && by_name(first) {
            return Err(Failed::because(
                "--name belongs to a folder, a file or an address; leave it out",
            ));
        }
        if self.catalog.is_some() && !wanted.iter().all(by_name) {
            return Err(Failed::because(
                "--catalog belongs to the name of an app; what is a folder, a file or an address comes from no catalog",
            ));
        }
        Ok(())
    }

    fn wish(&self) -> Wish {
        Wish {
            dependencies: self.dependencies.are_installed(),
            start: self.start,
            older: self.older,
            replace: self.replace,
        }
    }

    async fn ask(&self, client: &Client, what: What) -> Result<u64, Failed> {
        let mut body = body(self.wish(), self.name.as_ref());
        match what {
            What::Name(name, version) => {
                let offer = Offer {
                    version: version.as_deref(),
                    catalog: self.catalog.as_deref(),
                    wish: self.wish(),
                };
                return client.obtain(&name, "install", &offer).await;
            }
            What::Folder(folder) => body.insert("folder".to_owned(), json!(folder)),
            What::Package(file) => body.insert("package".to_owned(), json!(file)),
            What::Address(url) => {
                for (key, value) in [
                    ("pkg", &self.pkg),
                    ("sha256", &self.sha256),
                    ("pkgSha256", &self.pkg_sha256),
                ] {
                    if let Some(value) = value {
                        body.insert(key.to_owned(), json!(value));
                    }
                }
                body.insert("mirrors".to_owned(), json!(self.mirror));
                body.insert("url".to_owned(), url.into())
            }
        };
        client.add(body).await
    }
}

/// The body of `POST /api/apps`, but for what is installed.
pub(super) fn body(wish: Wish, name: Option<&AppName>) -> Map<String, Value> {
    let mut body = Map::new();
    for (key, value) in [
        ("dependencies", wish.dependencies),
        ("start", wish.start),
        ("older", wish.older),
        ("replace", wish.replace),
    ] {
        body.insert(key.to_owned(), value.into());
    }
    if let Some(name) = name {
        body.insert("name".to_owned(), json!(name));
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_an_address_a_name_a_file_or_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let folder = std::fs::canonicalize(folder.path()).unwrap();
        let file = folder.join("x.zip");
        std::fs::write(&file, "").unwrap();
        let name = |name: &str, version: Option<&str>| {
            What::Name(AppName::parse(name).unwrap(), version.map(str::to_owned))
        };
        let check = |word: &str, expected: What| {
            let found = What::parse(word, |name| name.as_str() == "here");
            assert_eq!(found.unwrap(), expected, "{word}");
        };
        check("http://x/y.zip", What::Address("http://x/y.zip".to_owned()));
        check("HTTPS://x/y", What::Address("HTTPS://x/y".to_owned()));
        check("here", name("here", None));
        check("not-here", name("not-here", None));
        check("mysql5.7@5.7.44", name("mysql5.7", Some("5.7.44")));
        check(file.to_str().unwrap(), What::Package(file.clone()));
        check(folder.to_str().unwrap(), What::Folder(folder.clone()));
        assert!(What::parse("./not/there.zip", |_| false).is_err());
        assert!(What::parse("x@", |_| false).is_err());
    }
}
