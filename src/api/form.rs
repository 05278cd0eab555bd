//! An app's settings as a form: what there is to set, what a change would do, and the way back to the
//! settings that worked.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::apps::{Accepted, Answer, WaitQuery, compiled, read, submit};
use super::body::{Json, MaybeJson};
use super::error::ApiError;
use super::files;
use super::port_map::{Holding, PortMap, port_of};
use super::state::State;
use crate::app::config::{self, MASK};
use crate::app::config_schema::Label;
use crate::app::form::{self, FieldKind};
use crate::app::{App, AppName, Config, StoreInfo};
use crate::command::Command;
use crate::command::plan::{Plan, PlannedStep, Section, compile_section};
use crate::command::preview::{self, Change, FileChange, PreviewStep};
use crate::database::AppRecord;
use crate::job::{Action, JobRecord, lay};

/// A text in both languages.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Words {
    /// In English.
    en: String,
    /// In Chinese.
    zh: String,
}

impl From<&Label> for Words {
    fn from(label: &Label) -> Self {
        Self {
            en: label.en.clone(),
            zh: label.zh.clone(),
        }
    }
}

/// One value that a setting may have.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Choice {
    /// The value.
    #[schema(value_type = Object)]
    value: Value,
    /// What it is called.
    title: Words,
}

/// One setting.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is something else that a form shows"
)]
pub(super) struct Field {
    /// Its key.
    key: String,
    /// What it is asked for with.
    kind: FieldKind,
    /// What it is called.
    title: Words,
    /// A sentence about it.
    description: Option<Words>,
    /// Its value; a secret as `***`.
    #[schema(value_type = Object)]
    value: Value,
    /// What it is when nobody sets it; a secret as `***`.
    #[schema(value_type = Object)]
    default: Value,
    /// Whether somebody set it.
    is_set: bool,
    /// It must not be empty.
    required: bool,
    /// The values that it may have.
    choices: Option<Vec<Choice>>,
    /// Smallest number.
    min: Option<f64>,
    /// Largest number.
    max: Option<f64>,
    /// Fewest characters.
    min_length: Option<f64>,
    /// Most characters.
    max_length: Option<f64>,
    /// A regular expression that a text must match.
    pattern: Option<String>,
    /// Shown and not to be changed.
    read_only: bool,
    /// Shown only to those who ask for more.
    advanced: bool,
    /// Who else is at this port, when somebody is.
    port: Option<PortTrouble>,
}

/// Who else holds or wants a port.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PortTrouble {
    /// Who listens on it.
    held_by: Vec<Holding>,
    /// Other apps that want it.
    #[schema(value_type = Vec<String>)]
    wanted_by: Vec<AppName>,
    /// The next free one.
    suggestion: Option<u16>,
}

/// The form of an app's settings.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Form {
    /// The app.
    #[schema(value_type = String)]
    app: AppName,
    /// Its own settings page, when it has one.
    page: Option<String>,
    /// What the form is called, when its author says so.
    title: Option<Words>,
    /// A sentence above it.
    description: Option<Words>,
    /// The command list that puts settings into force; null when there is none.
    apply: Option<String>,
    /// The settings in order.
    fields: Vec<Field>,
    /// The settings to go back to; null when those in force are the ones that worked.
    last_working: Option<LastWorking>,
}

/// Settings with which the app became ready, where they differ from those in force.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct LastWorking {
    /// When it became ready with them, in milliseconds since 1970.
    at: u64,
    /// The version that it was then.
    version: String,
    /// What going back would change.
    changes: Vec<SettingChange>,
}

/// A setting that changes; secrets as `***`.
#[derive(Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub(super) struct SettingChange {
    /// Its key.
    key: String,
    /// What it is.
    #[schema(value_type = Object)]
    from: Value,
    /// What it becomes.
    #[schema(value_type = Object)]
    to: Value,
}

/// Body of a preview.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Wish {
    /// New values.
    #[schema(value_type = Object)]
    set: Map<String, Value>,
    /// Keys to set back to their defaults.
    unset: Vec<String>,
}

/// What is wrong with a wish.
#[derive(Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub(super) struct Trouble {
    /// The setting; null for what is wrong with all of it.
    key: Option<String>,
    /// `error` or `warning`.
    severity: &'static str,
    /// What is wrong, and what to do about it.
    message: String,
    /// A value that would do.
    suggestion: Option<u16>,
}

/// What new settings would do.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Preview {
    /// Nothing stands against it.
    ok: bool,
    /// The settings that change.
    settings: Vec<SettingChange>,
    /// What is wrong.
    problems: Vec<Trouble>,
    /// The files that are written, as they are in the end.
    #[schema(value_type = Vec<Object>)]
    files: Vec<FileChange>,
    /// What is written or deleted outside of the app's folder.
    outside: Vec<String>,
    /// The steps, as `/plan` tells them.
    #[schema(value_type = Vec<Object>)]
    steps: Vec<PreviewStep>,
}

/// Body of `POST …/config/revert`.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Revert {
    /// A command list to run then.
    run: Option<String>,
    /// Restart the app afterwards, if it runs.
    restart: bool,
}

/// What an app does, told from its lists.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
pub(super) struct Effects {
    /// What its install does.
    #[schema(value_type = Vec<Object>)]
    pub(super) install: Vec<PreviewStep>,
    /// What its start does.
    #[schema(value_type = Vec<Object>)]
    pub(super) start: Vec<PreviewStep>,
    /// The programs that are run.
    programs: BTreeSet<String>,
    /// The ports that are taken or waited for.
    ports: BTreeSet<String>,
    /// What is written or deleted outside of its folder.
    outside: BTreeSet<String>,
    /// What is deleted.
    deletes: BTreeSet<String>,
    /// What happens to other apps.
    apps: BTreeSet<String>,
    /// The hosts that its manifests and steps name.
    hosts: BTreeSet<String>,
    /// Why it could not be told.
    problems: Vec<String>,
}

/// The settings of an app with what a form needs to ask for them.
#[utoipa::path(get, path = "/api/apps/{name}/form", tag = "config",
    params(("name" = String, Path, description = "The app")),
    responses((status = 200, description = "The form", body = Form),
              (status = 404, description = "There is no such app")))]
pub(super) async fn get(state: web::Data<State>, name: web::Path<AppName>) -> Answer {
    let look = state.sampler.look(&state.service.supervisor).await?;
    let app = read(&state, &name).await?;
    let state = state.into_inner();
    let form = web::block(move || {
        // Without the ports the rest is still worth showing.
        let ports = PortMap::look(&state, &look).ok();
        let record = state.service.database.app(&app.name);
        let page = has_page(&state, &app).then(|| format!("/static/{}/", app.name));
        form_of(&app, &record, ports.as_ref(), page)
    })
    .await?;
    Ok(HttpResponse::Ok().json(form))
}

fn has_page(state: &State, app: &App) -> bool {
    let index = format!("{}/index.html", app.name);
    files::find(&state.service.library, &index).is_some()
}

/// The form of an app. Blocks, shortly.
pub(super) fn form_of(
    app: &App,
    record: &AppRecord,
    ports: Option<&PortMap>,
    page: Option<String>,
) -> Form {
    let none = StoreInfo::default();
    let store = app.store.as_ref().unwrap_or(&none);
    let config = Config::of(store, &record.config);
    let schema = store.config_schema.as_ref();
    let words = |label: Option<&Label>| label.filter(|it| !it.is_empty()).map(Words::from);
    let fields = form::fields(store, &record.config)
        .into_iter()
        .map(|field| {
            let value = config.values().get(&field.key);
            let value = value.cloned().unwrap_or_default();
            let number = port_of(&value).filter(|_| field.kind == FieldKind::Port);
            let port = number.and_then(|number| trouble(app, number, ports?));
            let shown = |value: Value| shown(&config, &field.key, value);
            Field {
                title: (&field.title).into(),
                description: words(Some(&field.description)),
                value: shown(value),
                default: shown(field.default.clone()),
                is_set: record.config.contains_key(&field.key),
                required: field.required,
                choices: (!field.choices.is_empty()).then(|| {
                    let choices = field.choices.iter();
                    choices
                        .map(|(value, title)| Choice {
                            value: value.clone(),
                            title: title.into(),
                        })
                        .collect()
                }),
                min: field.min,
                max: field.max,
                min_length: field.min_length,
                max_length: field.max_length,
                pattern: field.pattern.map(|it| it.as_str().to_owned()),
                read_only: field.read_only,
                advanced: field.advanced,
                kind: field.kind,
                port,
                key: field.key,
            }
        })
        .collect();
    Form {
        app: app.name.clone(),
        page,
        title: words(schema.map(|schema| &schema.title)),
        description: words(schema.map(|schema| &schema.description)),
        apply: form::apply_list(store).map(str::to_owned),
        fields,
        last_working: last_working(store, record),
    }
}

fn shown(config: &Config, key: &str, value: Value) -> Value {
    let is_empty = value.is_null() || value == "";
    if config.is_secret(key) && !is_empty {
        MASK.into()
    } else {
        value
    }
}

fn trouble(app: &App, port: u16, ports: &PortMap) -> Option<PortTrouble> {
    let held_by = ports.held_by_others(port, &app.name);
    let wanted_by = ports.wanted_by_others(port, &app.name);
    if held_by.is_empty() && wanted_by.is_empty() {
        return None;
    }
    Some(PortTrouble {
        held_by,
        wanted_by,
        suggestion: ports.free(port.saturating_add(1), &BTreeSet::new()),
    })
}

/// The settings to go back to, when they differ from those in force.
pub(super) fn last_working(store: &StoreInfo, record: &AppRecord) -> Option<LastWorking> {
    let worked = record.worked.as_ref()?;
    let changes = changes(store, &record.config, &worked.config);
    (!changes.is_empty()).then(|| LastWorking {
        at: worked.at,
        version: worked.version.clone(),
        changes,
    })
}

fn changes(
    store: &StoreInfo,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
) -> Vec<SettingChange> {
    let (old, new) = (Config::of(store, old), Config::of(store, new));
    let mut keys: Vec<&String> = old.values().keys().collect();
    keys.extend(
        new.values()
            .keys()
            .filter(|key| !old.values().contains_key(*key)),
    );
    keys.into_iter()
        .filter_map(|key| {
            let of = |config: &Config| config.values().get(key).cloned().unwrap_or_default();
            let (from, to) = (of(&old), of(&new));
            (from != to).then(|| SettingChange {
                key: key.clone(),
                from: shown(&old, key, from),
                to: shown(&new, key, to),
            })
        })
        .collect()
}

/// What new settings would do, without saving them; the list that puts settings into force is taken.
#[utoipa::path(post, path = "/api/apps/{name}/preview", tag = "config",
    params(("name" = String, Path, description = "The app")), request_body = Wish,
    responses((status = 200, description = "What would change", body = Preview),
              (status = 404, description = "There is no such app")))]
pub(super) async fn preview(
    state: web::Data<State>,
    name: web::Path<AppName>,
    Json(wish): Json<Wish>,
) -> Answer {
    previewed(state, name.into_inner(), None, wish).await
}

/// What new settings would do when they are put into force by this list.
#[utoipa::path(post, path = "/api/apps/{name}/preview/{list}", tag = "config",
    params(("name" = String, Path, description = "The app"),
           ("list" = String, Path, description = "A key of `commands`")), request_body = Wish,
    responses((status = 200, description = "What would change", body = Preview),
              (status = 404, description = "There is no such app or list")))]
pub(super) async fn preview_list(
    state: web::Data<State>,
    path: web::Path<(AppName, String)>,
    Json(wish): Json<Wish>,
) -> Answer {
    let (name, list) = path.into_inner();
    previewed(state, name, Some(list), wish).await
}

async fn previewed(
    state: web::Data<State>,
    name: AppName,
    list: Option<String>,
    wish: Wish,
) -> Answer {
    let look = state.sampler.look(&state.service.supervisor).await?;
    let app = read(&state, &name).await?;
    let state = state.into_inner();
    let preview = web::block(move || {
        let ports = PortMap::look(&state, &look).ok();
        let runs = look.of(&app.name).is_some();
        consider(&state, &app, list.as_deref(), wish, ports.as_ref(), runs)
    })
    .await??;
    Ok(HttpResponse::Ok().json(preview))
}

fn consider(
    state: &State,
    app: &App,
    list: Option<&str>,
    wish: Wish,
    ports: Option<&PortMap>,
    runs: bool,
) -> Result<Preview, ApiError> {
    let none = StoreInfo::default();
    let store = app.store.as_ref().unwrap_or(&none);
    let old = state.service.database.app(&app.name).config;
    let before = Config::of(store, &old);
    let mut set = config::accept(wish.set).map_err(|error| ApiError::invalid(error.to_string()))?;
    set.retain(|key, value| !(before.is_secret(key) && value == MASK));
    let mut new = old.clone();
    lay(&mut new, &set, &wish.unset);
    let settings = changes(store, &old, &new);
    let touched: Vec<&str> = set.keys().chain(&wish.unset).map(String::as_str).collect();
    let mut problems = mistakes(app, store, &new, &touched, ports);
    let config = Config::of(store, &new);
    let mut steps = Vec::new();
    match state.service.apps.scope(app, &config) {
        Err(error) => problems.push(Trouble::error(None, error.to_string())),
        Ok(scope) => {
            let plan = match list.or_else(|| form::apply_list(store)) {
                Some(list) => compiled(app, list)?,
                None if runs => single(Command::Restart),
                None => Plan::default(),
            };
            steps = preview::preview(app, &scope, &plan);
        }
    }
    for step in &steps {
        for error in &step.errors {
            let trouble = Trouble::error(None, format!("{}: {error}", step.title));
            if !problems.contains(&trouble) {
                problems.push(trouble);
            }
        }
    }
    Ok(Preview {
        ok: !problems.iter().any(|problem| problem.severity == "error"),
        settings,
        problems,
        files: in_the_end(&steps),
        outside: outside(app, &steps).into_iter().collect(),
        steps,
    })
}

fn single(command: Command) -> Plan {
    Plan {
        steps: vec![PlannedStep {
            lists: Vec::new(),
            place: String::new(),
            command,
        }],
    }
}

impl Trouble {
    fn error(key: Option<&str>, message: String) -> Self {
        Self {
            key: key.map(str::to_owned),
            severity: "error",
            message,
            suggestion: None,
        }
    }

    fn warning(key: Option<&str>, message: String) -> Self {
        Self {
            severity: "warning",
            ..Self::error(key, message)
        }
    }
}

/// What is wrong with the settings that are touched.
fn mistakes(
    app: &App,
    store: &StoreInfo,
    new: &Map<String, Value>,
    touched: &[&str],
    ports: Option<&PortMap>,
) -> Vec<Trouble> {
    let config = Config::of(store, new);
    let fields = form::fields(store, new);
    let value = |key: &str| config.values().get(key).unwrap_or(&Value::Null);
    let own: Vec<(&str, u16)> = fields
        .iter()
        .filter(|field| field.kind == FieldKind::Port)
        .filter_map(|field| Some((field.key.as_str(), port_of(value(&field.key))?)))
        .collect();
    let mut problems = Vec::new();
    for key in touched {
        if !store.config.contains_key(*key)
            && !store
                .config_schema
                .as_ref()
                .is_some_and(|schema| schema.properties.contains_key(*key))
        {
            let message = format!("`{}` has no setting `{}`", app.name, key.escape_debug());
            problems.push(Trouble::warning(Some(key), message));
        }
        let Some(field) = fields.iter().find(|field| field.key == *key) else {
            continue;
        };
        if let Some(message) = field.refuses(value(key)) {
            // What only its name tells may be meant otherwise.
            let is_sure = field.is_described || field.required || field.kind == FieldKind::Port;
            problems.push(if is_sure {
                Trouble::error(Some(key), message)
            } else {
                Trouble::warning(Some(key), message)
            });
            continue;
        }
        let Some((_, port)) = own.iter().find(|(own, _)| own == key) else {
            continue;
        };
        let free = || {
            let not: BTreeSet<u16> = own.iter().map(|(_, port)| *port).collect();
            ports.and_then(|ports| ports.free(port.saturating_add(1), &not))
        };
        let twin = own.iter().find(|(other, it)| other != key && it == port);
        if let Some((other, _)) = twin {
            problems.push(Trouble {
                suggestion: free(),
                ..Trouble::error(Some(key), format!("`{other}` is port {port} already"))
            });
        } else if let Some(ports) = ports {
            problems.extend(taken(app, key, *port, ports, free));
        }
    }
    problems
}

fn taken(
    app: &App,
    key: &str,
    port: u16,
    ports: &PortMap,
    free: impl FnOnce() -> Option<u16>,
) -> Option<Trouble> {
    if let Some(holder) = ports.held_by_others(port, &app.name).first() {
        let message = match &holder.app {
            Some(owner) => format!("port {port} is held by the app `{owner}`"),
            None => format!(
                "port {port} is held by `{}` (pid {})",
                holder.name, holder.pid
            ),
        };
        return Some(Trouble {
            suggestion: free(),
            ..Trouble::error(Some(key), message)
        });
    }
    let others = ports.wanted_by_others(port, &app.name);
    let other = others.first()?;
    Some(Trouble {
        suggestion: free(),
        ..Trouble::warning(Some(key), format!("port {port} is wanted by `{other}` too"))
    })
}

/// Each file once, as the last step leaves it.
fn in_the_end(steps: &[PreviewStep]) -> Vec<FileChange> {
    let mut files: BTreeMap<&str, FileChange> = BTreeMap::new();
    for file in steps.iter().flat_map(|step| &step.files) {
        match files.get_mut(file.path.as_str()) {
            // Written again with what an earlier step wrote.
            Some(_) if file.change == Change::Same => {}
            Some(known) => *known = file.clone(),
            None => {
                files.insert(&file.path, file.clone());
            }
        }
    }
    files.into_values().collect()
}

/// What is written or deleted outside of the app's folder: its paths are whole.
fn outside(app: &App, steps: &[PreviewStep]) -> BTreeSet<String> {
    let folder = app.dir.to_string_lossy().replace('\\', "/");
    let written = steps.iter().flat_map(|step| {
        let files = step.files.iter().map(|file| &file.path);
        files.chain(&step.deletions).chain(&step.folders)
    });
    written
        .filter(|path| {
            let is_whole = path.starts_with('/') || path.chars().nth(1) == Some(':');
            let below = path.strip_prefix(folder.as_str());
            is_whole && !below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
        .cloned()
        .collect()
}

/// Goes back to the settings with which the app was ready last.
#[utoipa::path(post, path = "/api/apps/{name}/config/revert", tag = "config",
    params(("name" = String, Path, description = "The app"), WaitQuery), request_body = Revert,
    responses((status = 202, description = "The job", body = Accepted),
              (status = 200, description = "With `wait`: the record of the job, done", body = JobRecord),
              (status = 409, description = "There is nothing to go back to")))]
pub(super) async fn revert(
    state: web::Data<State>,
    name: web::Path<AppName>,
    query: web::Query<WaitQuery>,
    MaybeJson(body): MaybeJson<Revert>,
) -> Answer {
    let app = read(&state, &name).await?;
    let record = state.service.database.app(&name);
    let none = StoreInfo::default();
    let store = app.store.as_ref().unwrap_or(&none);
    let (Some(worked), Some(_)) = (&record.worked, last_working(store, &record)) else {
        return Err(ApiError::new(
            StatusCode::CONFLICT,
            format!(
                "there is nothing to go back to: no other settings of `{name}` are known to have worked"
            ),
        ));
    };
    let unset = record.config.keys();
    let action = Action::Setting {
        list: body.run,
        changes: worked.config.clone(),
        unset: unset
            .filter(|key| !worked.config.contains_key(*key))
            .cloned()
            .collect(),
        restart: body.restart,
    };
    submit(&state, &name, action, query.wait).await
}

/// What an app does: its programs, ports, files, hosts, told from its lists.
#[utoipa::path(get, path = "/api/apps/{name}/effects", tag = "apps",
    params(("name" = String, Path, description = "The app")),
    responses((status = 200, description = "What it does", body = Effects),
              (status = 404, description = "There is no such app")))]
pub(super) async fn effects(state: web::Data<State>, name: web::Path<AppName>) -> Answer {
    let app = read(&state, &name).await?;
    let state = state.into_inner();
    let effects = web::block(move || {
        let config = state.service.config(&app);
        effects_of(&state, &app, &config)
    })
    .await?;
    Ok(HttpResponse::Ok().json(effects))
}

/// What an app does with these settings. Blocks.
pub(super) fn effects_of(state: &State, app: &App, config: &Config) -> Effects {
    let mut effects = Effects::default();
    for address in [&app.install.url, &app.install.pkg] {
        effects.hosts.extend(hosts_in(address));
    }
    let Some(store) = &app.store else {
        return effects;
    };
    let scope = match state.service.apps.scope(app, config) {
        Ok(scope) => scope,
        Err(error) => {
            effects.problems.push(error.to_string());
            return effects;
        }
    };
    match compile_section(store, Section::Install) {
        Ok(plan) => effects.install = preview::preview(app, &scope, &plan),
        Err(problems) => effects
            .problems
            .extend(problems.iter().map(crate::app::Problem::sentence)),
    }
    if !store.setting.bin_path.is_empty() {
        effects.start = preview::preview(app, &scope, &single(Command::Start));
    }
    let steps: Vec<&PreviewStep> = effects.install.iter().chain(&effects.start).collect();
    for step in &steps {
        if let Some(program) = &step.program {
            effects.programs.insert(program.program.clone());
            for arg in &program.args {
                effects.hosts.extend(hosts_in(arg));
            }
        }
        effects.ports.extend(step.ports.iter().cloned());
        effects.deletes.extend(step.deletions.iter().cloned());
        effects.apps.extend(step.apps.iter().cloned());
    }
    effects.outside = outside(app, &effects.install);
    effects.outside.extend(outside(app, &effects.start));
    effects
}

/// The hosts of the web addresses in a text.
fn hosts_in(text: &str) -> impl Iterator<Item = String> {
    let addresses = text.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '='));
    addresses.filter_map(|word| {
        let address = url::Url::parse(word).ok()?;
        matches!(address.scheme(), "http" | "https")
            .then(|| address.host_str().map(str::to_owned))?
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::app::parse;
    use crate::database::Worked;

    fn store(config: &Value) -> StoreInfo {
        parse::store(&json!({ "config": config }).to_string()).0
    }

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_going_back_changes_is_told_without_secrets() {
        let store = store(&json!({"port": 1, "password": "a", "same": 1}));
        let record = AppRecord {
            config: map(&json!({"port": 3, "password": "c", "extra": true})),
            worked: Some(Worked {
                at: 5,
                version: "1".to_owned(),
                config: map(&json!({"port": 2})),
            }),
            ..AppRecord::default()
        };
        let last = last_working(&store, &record).unwrap();
        let shown = serde_json::to_value(&last.changes).unwrap();
        let expected = json!([
            {"key": "port", "from": 3, "to": 2},
            {"key": "password", "from": "***", "to": "***"},
            {"key": "extra", "from": true, "to": null},
        ]);
        assert_eq!(shown, expected);
        let same = AppRecord {
            config: map(&json!({"port": 2, "password": "a"})),
            ..record
        };
        assert!(last_working(&store, &same).is_none());
    }

    #[test]
    fn hosts_are_found_in_addresses() {
        let found: Vec<String> =
            hosts_in("--url=https://a.example/x http://b.example:80 c:/x").collect();
        assert_eq!(found, ["a.example", "b.example"]);
    }
}
