//! Every path below the home, and how files are saved there.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::app::AppName;
pub use crate::app::placeholder::{ARCH, OS};

/// The data root and everything that lies at a known place in it.
#[derive(Clone, Debug)]
pub struct Library {
    home: PathBuf,
}

/// Why a home cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the home `{}` cannot be used: {source}; give another one with --home or STOREKEEPER_HOME", home.display())]
pub struct LibraryError {
    home: PathBuf,
    source: io::Error,
}

impl Library {
    /// Opens the home, making its folders (mode 0700) where they are missing.
    ///
    /// # Errors
    /// When a folder cannot be made or written to.
    pub fn open(home: &Path) -> Result<Self, LibraryError> {
        let fail = |source| LibraryError {
            home: home.to_owned(),
            source,
        };
        let home = std::path::absolute(home).map_err(fail)?;
        let library = Self { home };
        for dir in [
            library.run_dir(),
            library.static_dir(),
            library.log_dir(),
            library.job_log_dir(),
            library.pid_dir(),
        ] {
            crate::platform::create_private_dir(&dir).map_err(fail)?;
        }
        // Writing tells more than looking at permissions: the disk may be full or read-only.
        tempfile::tempfile_in(library.data_dir()).map_err(fail)?;
        Ok(library)
    }

    /// The paths of a home that need not exist yet.
    pub fn at(home: &Path) -> Self {
        Self {
            home: home.to_owned(),
        }
    }

    /// The data root.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// `run/<os>`: the folders of the apps.
    pub fn run_dir(&self) -> PathBuf {
        self.home.join("run").join(OS)
    }

    /// The folder of one app.
    pub fn app_dir(&self, app: &AppName) -> PathBuf {
        self.run_dir().join(app.as_str())
    }

    /// `static`: what `/static/` serves.
    pub fn static_dir(&self) -> PathBuf {
        self.home.join("static")
    }

    /// The copy of one app's static pages.
    pub fn app_static_dir(&self, app: &AppName) -> PathBuf {
        self.static_dir().join(app.as_str())
    }

    /// `data`: our own state.
    pub fn data_dir(&self) -> PathBuf {
        self.home.join("data")
    }

    /// `cache/upload`: packages on their way in. What lies there may be deleted while no service runs.
    pub fn upload_dir(&self) -> PathBuf {
        self.home.join("cache").join("upload")
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.data_dir().join("storekeeper.db")
    }

    /// The apps' output.
    pub fn log_dir(&self) -> PathBuf {
        self.data_dir().join("log")
    }

    /// One app's output; rotated ones end in `.1`, `.2`, …
    pub fn app_log(&self, app: &AppName) -> PathBuf {
        self.log_dir().join(format!("{app}.log"))
    }

    /// The output of the programs that jobs ran.
    pub fn job_log_dir(&self) -> PathBuf {
        self.log_dir().join("job")
    }

    /// The output of the programs that one job ran.
    pub fn job_log(&self, job: u64) -> PathBuf {
        self.job_log_dir().join(format!("{job}.log"))
    }

    /// `cache/download`: files that were fetched. Made when something is.
    pub fn download_dir(&self) -> PathBuf {
        self.home.join("cache").join("download")
    }

    /// `cache/catalog`: the lists of the catalogs. Made when one is fetched.
    pub fn catalog_dir(&self) -> PathBuf {
        self.home.join("cache").join("catalog")
    }

    /// `cache/repository`: the indexes of the repositories. Made when one is read.
    pub fn repository_cache_dir(&self) -> PathBuf {
        self.home.join("cache").join("repository")
    }

    /// `repository`: the packages of the repository that is there from the start. Made when one is
    /// published.
    pub fn local_repository_dir(&self) -> PathBuf {
        self.home.join("repository")
    }

    /// The keys of the repositories (mode 0600).
    pub fn repository_keys(&self) -> PathBuf {
        self.data_dir().join("repository-keys.json")
    }

    /// What the package server inside the service serves, with its drop folders. Made when it runs.
    pub fn shelf_dir(&self) -> PathBuf {
        self.home.join("packages")
    }

    /// What the keeper knows of living processes, one file each.
    pub fn pid_dir(&self) -> PathBuf {
        self.data_dir().join("pid")
    }

    /// The keeper's socket.
    pub fn keeper_socket(&self) -> PathBuf {
        self.data_dir().join("keeper.sock")
    }

    /// The data of uninstalled apps.
    pub fn trash_dir(&self) -> PathBuf {
        self.home.join("trash")
    }

    /// Held while a service runs on this home.
    pub fn lock_file(&self) -> PathBuf {
        self.data_dir().join("storekeeper.lock")
    }

    /// Where the running service listens, for the command line (mode 0600).
    pub fn service_file(&self) -> PathBuf {
        self.data_dir().join("service.json")
    }

    /// The bearer token (mode 0600).
    pub fn token_file(&self) -> PathBuf {
        self.data_dir().join("token")
    }
}

/// Writes a file so that a reader (or a crash) sees the old or the new content, never a part:
/// to a temporary file beside it, synced, renamed. Keeps the mode of a file that is there.
///
/// # Errors
/// What the system says; the old file is then untouched.
pub fn save(path: &Path, content: &[u8]) -> io::Result<()> {
    let dir = path
        .parent()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path has no parent"))?;
    // A link is followed, so that the file it names is replaced and not the link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let dir = path.parent().unwrap_or(dir);
    let mut file = tempfile::Builder::new()
        .prefix(".storekeeper-")
        .tempfile_in(dir)?;
    file.write_all(content)?;
    match fs::metadata(&path) {
        Ok(old) => file.as_file().set_permissions(old.permissions())?,
        Err(_) => crate::platform::set_default_mode(file.as_file())?,
    }
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}
