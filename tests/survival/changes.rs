//! The service is killed while it installs, upgrades, rolls back, uninstalls and restores: at every place
//! that its sources mark, at every place of taking such a change back, and at any other moment. The next
//! service finds the app whole, old or new, with its data.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{Service, alive, child, until, zip};

/// What the user made, which must never be gone.
const ROWS: &str = "rows of years";

/// A change that is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// There is no app.
    Install(u32),
    Upgrade(u32),
    Rollback,
    Keep,
    Purge,
    Restore,
}

/// How the app stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Stand {
    version: Option<u32>,
    previous: Option<u32>,
    /// Versions of the entries in the trash.
    trash: Vec<u32>,
    runs: bool,
}

impl Stand {
    fn after(&self, change: Change) -> Self {
        let mut after = self.clone();
        match change {
            Change::Install(version) => {
                after.version = Some(version);
                after.runs = true;
            }
            Change::Upgrade(version) => {
                after.previous = self.version;
                after.version = Some(version);
            }
            Change::Rollback => {
                after.previous = self.version;
                after.version = self.previous;
            }
            Change::Keep | Change::Purge => {
                if change == Change::Keep {
                    after.trash.extend(self.version);
                }
                after.version = None;
                after.previous = None;
                after.runs = false;
            }
            Change::Restore => after.version = after.trash.pop(),
        }
        after
    }
}

/// A service with one app, and how that must stand.
struct World {
    service: Service,
    stand: Stand,
    /// The version that the next package has.
    next: u32,
    /// Something came and went since the last upgrade.
    varied: bool,
}

impl World {
    async fn new(environment: &[(&str, &str)]) -> Self {
        let mut variables = vec![
            ("STOREKEEPER_PROBATION", "100"),
            ("STOREKEEPER_LOG", "warn,storekeeper::job::change=trace"),
        ];
        variables.extend(environment);
        Self {
            service: Service::start_with(&[], &variables).await,
            stand: Stand::default(),
            next: 1,
            varied: false,
        }
    }

    /// The path of the package of a version.
    fn package(&self, version: u32) -> String {
        let path = self.service.scratch().join(format!("a-{version}.zip"));
        if !path.exists() {
            fs::write(&path, self.packed(version)).unwrap();
        }
        path.to_str().unwrap().to_owned()
    }

    /// Its pages, program and settings tell the version, and so does what its lists write.
    fn packed(&self, version: u32) -> Vec<u8> {
        let info = json!({ "name": "a", "version": version.to_string(), "setting": true });
        let pids = self.service.scratch().join("pids");
        let store = json!({
            "setting": {
                "binPath": child(), "confPath": "{exePath}/a.conf", "ready": { "log": "up" },
            },
            "config": { "port": 1, "dataDir": "{exePath}/data" },
            "commands": {
                "init": [
                    { "name": "mkdir", "filePath": "{exePath}/data" },
                    { "name": "writeFile", "filePath": "{exePath}/made-by-list", "content": "{version}" },
                ],
                "setting": [
                    { "name": "changeFile", "tplPath": "{exePath}/a.conf.tpl", "filePath": "{exePath}/a.conf" },
                ],
                // What it undoes, nobody can do again.
                "uninstall": [{ "name": "deleteFile", "filePath": "{exePath}/a.conf" }],
            },
            "install": { "installCmds": ["init"] },
            "start": { "startCmds": [
                "append:data/starts={version}",
                format!("append-pid:{}", pids.display()),
                "print:up",
                "forever",
            ] },
        });
        let version = version.to_string();
        zip(&[
            ("install.json", info.to_string().as_bytes()),
            ("store.json", store.to_string().as_bytes()),
            ("a.conf.tpl", b"port={port}"),
            ("static/index.html", version.as_bytes()),
            ("program", version.as_bytes()),
            (&format!("only-{version}"), b""),
            ("edited.ini", version.as_bytes()),
            ("data/read.me", version.as_bytes()),
        ])
    }

    fn request(&self, change: Change) -> RequestBuilder {
        let post = |path: &str, body: Value| self.service.request(Method::POST, path).json(&body);
        match change {
            Change::Install(version) => post(
                "/api/apps?wait=true",
                json!({ "package": self.package(version), "start": true }),
            ),
            Change::Upgrade(version) => post(
                "/api/apps?wait=true",
                json!({ "package": self.package(version) }),
            ),
            Change::Rollback => post("/api/apps/a/rollback?wait=true", json!({})),
            Change::Keep => post("/api/apps/a/uninstall?wait=true", json!({})),
            Change::Purge => post("/api/apps/a/uninstall?wait=true&purge=true", json!({})),
            Change::Restore => {
                let entries = fs::read_dir(self.service.home().join("trash")).unwrap();
                let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
                let newest = names.max().unwrap();
                post(&format!("/api/trash/{newest}/restore?wait=true"), json!({}))
            }
        }
    }

    /// Does a change, which must succeed.
    async fn must(&mut self, change: Change) {
        let answer = self.request(change).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{change:?}: {text}");
        self.stand = self.stand.after(change);
        if matches!(change, Change::Install(_)) {
            self.use_it().await;
        }
    }

    /// The user works with a fresh app.
    async fn use_it(&self) {
        let app = self.service.existing_app("a");
        for (path, text) in [
            ("data/db", ROWS),
            ("notes/mine.txt", "mine"),
            ("edited.ini", "mine"),
        ] {
            let path = app.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let changed = self.service.setting("a", "setting", json!({ "port": 7 }));
        changed.await.must_succeed();
    }

    /// The change that this test is about, or another one first that makes it possible.
    async fn make_possible(&mut self, change: Change) -> Change {
        match change {
            Change::Install(_) => {
                if self.stand.version.is_some() {
                    self.must(Change::Purge).await;
                }
                Change::Install(self.fresh())
            }
            Change::Upgrade(_) | Change::Rollback => {
                if self.stand.version.is_none() {
                    let version = self.fresh();
                    self.must(Change::Install(version)).await;
                }
                if self.stand.previous.is_none() {
                    let version = self.fresh();
                    self.must(Change::Upgrade(version)).await;
                }
                if change == Change::Rollback {
                    self.vary();
                    return change;
                }
                Change::Upgrade(self.fresh())
            }
            Change::Keep | Change::Purge => {
                if !self.stand.trash.is_empty() {
                    self.must(Change::Restore).await;
                    self.service.start("a").await.must_be(200);
                    self.stand.runs = true;
                } else if self.stand.version.is_none() {
                    let version = self.fresh();
                    self.must(Change::Install(version)).await;
                }
                change
            }
            Change::Restore => {
                if self.stand.trash.is_empty() {
                    if self.stand.version.is_none() {
                        let version = self.fresh();
                        self.must(Change::Install(version)).await;
                    }
                    self.must(Change::Keep).await;
                }
                change
            }
        }
    }

    /// Since the upgrade something came and something went, so that a rollback has to choose.
    fn vary(&mut self) {
        let app = self.service.existing_app("a");
        let previous = self.service.run_dir().join(".previous-a");
        fs::write(app.path().join("data/since"), "since").unwrap();
        fs::create_dir_all(previous.join("data")).unwrap();
        fs::write(previous.join("data/gone"), "gone").unwrap();
        fs::write(previous.join("gone-too"), "gone").unwrap();
        self.varied = true;
    }

    fn fresh(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    /// How the app stands by what the service says.
    async fn said(&self) -> Stand {
        let number = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
        let app = self.service.get("/api/apps/a").await;
        let app = match app.status {
            200 => app.json(),
            404 => json!({}),
            _ => panic!("{}", app.text),
        };
        let trash = self.service.get("/api/trash").await.must_be(200).json();
        let mut trash: Vec<u32> = trash
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| number(&entry["version"]).unwrap())
            .collect();
        trash.sort_unstable();
        Stand {
            version: number(&app["installed"]),
            previous: number(&app["previous"]["version"]),
            trash,
            runs: self.service.runs("a").await,
        }
    }

    /// After a kill in the middle of a change: everything is as before it or as after it. Answers
    /// whether it is done.
    async fn is_whole(&mut self, change: Change) -> bool {
        let after = self.stand.after(change);
        let files = |stand: &Stand| Stand {
            runs: false,
            ..stand.clone()
        };
        let said = files(&self.said().await);
        let is_done = said == files(&after);
        assert!(
            is_done || said == files(&self.stand),
            "{change:?} from {:?} led to {said:?}",
            self.stand
        );
        if is_done {
            let is_new = matches!(change, Change::Install(_));
            self.stand = after;
            if is_new {
                // It is a moment ago that it came: the user has not yet worked with it.
                self.stands_on_disk(false).await;
                self.use_it().await;
            }
        }
        self.stands(true).await;
        is_done
    }

    async fn stands(&self, is_used: bool) {
        let runs = until("it runs, or does not", async || {
            let runs = self.service.runs("a").await;
            (runs == self.stand.runs || !self.stand.runs).then_some(runs)
        })
        .await;
        // Of an install it is not known how far it came when it was cut off.
        assert!(
            runs == self.stand.runs,
            "{:?}, and it runs: {runs}",
            self.stand
        );
        self.stands_on_disk(is_used).await;
    }

    async fn stands_on_disk(&self, is_used: bool) {
        let Stand {
            version, previous, ..
        } = self.stand;
        let stand = &self.stand;
        let app = self.service.existing_app("a");
        let home = self.service.home();
        let mut folders = BTreeSet::new();
        folders.extend(previous.map(|_| ".previous-a".to_owned()));
        folders.extend(version.map(|_| "a".to_owned()));
        assert_eq!(names(&self.service.run_dir()), folders, "{stand:?}");
        let pages = version.map(|_| "a".to_owned()).into_iter().collect();
        assert_eq!(names(&home.join("static")), pages, "{stand:?}");
        let kept = names(&home.join("trash"));
        assert_eq!(kept.len(), stand.trash.len(), "{kept:?} {stand:?}");
        for entry in kept {
            let entry = home.join("trash").join(entry);
            assert_eq!(read(&entry.join("data/data/db")), ROWS, "{stand:?}");
            assert_eq!(read(&entry.join("data/notes/mine.txt")), "mine");
            assert_eq!(read(&entry.join("data/edited.ini")), "mine");
        }
        if let Some(previous) = previous {
            let dir = self.service.run_dir().join(".previous-a");
            Self::is_of_version(&dir, previous);
        }
        if let Some(version) = version {
            Self::is_of_version(app.path(), version);
            assert_eq!(read(&home.join("static/a/index.html")), version.to_string());
            assert_eq!(app.read("made-by-list"), version.to_string());
            for name in names(app.path()) {
                assert!(name.matches(".new-").count() < 2, "{name} piles up");
            }
            for ours in ["displaced", "stale"] {
                let left = app.path().join(".storekeeper").join(ours);
                assert!(!left.exists(), "{} is left", left.display());
            }
        }
        if version.is_some() && is_used {
            assert_eq!(app.read("data/db"), ROWS, "{stand:?}");
            assert_eq!(app.read("notes/mine.txt"), "mine", "{stand:?}");
            assert_eq!(app.read("edited.ini"), "mine", "{stand:?}");
            assert_eq!(app.read("a.conf"), "port=7", "{stand:?}");
            let config = self.service.get("/api/apps/a/config").await.json();
            assert_eq!(config["port"], 7, "{stand:?}");
            assert!(!app.path().join("data/gone").exists(), "{stand:?}");
            assert!(!app.path().join("gone-too").exists(), "{stand:?}");
            assert_eq!(app.path().join("data/since").exists(), self.varied);
        }
        if stand.runs {
            let version = version.unwrap().to_string();
            until("this version was started last", async || {
                let starts = app.read("data/starts");
                (starts.lines().last() == Some(&*version)).then_some(())
            })
            .await;
        }
        until("it lives once, or not at all", async || {
            (self.living().len() == usize::from(stand.runs)).then_some(())
        })
        .await;
    }

    fn is_of_version(dir: &Path, version: u32) {
        let version = version.to_string();
        let info: Value = serde_json::from_str(&read(&dir.join("install.json"))).unwrap();
        assert_eq!(info["version"], *version);
        assert_eq!(read(&dir.join("program")), version);
        let only: Vec<String> = names(dir)
            .into_iter()
            .filter(|name| name.starts_with("only-"))
            .collect();
        assert_eq!(only, [format!("only-{version}")], "{}", dir.display());
    }

    fn living(&self) -> Vec<u32> {
        let pids = read(&self.service.scratch().join("pids"));
        pids.lines()
            .filter_map(|pid| pid.parse().ok())
            .filter(|pid| alive(*pid))
            .collect()
    }

    /// Begins a change with a service that dies at a place, and waits for its end.
    async fn die_at(&mut self, place: &str, change: Change) {
        self.service.kill_9();
        self.service.set("STOREKEEPER_DIE_AT", Some(place));
        self.service.start_again().await;
        until("it runs as it did", async || {
            (self.service.runs("a").await == self.stand.runs).then_some(())
        })
        .await;
        let _cut_off = self.request(change).send().await;
        self.service.has_ended().await;
        self.service.set("STOREKEEPER_DIE_AT", None);
    }

    /// The places that were passed since the output had so many bytes, each once, in order.
    fn passed_since(&self, bytes: usize) -> Vec<String> {
        let output = self.service.output();
        let mut places: Vec<String> = Vec::new();
        for line in output[bytes..].lines() {
            let Some((_, place)) = line.split_once("fail point place=\"") else {
                continue;
            };
            let place = place.split('"').next().unwrap().to_owned();
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn names(dir: &Path) -> BTreeSet<String> {
    fs::read_dir(dir)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// Cuts a change off at each place that it passes, and its taking back at each place of that.
async fn at_every_place(environment: &[(&str, &str)], change: Change, places: &[&str]) {
    let mut world = World::new(environment).await;
    let possible = world.make_possible(change).await;
    let begin = world.service.output().len();
    world.must(possible).await;
    world.stands(true).await;
    assert_eq!(
        world.passed_since(begin),
        places,
        "the places of {change:?}"
    );
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for place in places {
        let possible = world.make_possible(change).await;
        world.die_at(place, possible).await;
        let begin = world.service.output().len();
        world.service.start_again().await;
        let again: Vec<String> = world.passed_since(begin);
        settled(&mut world, possible, place).await;
        for second in again {
            if !seen.insert(second.clone()) {
                continue;
            }
            let possible = world.make_possible(change).await;
            world.die_at(place, possible).await;
            world.service.set("STOREKEEPER_DIE_AT", Some(&second));
            world.service.start_and_end().await;
            world.service.set("STOREKEEPER_DIE_AT", None);
            world.service.start_again().await;
            settled(&mut world, possible, &format!("{place}, then {second}")).await;
        }
    }
    let marked = marked();
    for place in seen {
        assert!(marked.contains(&place), "{place}");
    }
}

/// It is whole, and what was not done is done now.
async fn settled(world: &mut World, change: Change, place: &str) {
    eprintln!("{change:?} was cut off at: {place}");
    if !world.is_whole(change).await {
        world.must(change).await;
    }
    world.stands(true).await;
}

/// The places that the sources mark.
fn marked() -> BTreeSet<String> {
    let jobs = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/job");
    let mut places = BTreeSet::new();
    for name in names(&jobs) {
        let text = read(&jobs.join(name));
        let calls = text.split("fail_point(\"").skip(1);
        places.extend(calls.map(|rest| rest.split('"').next().unwrap().to_owned()));
        let steps = text.split("ChangeStep::").skip(1);
        places.extend(steps.filter_map(|rest| {
            let (_, place) = rest
                .split_once(" => \"")
                .filter(|(name, _)| name.chars().all(char::is_alphabetic))?;
            Some(place.split('"').next().unwrap().to_owned())
        }));
    }
    places
}

const INSTALL: &[&str] = &[
    "staging",
    "unpacked",
    "staged",
    "switching",
    "switched",
    "setting up",
    "set up",
    "proved",
    "committed",
    "cleaned",
];
const UPGRADE: &[&str] = &[
    "staging",
    "unpacked",
    "staged",
    "carrying",
    "carried one",
    "carried",
    "switching",
    "older is aside",
    "previous is aside",
    "switched",
    "setting up",
    "set up",
    "proved",
    "committed",
    "cleaned",
];
const ROLLBACK: &[&str] = &[
    "staging",
    "carrying",
    "previous is staged",
    "stale is aside",
    "staged",
    "carried one",
    "carried",
    "switching",
    "previous is aside",
    "switched",
    "setting up",
    "set up",
    "proved",
    "committed",
    "cleaned",
];
const KEEP: &[&str] = &[
    "staging",
    "leaving",
    "entry is made",
    "removing",
    "entry is shown",
    "kept one",
    "app is gone",
    "removed",
];
const PURGE: &[&str] = &["staging", "leaving", "removing", "app is gone", "removed"];
const RESTORE: &[&str] = &[
    "staging",
    "unpacked",
    "carrying",
    "carried one",
    "taken out",
    "settings are back",
    "staged",
    "switching",
    "switched",
    "setting up",
    "set up",
    "proved",
    "committed",
    "cleaned",
];

/// The places of taking back; each test dies at those of its change.
const BACK: &[&str] = &[
    "new is aside again",
    "previous is back",
    "older is back",
    "pages are back",
    "one is at home",
    "one is back",
    "data are back",
    "unstaged",
];

/// Data of any size are moved, not copied.
const MOVED: (&str, &str) = ("STOREKEEPER_COPY_BYTES", "0");

#[tokio::test]
async fn an_install_that_is_cut_off_anywhere_leaves_all_or_nothing() {
    at_every_place(&[], Change::Install(0), INSTALL).await;
}

#[tokio::test]
async fn an_upgrade_that_is_cut_off_anywhere_leaves_the_old_or_the_new_with_the_data() {
    at_every_place(&[], Change::Upgrade(0), UPGRADE).await;
}

#[tokio::test]
async fn an_upgrade_that_moves_the_data_and_is_cut_off_anywhere_loses_none() {
    at_every_place(&[MOVED], Change::Upgrade(0), UPGRADE).await;
}

#[tokio::test]
async fn a_rollback_that_is_cut_off_anywhere_leaves_one_of_the_versions_with_the_data() {
    at_every_place(&[], Change::Rollback, ROLLBACK).await;
}

#[tokio::test]
async fn a_rollback_that_moves_the_data_and_is_cut_off_anywhere_loses_none() {
    at_every_place(&[MOVED], Change::Rollback, ROLLBACK).await;
}

#[tokio::test]
async fn an_uninstall_that_is_cut_off_anywhere_keeps_the_data_here_or_there() {
    at_every_place(&[], Change::Keep, KEEP).await;
}

#[tokio::test]
async fn a_purge_that_is_cut_off_anywhere_leaves_all_or_nothing() {
    at_every_place(&[], Change::Purge, PURGE).await;
}

#[tokio::test]
async fn a_restore_that_is_cut_off_anywhere_keeps_the_data_here_or_there() {
    at_every_place(&[], Change::Restore, RESTORE).await;
}

#[tokio::test]
async fn a_restore_that_moves_the_data_and_is_cut_off_anywhere_loses_none() {
    at_every_place(&[MOVED], Change::Restore, RESTORE).await;
}

#[test]
fn no_place_that_the_sources_mark_is_forgotten() {
    let lists = [INSTALL, UPGRADE, ROLLBACK, KEEP, PURGE, RESTORE, BACK];
    let known = lists.into_iter().flatten().map(|place| (*place).to_owned());
    assert_eq!(marked(), known.collect());
}

/// How often it is killed at any moment.
const KILLS: u32 = 100;

/// Which of the changes that are possible comes next, and at which part of its time it is cut off; the
/// same in each run with the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        // Knuth's constants.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// How long changes take on this machine, as far as is known: a kill that comes after the end of most
/// shows nothing.
#[derive(Default)]
struct Pace(BTreeMap<String, Duration>);

impl Pace {
    fn of(&mut self, change: Change) -> &mut Duration {
        let debug = format!("{change:?}");
        let kind = debug.split('(').next().unwrap_or_default();
        self.0
            .entry(kind.to_owned())
            .or_insert(Duration::from_millis(100))
    }

    /// A moment in its time, or shortly after.
    fn moment(&mut self, change: Change, dice: &mut Dice) -> Duration {
        let percent = u32::try_from(dice.below(140)).unwrap();
        *self.of(change) * percent / 100
    }

    /// What a kill has told: the change took `time`, or longer when it was cut off.
    fn learn(&mut self, change: Change, time: Duration, is_cut: bool) {
        let known = self.of(change);
        *known = if is_cut {
            (*known).max(time * 5 / 4)
        } else {
            time
        };
    }
}

#[tokio::test]
async fn a_hundred_kills_at_any_moment_leave_the_app_whole() {
    let seed = std::env::var("STOREKEEPER_TEST_SEED");
    let seed = seed.map_or(2026, |seed| seed.parse().unwrap());
    eprintln!("STOREKEEPER_TEST_SEED={seed}");
    let mut dice = Dice(seed);
    let mut world = World::new(&[]).await;
    let mut pace = Pace::default();
    let mut cut = 0;
    for kill in 0..KILLS {
        let stand = &world.stand;
        let mut possible = match (stand.version, stand.trash.is_empty()) {
            (None, true) => vec![Change::Install(world.next + 1)],
            (None, false) => vec![Change::Restore],
            (Some(_), _) => vec![Change::Upgrade(world.next + 1), Change::Keep],
        };
        if stand.previous.is_some() {
            possible.push(Change::Rollback);
        }
        world.next += 1;
        let which = dice.below(u64::try_from(possible.len()).unwrap());
        let change = possible[usize::try_from(which).unwrap()];
        let moment = pace.moment(change, &mut dice);
        let begin = Instant::now();
        let answered = tokio::time::timeout(moment, world.request(change).send()).await;
        pace.learn(change, begin.elapsed(), answered.is_err());
        cut += u32::from(answered.is_err());
        world.service.kill_9();
        world.service.start_again().await;
        eprintln!("kill {kill} after {moment:?}: {change:?}");
        world.is_whole(change).await;
        if matches!(change, Change::Restore) && world.stand.version.is_some() {
            world.service.start("a").await.must_be(200);
            world.stand.runs = true;
        }
    }
    assert!(cut > KILLS / 4, "only {cut} changes were cut off");
}
