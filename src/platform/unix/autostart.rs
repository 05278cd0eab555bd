//! Starting with the user's session: a file in the folder that desktops look into
//! (freedesktop.org, Desktop Application Autostart Specification 0.5).

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::PathBuf;

/// Where it is noted that a program starts with the session, for people; `None` where there is no such
/// place.
pub fn autostart_place(name: &str) -> Option<String> {
    file(name).map(|file| file.display().to_string())
}

/// Whether a program of this name starts with the session.
pub fn starts_with_session(name: &str) -> bool {
    file(name).is_some_and(|file| file.is_file())
}

/// Starts a command with the session from now on.
///
/// # Errors
/// What the system says; a command that is no text.
pub fn start_with_session(name: &str, command: &[OsString]) -> io::Result<()> {
    let file = need(name)?;
    let command = command
        .iter()
        .map(|argument| argument.to_str().map(quoted))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| io::Error::other("a part of the command is no UTF-8"))?;
    let text = format!(
        "[Desktop Entry]\nType=Application\nName=Storekeeper\nComment=A local app store\nExec={}\nTerminal=false\nX-GNOME-Autostart-enabled=true\n",
        command.join(" ")
    );
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    crate::library::save(&file, text.as_bytes())
}

/// Starts it with the session no longer.
///
/// # Errors
/// What the system says.
pub fn leave_session(name: &str) -> io::Result<()> {
    match fs::remove_file(need(name)?) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn need(name: &str) -> io::Result<PathBuf> {
    file(name).ok_or_else(|| io::Error::other("there is no home directory"))
}

fn file(name: &str) -> Option<PathBuf> {
    let config = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| Some(std::env::home_dir()?.join(".config")))?;
    Some(config.join("autostart").join(format!("{name}.desktop")))
}

/// An argument as the key `Exec` wants it: in quotes, with the four characters escaped that mean
/// something in them, the backslash once more as in every value of such a file, and `%` doubled.
fn quoted(argument: &str) -> String {
    let mut text = String::from("\"");
    for c in argument.chars() {
        match c {
            '"' | '`' | '$' => text.extend(["\\\\", &c.to_string()]),
            '\\' => text.push_str("\\\\\\\\"),
            '%' => text.push_str("%%"),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_stays_one_argument() {
        for (argument, expected) in [
            ("/opt/store keeper", r#""/opt/store keeper""#),
            ("a\"b", r#""a\\"b""#),
            ("$HOME`x`", r#""\\$HOME\\`x\\`""#),
            (r"a\b", r#""a\\\\b""#),
            ("100%", r#""100%%""#),
        ] {
            assert_eq!(quoted(argument), expected);
        }
    }
}
