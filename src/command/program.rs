//! Which program is meant, and whether it can be run.

use std::path::Path;

use super::context::{Context, StepError, StepErrorKind};

impl Context {
    /// The program that a `binPath` means: with a separator a path, from the app's folder when it is
    /// relative, else a name that is looked up in `PATH`.
    ///
    /// # Errors
    /// When it is not there or cannot be executed.
    pub(super) async fn program(&self, bin_path: &str) -> Result<String, StepError> {
        let program = self.scope.path(bin_path)?;
        if !program.contains(['/', '\\']) {
            if program.is_empty() {
                let message = format!("the program `{bin_path}` is empty; set `binPath`");
                return Err(StepError::new(StepErrorKind::Invalid, message));
            }
            return Ok(program);
        }
        let path = self.path(bin_path)?;
        self.check_program(&path).await?;
        Ok(path.to_string_lossy().into_owned())
    }

    async fn check_program(&self, path: &Path) -> Result<(), StepError> {
        let shown = self.shown(path);
        match tokio::fs::metadata(path).await {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(StepError::failed(
                format!("the program `{shown}` is not there; put it in place or correct `binPath`"),
            )),
            Err(error) => Err(StepError::failed(format!(
                "the program `{shown}` cannot be looked at: {error}"
            ))),
            Ok(found) if found.is_dir() => Err(StepError::failed(format!(
                "the program `{shown}` is a folder; correct `binPath`"
            ))),
            Ok(found) if !is_executable(&found) => Err(StepError::failed(format!(
                "the program `{shown}` is not executable; run `chmod +x {shown}`"
            ))),
            Ok(_) => Ok(()),
        }
    }
}

#[cfg(unix)]
fn is_executable(found: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    found.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_found: &std::fs::Metadata) -> bool {
    true
}
