//! What `store.json` says.

use indexmap::IndexMap;
use jsonc_parser::ast::{Object, Value as Node};
use serde_json::{Map, Value};

use super::config_schema::config_schema;
use super::reader::{Fields, Reader, to_json};
use crate::app::StoreInfo;
use crate::app::problem::Problem;
use crate::app::store::{InstallSection, Setting, StartSection, Step, Until};

pub(super) fn store_info(reader: &mut Reader<'_>, root: &Object<'_>) -> StoreInfo {
    let mut fields = reader.fields(
        "",
        root,
        &[
            "name",
            "icon",
            "category",
            "desc",
            "setting",
            "config",
            "configSchema",
            "commands",
            "install",
            "start",
        ],
    );
    StoreInfo {
        name: fields.text(reader, "name"),
        icon: fields.text(reader, "icon"),
        category: fields.category(reader),
        desc: fields.text(reader, "desc"),
        setting: setting(reader, &fields),
        config: config(reader, &fields),
        config_schema: config_schema(reader, &fields),
        commands: commands(reader, &fields),
        install: install_section(reader, &fields),
        start: start_section(reader, &fields),
        extra: std::mem::take(&mut fields.extra),
    }
}

fn setting(reader: &mut Reader<'_>, fields: &Fields<'_, '_>) -> Setting {
    let known = [
        "binPath",
        "confPath",
        "progressName",
        "isOn",
        "ready",
        "stopTimeout",
    ];
    let Some(fields) = fields.object(reader, "setting", &known) else {
        return Setting::default();
    };
    Setting {
        bin_path: fields.path(reader, "binPath"),
        conf_path: fields.path(reader, "confPath"),
        progress_name: fields.text(reader, "progressName"),
        is_on: fields.boolean(reader, "isOn"),
        ready: until(reader, &fields, "ready"),
        stop_timeout: fields.seconds(reader, "stopTimeout"),
    }
}

fn config(reader: &mut Reader<'_>, fields: &Fields<'_, '_>) -> Map<String, Value> {
    let mut config = Map::new();
    for (key, path, node) in fields.entries(reader, "config") {
        reader.check_drive_paths(&path, node);
        config.insert(key, to_json(node));
    }
    config
}
fn commands(reader: &mut Reader<'_>, fields: &Fields<'_, '_>) -> IndexMap<String, Vec<Step>> {
    let mut commands = IndexMap::new();
    for (key, path, node) in fields.entries(reader, "commands") {
        if key.is_empty() {
            reader.error(
                path,
                node,
                "a command list has an empty name".to_owned(),
                "name it",
            );
            continue;
        }
        commands.insert(key, reader.list(&path, node, step));
    }
    commands
}

fn step(reader: &mut Reader<'_>, path: &str, node: &Node<'_>) -> Option<Step> {
    if let Node::StringLit(name) = node {
        let message = "a step must be an object, not a text".to_owned();
        let help = format!("write {{ \"name\": \"{}\" }}", name.value);
        reader.error(path.to_owned(), node, message, &help);
        return None;
    }
    let known = [
        "name", "filePath", "content", "binPath", "tplPath", "cmds", "waiting", "kill", "envs",
        "strict", "timeout", "cwd", "detach", "until",
    ];
    let fields = reader.object(path, node, &known)?;
    let step = Step {
        name: fields.text(reader, "name"),
        file_path: fields.path(reader, "filePath"),
        content: fields.text(reader, "content"),
        bin_path: fields.path(reader, "binPath"),
        tpl_path: fields.path(reader, "tplPath"),
        cmds: fields.texts(reader, "cmds"),
        waiting: fields.seconds(reader, "waiting").unwrap_or(0.0),
        kill: fields.boolean(reader, "kill"),
        envs: fields.items(reader, "envs"),
        strict: fields.boolean(reader, "strict"),
        timeout: fields.seconds(reader, "timeout"),
        cwd: fields.path(reader, "cwd"),
        detach: fields.boolean(reader, "detach"),
        until: until(reader, &fields, "until"),
    };
    if let (true, Some((path, node))) = (
        step.name.eq_ignore_ascii_case("unzip") || step.name.eq_ignore_ascii_case("zip"),
        fields.get("content"),
    ) {
        reader.check_drive_paths(&path, node);
    }
    if step.name.is_empty() {
        let message = "a step without a name".to_owned();
        let help = "write \"name\": and a built-in command or a key of `commands`";
        reader.error(path.to_owned(), node, message, help);
    }
    Some(step)
}

fn until(reader: &mut Reader<'_>, fields: &Fields<'_, '_>, key: &'static str) -> Option<Until> {
    let known = ["port", "http", "file", "log", "timeout"];
    let inner = fields.object(reader, key, &known)?;
    let optional = |text: String| (!text.is_empty()).then_some(text);
    let until = Until {
        port: optional(inner.text(reader, "port")),
        http: optional(inner.text(reader, "http")),
        file: optional(inner.path(reader, "file")),
        log: optional(inner.text(reader, "log")),
        timeout: inner.seconds(reader, "timeout"),
    };
    let given = [&until.port, &until.http, &until.file, &until.log]
        .into_iter()
        .flatten()
        .count();
    if given != 1 {
        let path = fields.path_of(key);
        let message = if given == 0 {
            format!("`{key}` waits for nothing")
        } else {
            format!("`{key}` waits for {given} things")
        };
        let help = "give exactly one of `port`, `http`, `file` and `log`";
        reader.push(Problem::error(reader.file, path, message).with_help(help));
    }
    if let Some(port) = &until.port
        && !port.contains('{')
        && !port.parse::<u16>().is_ok_and(|port| port > 0)
    {
        let message = format!("`{}` is not a port", port.escape_debug());
        let help = "write a number from 1 to 65535, or a word of the config such as \"{port}\"";
        reader.push(Problem::error(reader.file, inner.path_of("port"), message).with_help(help));
    }
    Some(until)
}

fn install_section(reader: &mut Reader<'_>, fields: &Fields<'_, '_>) -> InstallSection {
    match fields.object(reader, "install", &["installEnvs", "installCmds"]) {
        Some(fields) => InstallSection {
            install_envs: fields.items(reader, "installEnvs"),
            install_cmds: fields.texts(reader, "installCmds"),
        },
        None => InstallSection::default(),
    }
}

fn start_section(reader: &mut Reader<'_>, fields: &Fields<'_, '_>) -> StartSection {
    let known = ["startEnvs", "beforeCmds", "startCmds", "afterCmds"];
    match fields.object(reader, "start", &known) {
        Some(fields) => StartSection {
            start_envs: fields.items(reader, "startEnvs"),
            before_cmds: fields.texts(reader, "beforeCmds"),
            start_cmds: fields.texts(reader, "startCmds"),
            after_cmds: fields.texts(reader, "afterCmds"),
        },
        None => StartSection::default(),
    }
}
