//! `/api/ports`: which app wants which port, who holds it, and which one is free.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, TcpListener};

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::apps::Answer;
use super::error::ApiError;
use super::ports::{self, Listening};
use super::roster::Entry;
use super::state::State;
use super::usage::Look;
use crate::app::{AppName, form};
use crate::supervisor;

/// Ports below this one are the system's.
const FIRST_PORT: u16 = 1024;

/// An app that wants a port.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub(super) struct Wanting {
    /// The app.
    #[schema(value_type = String)]
    pub app: AppName,
    /// The setting that says so; `setting.ready` when it is only waited for.
    pub key: String,
    /// The app's state.
    #[schema(value_type = String)]
    pub state: supervisor::State,
    /// Its main process.
    pub pid: Option<u32>,
}

/// A process that listens on a port.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub(super) struct Holding {
    /// The process.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// `TCP` or `UDP`.
    pub proto: &'static str,
    /// The app that it belongs to; null for a program that is not of this store.
    #[schema(value_type = Option<String>)]
    pub app: Option<AppName>,
}

/// Why an app cannot have its port, or could not.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub(super) struct Conflict {
    /// What it is about.
    kind: ConflictKind,
    /// The same in a sentence.
    message: String,
    /// The next free port.
    suggestion: Option<u16>,
}

/// Kinds of conflicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
enum ConflictKind {
    /// A program that is not of this store holds it.
    Foreign,
    /// Another app of this store holds it.
    OtherApp,
    /// Several apps want it, and none of them has it.
    BothWant,
}

/// One port.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Port {
    /// Its number.
    #[serde(rename = "port")]
    number: u16,
    /// The apps that want it.
    wanted_by: Vec<Wanting>,
    /// Who listens on it.
    held_by: Vec<Holding>,
    /// Why an app cannot have it.
    conflict: Option<Conflict>,
}

/// The ports.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Ports {
    /// In order of their numbers.
    ports: Vec<Port>,
}

/// `?all=true`.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub(super) struct PortsQuery {
    /// Those too that are no affair of any app.
    all: bool,
}

/// `?near=3306&not=3307,3308`.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub(super) struct FreeQuery {
    /// Where to begin; 8080 when left out.
    near: Option<u16>,
    /// Ports that are not to be taken, separated by commas.
    not: String,
}

/// A free port.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Free {
    /// Its number.
    port: u16,
}

/// Everything about the ports at one moment.
pub(super) struct PortMap {
    wanted: BTreeMap<u16, Vec<Wanting>>,
    held: BTreeMap<u16, Vec<Holding>>,
}

impl PortMap {
    /// Looks. Blocks.
    pub(super) fn look(state: &State, look: &Look) -> Result<Self, ApiError> {
        let rows = ports::scan().map_err(|reason| {
            ApiError::internal(format!(
                "the system does not tell who listens on which port: {reason}"
            ))
        })?;
        let mut map = Self {
            wanted: BTreeMap::new(),
            held: BTreeMap::new(),
        };
        for Listening {
            pid,
            port,
            proto,
            name,
        } in rows
        {
            let app = look.owner(pid).cloned();
            let holding = Holding {
                pid,
                name,
                proto,
                app,
            };
            map.held.entry(port).or_default().push(holding);
        }
        for entry in state.roster.entries(&state.service).iter() {
            for (port, key) in wanted_by(state, entry) {
                let status = state.service.supervisor.status(&entry.name);
                let wanting = Wanting {
                    app: entry.name.clone(),
                    key,
                    state: status.state,
                    pid: status.pid,
                };
                map.wanted.entry(port).or_default().push(wanting);
            }
        }
        Ok(map)
    }

    /// The next port from `near` on that nobody has, nobody wants and that is not in `not`. Blocks.
    pub(super) fn free(&self, near: u16, not: &BTreeSet<u16>) -> Option<u16> {
        let near = near.max(FIRST_PORT);
        (near..=u16::MAX).chain(FIRST_PORT..near).find(|port| {
            !self.wanted.contains_key(port)
                && !self.held.contains_key(port)
                && !not.contains(port)
                && can_be_had(*port)
        })
    }

    /// Who else holds a port than this app.
    pub(super) fn held_by_others(&self, port: u16, app: &AppName) -> Vec<Holding> {
        let held = self.held.get(&port).into_iter().flatten();
        held.filter(|it| it.proto == "TCP" && it.app.as_ref() != Some(app))
            .cloned()
            .collect()
    }

    /// Which other apps want a port.
    pub(super) fn wanted_by_others(&self, port: u16, app: &AppName) -> Vec<AppName> {
        let wanted = self.wanted.get(&port).into_iter().flatten();
        let mut apps: Vec<AppName> = wanted
            .filter(|it| it.app != *app)
            .map(|it| it.app.clone())
            .collect();
        apps.dedup();
        apps
    }

    fn port(&self, port: u16) -> Port {
        let held_by = self.held.get(&port).cloned().unwrap_or_default();
        let wanted_by = self.wanted.get(&port).cloned().unwrap_or_default();
        Port {
            conflict: self.conflict(port, &wanted_by, &held_by),
            number: port,
            wanted_by,
            held_by,
        }
    }

    fn conflict(&self, port: u16, wanted: &[Wanting], held: &[Holding]) -> Option<Conflict> {
        let (kind, message) = why(port, wanted, held)?;
        Some(Conflict {
            kind,
            message,
            suggestion: self.free(port.saturating_add(1), &BTreeSet::new()),
        })
    }
}

fn why(port: u16, wanted: &[Wanting], held: &[Holding]) -> Option<(ConflictKind, String)> {
    let mut apps: Vec<&AppName> = wanted.iter().map(|it| &it.app).collect();
    apps.dedup();
    let holder = |it: &&Holding| it.proto == "TCP";
    for app in &apps {
        let other = held
            .iter()
            .filter(holder)
            .find(|it| it.app.as_ref() != Some(app));
        if let Some(other) = other {
            return Some(match &other.app {
                Some(owner) => (
                    ConflictKind::OtherApp,
                    format!("port {port} is wanted by `{app}` and held by the app `{owner}`"),
                ),
                None => (
                    ConflictKind::Foreign,
                    format!(
                        "port {port} is wanted by `{app}` and held by `{}` (pid {}), which is no app of this store",
                        other.name, other.pid
                    ),
                ),
            });
        }
    }
    if apps.len() < 2 {
        return None;
    }
    let names: Vec<String> = apps.iter().map(|app| format!("`{app}`")).collect();
    let message = format!(
        "port {port} is wanted by {}; only one of them can have it",
        names.join(" and ")
    );
    Some((ConflictKind::BothWant, message))
}

/// The ports that an app wants, with the settings that say so.
fn wanted_by(state: &State, entry: &Entry) -> Vec<(u16, String)> {
    state.service.database.with_apps(|apps| {
        let none = serde_json::Map::new();
        let set = apps.get(&entry.name).map_or(&none, |record| &record.config);
        wanted(entry, set)
    })
}

fn wanted(entry: &Entry, set: &serde_json::Map<String, Value>) -> Vec<(u16, String)> {
    let value_of = |key: &str| {
        let default = || {
            let own = entry.ports.iter().find(|(known, _)| known == key);
            own.map(|(_, default)| default)
        };
        set.get(key).or_else(default)
    };
    let mut found: Vec<(u16, String)> = entry
        .ports
        .iter()
        .filter_map(|(key, _)| Some((port_of(value_of(key)?)?, key.clone())))
        .collect();
    let further = set.iter().filter(|(key, _)| {
        form::is_port(key) && !entry.ports.iter().any(|(known, _)| known == *key)
    });
    found.extend(further.filter_map(|(key, value)| Some((port_of(value)?, key.clone()))));
    let ready = entry.ready_port.as_deref().and_then(|text| {
        let key = text.strip_prefix('{').and_then(|it| it.strip_suffix('}'));
        match key {
            Some(key) => value_of(key).and_then(port_of),
            None => text.parse().ok().filter(|port| *port != 0),
        }
    });
    if let Some(port) = ready
        && !found.iter().any(|(known, _)| *known == port)
    {
        found.push((port, "setting.ready".to_owned()));
    }
    found
}

/// A port as settings write it; 0 is none.
pub(super) fn port_of(value: &Value) -> Option<u16> {
    let port = match value {
        Value::Number(number) => number.as_u64().and_then(|port| port.try_into().ok()),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    port.filter(|port| *port != 0)
}

/// Whether the system would give a port to an app. Others' sockets are not always listed.
fn can_be_had(port: u16) -> bool {
    let binds = |address: Ipv4Addr| TcpListener::bind((address, port)).is_ok();
    // Listening for everybody makes the firewall of Windows ask the user.
    binds(Ipv4Addr::LOCALHOST) && (cfg!(windows) || binds(Ipv4Addr::UNSPECIFIED))
}

/// Which app wants or holds which port.
#[utoipa::path(get, path = "/api/ports", tag = "ports", params(PortsQuery),
    responses((status = 200, description = "The ports", body = Ports)))]
pub(super) async fn list(state: web::Data<State>, query: web::Query<PortsQuery>) -> Answer {
    let look = state.sampler.look(&state.service.supervisor).await?;
    let state = state.into_inner();
    let ports = web::block(move || {
        let map = PortMap::look(&state, &look)?;
        let mut numbers: BTreeSet<u16> = map.wanted.keys().copied().collect();
        let own = std::process::id();
        for (port, held) in &map.held {
            if query.all || held.iter().any(|it| it.app.is_some() || it.pid == own) {
                numbers.insert(*port);
            }
        }
        let ports = numbers.into_iter().map(|port| map.port(port)).collect();
        Ok::<_, ApiError>(Ports { ports })
    })
    .await??;
    Ok(HttpResponse::Ok().json(ports))
}

/// The next port that is free: nobody listens on it, and no app wants it.
#[utoipa::path(get, path = "/api/ports/free", tag = "ports", params(FreeQuery),
    responses((status = 200, description = "A port", body = Free),
              (status = 409, description = "There is none")))]
pub(super) async fn free(state: web::Data<State>, query: web::Query<FreeQuery>) -> Answer {
    let mut not = BTreeSet::new();
    for port in query.not.split(',').filter(|port| !port.is_empty()) {
        not.insert(port.trim().parse().map_err(|_| {
            ApiError::invalid("`not` must be ports separated by commas, e.g. 3307,3308")
        })?);
    }
    let near = query.near.unwrap_or(8080);
    let look = state.sampler.look(&state.service.supervisor).await?;
    let state = state.into_inner();
    let found = web::block(move || {
        let map = PortMap::look(&state, &look)?;
        Ok::<_, ApiError>(map.free(near, &not))
    })
    .await??;
    match found {
        Some(port) => Ok(HttpResponse::Ok().json(Free { port })),
        None => Err(ApiError::new(
            StatusCode::CONFLICT,
            "no port is free on this computer; end a program that listens",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(name: &str) -> AppName {
        AppName::parse(name).unwrap()
    }

    fn wants(name: &str) -> Wanting {
        Wanting {
            app: app(name),
            key: "port".to_owned(),
            state: supervisor::State::Stopped,
            pid: None,
        }
    }

    fn holds(owner: Option<&str>, proto: &'static str) -> Holding {
        Holding {
            pid: 7,
            name: "nginx".to_owned(),
            proto,
            app: owner.map(app),
        }
    }

    #[test]
    fn a_conflict_is_told_with_who_is_in_the_way() {
        let kind = |wanted: &[Wanting], held: &[Holding]| why(80, wanted, held).map(|it| it.0);
        assert_eq!(kind(&[wants("a")], &[]), None);
        assert_eq!(kind(&[], &[holds(None, "TCP")]), None);
        assert_eq!(kind(&[wants("a")], &[holds(Some("a"), "TCP")]), None);
        assert_eq!(kind(&[wants("a")], &[holds(None, "UDP")]), None);
        let foreign = why(80, &[wants("a")], &[holds(None, "TCP")]).unwrap();
        assert_eq!(foreign.0, ConflictKind::Foreign);
        assert!(foreign.1.contains("`nginx` (pid 7)"), "{}", foreign.1);
        assert_eq!(
            kind(&[wants("a")], &[holds(Some("b"), "TCP")]),
            Some(ConflictKind::OtherApp)
        );
        assert_eq!(
            kind(&[wants("a"), wants("b")], &[holds(Some("b"), "TCP")]),
            Some(ConflictKind::OtherApp)
        );
        assert_eq!(
            kind(&[wants("a"), wants("b")], &[]),
            Some(ConflictKind::BothWant)
        );
        assert_eq!(kind(&[wants("a"), wants("a")], &[]), None);
    }

    #[test]
    fn a_port_that_somebody_listens_on_is_not_free() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = socket.local_addr().unwrap().port();
        let map = PortMap {
            wanted: BTreeMap::new(),
            held: BTreeMap::new(),
        };
        let free = map.free(taken, &BTreeSet::new()).unwrap();
        assert_ne!(free, taken);
        let other = map.free(taken, &[free].into()).unwrap();
        assert!(other != taken && other != free);
        drop(socket);
    }

    #[test]
    fn ports_are_read_from_numbers_and_texts() {
        use serde_json::json;
        for (value, expected) in [
            (json!(3306), Some(3306)),
            (json!("3306"), Some(3306)),
            (json!(0), None),
            (json!(70000), None),
            (json!("{port}"), None),
            (json!(true), None),
        ] {
            assert_eq!(port_of(&value), expected, "{value}");
        }
    }
}
