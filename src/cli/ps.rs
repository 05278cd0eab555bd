//! `storekeeper ps`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use comfy_table::{Table, presets};
use serde_json::Value;

use super::client::{AppRow, Client};
use super::printer::Printer;
use super::{Failed, Outcome, Output};
use crate::supervisor::State;

/// Lists the apps with their processes
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(super) async fn run(args: &Args, client: &Client, printer: &mut Printer) -> Outcome {
    let apps: Value = client.apps(true).await?;
    if args.output.json {
        return Ok(printer.json(&apps)?);
    }
    let apps: Vec<AppRow> = serde_json::from_value(apps).map_err(Failed::because)?;
    if apps.is_empty() {
        printer.line("there are no apps yet; install one with `storekeeper install FOLDER`")?;
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "NAME", "VERSION", "STATE", "PID", "UP", "CPU", "MEMORY", "PORTS",
    ]);
    for app in &apps {
        table.add_row(row(app));
    }
    // The table fills its columns with spaces to the last; nobody needs those.
    for line in table.to_string().lines() {
        printer.line(line.trim_end())?;
    }
    Ok(())
}

fn row(app: &AppRow) -> [String; 8] {
    let dash = || "-".to_owned();
    let usage = app.usage.as_ref();
    let mut ports: Vec<u16> = usage
        .iter()
        .flat_map(|usage| usage.ports.iter().map(|port| port.port))
        .collect();
    ports.dedup();
    let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
    [
        app.name.to_string(),
        app.version.clone(),
        state(app),
        app.status.pid.map_or_else(dash, |pid| pid.to_string()),
        match (app.status.pid, app.status.started_at) {
            (Some(_), Some(since)) => duration(age(since)),
            _ => dash(),
        },
        usage.map_or_else(dash, |usage| format!("{:.1} %", usage.cpu)),
        usage.map_or_else(dash, |usage| format!("{} MiB", usage.memory >> 20)),
        if ports.is_empty() {
            dash()
        } else {
            ports.join(" ")
        },
    ]
}

fn state(app: &AppRow) -> String {
    if app.error.is_some() {
        return "broken manifest".to_owned();
    }
    let state = match app.status.state {
        State::Stopped if app.installed.is_none() => "not installed",
        State::Stopped => "stopped",
        State::Starting => "starting",
        State::Running => "running",
        State::Unhealthy => "unhealthy",
        State::BackingOff => "backing off",
        State::Stopping => "stopping",
        State::Failed => "failed",
    };
    state.to_owned()
}

/// How long ago a moment in milliseconds since 1970 is.
pub(super) fn age(since: u64) -> Duration {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    now.saturating_sub(Duration::from_millis(since))
}

/// A duration in its two largest units.
pub(super) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, _, _) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_told_in_two_units() {
        for (seconds, expected) in [
            (0, "0s"),
            (59, "59s"),
            (61, "1m 1s"),
            (3660, "1h 1m"),
            (90_000, "1d 1h"),
        ] {
            assert_eq!(duration(Duration::from_secs(seconds)), expected);
        }
    }
}
