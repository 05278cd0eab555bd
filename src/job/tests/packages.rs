//! Packages: installed, upgraded, rolled back, removed, and back again.

use super::*;
use crate::archive;

/// An app that counts its starts in its data and writes its settings to a file.
fn counter(script: &str) -> Value {
    json!({
        "setting": { "binPath": "/bin/sh", "confPath": "{exePath}/a.conf", "ready": { "log": "up" } },
        "config": { "port": 1, "dir": "{exePath}/data" },
        "commands": { "init": [sh("mkdir -p data; echo row >> data/db")] },
        "install": { "installCmds": ["init"] },
        "start": { "startCmds": ["-c", script] },
    })
}

const RUNS: &str = "echo up; while :; do sleep 0.05; done";

/// Writes a package of `a` beside the home.
fn package(home: &Home, version: &str, store: Value, files: &[(&str, &str)]) -> PathBuf {
    let folder = home.dir.path().join(format!("package-{version}"));
    write_app(&folder, "a", json!({ "version": version }), store);
    write(&folder.join("a.conf.tpl"), "port={port}\n");
    write(&folder.join("static/index.html"), version);
    for (name, content) in files {
        write(&folder.join(name), content);
    }
    let package = home.dir.path().join(format!("a-{version}.zip"));
    archive::pack(&folder, &package, None, &|| false).unwrap();
    package
}

fn from(package: &Path) -> Action {
    Action::Install(Source::File(package.to_owned()).into())
}

fn rollback() -> Action {
    Action::Rollback { with_data: false }
}

impl Home {
    fn version(&self) -> Option<String> {
        self.service.database.app(&name("a")).installed
    }

    fn page(&self) -> String {
        fs::read_to_string(self.dir.path().join("static/a/index.html")).unwrap_or_default()
    }

    /// Names in the folder of the apps: nothing may be left behind.
    fn folders(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.service.library.run_dir())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn trash(&self) -> Vec<trash::TrashEntry> {
        trash::list(&self.service.library)
    }
}

fn done(record: &Arc<JobRecord>) {
    assert_eq!(record.state, JobState::Succeeded, "{record:#?}");
}

#[tokio::test]
async fn a_package_is_installed_and_upgraded_with_its_data_and_rolled_back() {
    on_a_home(async |home| {
        let one = package(
            home,
            "1.0",
            counter(RUNS),
            &[("bin/tool", "1"), ("gone", "1")],
        );
        succeeded(&home.run("a", from(&one)).await);
        assert_eq!(home.version().as_deref(), Some("1.0"));
        assert_eq!(home.read("a", "a.conf"), "port=1\n");
        assert_eq!(home.read("a", "data/db"), "row\n");
        succeeded(&home.run("a", Action::Start).await);
        succeeded(&home.run("a", setting(None, json!({ "port": 7 }))).await);
        write(&home.app_dir("a").join("data/db"), "my rows\n");

        let two = package(home, "2.0", counter(RUNS), &[("bin/tool", "2")]);
        done(&home.run("a", from(&two)).await);
        assert_eq!(home.version().as_deref(), Some("2.0"));
        assert_eq!(home.state("a"), State::Running);
        assert_eq!(home.read("a", "data/db"), "my rows\nrow\n");
        assert_eq!(home.read("a", "a.conf"), "port=7\n");
        assert_eq!(home.read("a", "bin/tool"), "2");
        assert!(!home.app_dir("a").join("gone").exists());
        assert_eq!(home.page(), "2.0");
        assert_eq!(home.folders(), [".previous-a", "a"]);
        let record = home.service.database.app(&name("a"));
        assert_eq!(record.previous.unwrap().version, "1.0");

        write(&home.app_dir("a").join("data/db"), "newer rows\n");
        done(&home.run("a", rollback()).await);
        assert_eq!(home.version().as_deref(), Some("1.0"));
        assert_eq!(home.state("a"), State::Running);
        assert_eq!(home.read("a", "data/db"), "newer rows\nrow\n");
        assert_eq!(home.read("a", "bin/tool"), "1");
        assert_eq!(home.page(), "1.0");
        assert_eq!(home.folders(), [".previous-a", "a"]);
        assert!(!home.app_dir("a").join(".storekeeper/displaced").exists());

        // And forward again, this time with the data as they were.
        done(&home.run("a", Action::Rollback { with_data: true }).await);
        assert_eq!(home.version().as_deref(), Some("2.0"));
        assert_eq!(home.read("a", "data/db"), "newer rows\nrow\n");
    })
    .await;
}

#[tokio::test]
async fn a_version_that_does_not_come_up_gives_way_to_the_one_before() {
    on_a_home(async |home| {
        let one = package(home, "1.0", counter(RUNS), &[]);
        succeeded(&home.run("a", from(&one)).await);
        succeeded(&home.run("a", Action::Start).await);
        write(&home.app_dir("a").join("data/db"), "rows\n");
        for (version, script) in [
            ("2.0", "echo rubbish > data/db; echo no such option; exit 1"),
            // It is ready, and falls soon after.
            ("2.1", "echo up; sleep 0.7; echo alas; exit 1"),
        ] {
            let two = package(home, version, counter(script), &[]);
            let record = home.run("a", from(&two)).await;
            failed(
                &record,
                FailureCode::Failed,
                "version 1.0 is back as it was",
            );
            assert_eq!(home.version().as_deref(), Some("1.0"));
            assert_eq!(home.state("a"), State::Running);
            assert_eq!(home.read("a", "data/db"), "rows\n");
            assert_eq!(home.page(), "1.0");
            assert_eq!(home.folders(), ["a"]);
        }
    })
    .await;
}

#[tokio::test]
async fn a_stopped_app_is_upgraded_and_stays_stopped() {
    on_a_home(async |home| {
        let one = package(home, "1.0", counter(RUNS), &[]);
        succeeded(&home.run("a", from(&one)).await);
        let two = package(home, "2.0", counter(RUNS), &[]);
        done(&home.run("a", from(&two)).await);
        assert_eq!(home.state("a"), State::Stopped);
        assert!(!home.wanted("a"));
    })
    .await;
}

#[tokio::test]
async fn an_edited_configuration_stays_and_the_new_one_is_laid_beside() {
    on_a_home(async |home| {
        let one = package(home, "1.0", counter(RUNS), &[("b.ini", "1")]);
        succeeded(&home.run("a", from(&one)).await);
        write(&home.app_dir("a").join("a.conf"), "port=1\n# mine\n");
        write(&home.app_dir("a").join("b.ini"), "mine");
        let two = package(home, "2.0", counter(RUNS), &[("b.ini", "2")]);
        let record = home.run("a", from(&two)).await;
        done(&record);
        assert_eq!(home.read("a", "a.conf"), "port=1\n# mine\n");
        assert_eq!(home.read("a", "a.conf.new-2.0"), "port=1\n");
        assert_eq!(home.read("a", "b.ini"), "mine");
        assert_eq!(home.read("a", "b.ini.new-2.0"), "2");
        assert_eq!(record.warnings.len(), 2, "{:?}", record.warnings);
    })
    .await;
}

#[tokio::test]
async fn what_must_not_follow_is_refused_and_changes_nothing() {
    on_a_home(async |home| {
        let two = package(home, "2.0", counter(RUNS), &[]);
        succeeded(&home.run("a", from(&two)).await);
        let one = package(home, "1.0", counter(RUNS), &[]);
        let record = home.run("a", from(&one)).await;
        failed(&record, FailureCode::Conflict, "older version 1.0");
        assert_eq!(home.version().as_deref(), Some("2.0"));
        let older = Install {
            older: true,
            ..Source::File(one).into()
        };
        done(&home.run("a", Action::Install(older)).await);
        assert_eq!(home.version().as_deref(), Some("1.0"));

        // Under another name, and over somebody else's app.
        let record = home.run("b", from(&two)).await;
        failed(&record, FailureCode::Manifest, "is the app `a`, not `b`");
        home.put("c", sleeper());
        let folder = home.dir.path().join("package-c");
        write_app(&folder, "c", json!({}), sleeper());
        let package = home.dir.path().join("c.zip");
        archive::pack(&folder, &package, None, &|| false).unwrap();
        let record = home.run("c", from(&package)).await;
        failed(&record, FailureCode::Conflict, "by hand");
        assert_eq!(home.folders(), [".previous-a", "a", "c"]);

        let empty = home.dir.path().join("empty");
        write(&empty.join("read.me"), "");
        let package = home.dir.path().join("e.zip");
        archive::pack(&empty, &package, None, &|| false).unwrap();
        let record = home.run("e", from(&package)).await;
        failed(&record, FailureCode::Manifest, "has no install.json");
        write(&package, "no archive");
        let record = home.run("e", from(&package)).await;
        failed(&record, FailureCode::Manifest, "nothing was changed");
        assert_eq!(home.folders(), [".previous-a", "a", "c"]);
    })
    .await;
}

#[tokio::test]
async fn an_uninstalled_app_comes_back_from_the_trash_with_its_data() {
    on_a_home(async |home| {
        let one = package(home, "1.0", counter(RUNS), &[("bin/tool", "1")]);
        succeeded(&home.run("a", from(&one)).await);
        succeeded(&home.run("a", setting(None, json!({ "port": 7 }))).await);
        write(&home.app_dir("a").join("data/db"), "rows\n");
        done(&home.run("a", Action::Uninstall { purge: false }).await);
        assert_eq!(home.folders(), [""; 0]);
        assert_eq!(home.page(), "");
        let [entry] = &*home.trash() else {
            panic!("one entry: {:?}", home.trash());
        };
        assert!(entry.can_be_restored && entry.bytes >= 5, "{entry:?}");

        let restore = Action::Restore {
            entry: entry.id.clone(),
            package: None,
        };
        // Without its program it stays where it is.
        fs::rename(&one, one.with_extension("away")).unwrap();
        let record = home.run("a", restore.clone()).await;
        failed(&record, FailureCode::Conflict, "cannot be had again");
        assert_eq!(home.trash().len(), 1);
        fs::rename(one.with_extension("away"), &one).unwrap();
        done(&home.run("a", restore).await);
        assert_eq!(home.read("a", "data/db"), "rows\nrow\n");
        assert_eq!(home.read("a", "a.conf"), "port=7\n");
        assert_eq!(home.trash(), []);
        assert_eq!(home.version().as_deref(), Some("1.0"));

        done(&home.run("a", Action::Uninstall { purge: true }).await);
        assert_eq!(home.trash(), []);
        assert_eq!(home.service.database.apps(), []);
    })
    .await;
}

#[tokio::test]
async fn an_app_that_was_put_there_by_hand_goes_to_the_trash_and_back_as_a_whole() {
    on_a_home(async |home| {
        home.put("a", sleeper());
        write(&home.app_dir("a").join("data/db"), "rows");
        succeeded(&home.run("a", Action::Install(Source::InPlace.into())).await);
        done(&home.run("a", Action::Uninstall { purge: false }).await);
        assert_eq!(home.folders(), [""; 0]);
        let entry = home.trash()[0].id.clone();
        let restore = Action::Restore {
            entry,
            package: None,
        };
        succeeded(&home.run("a", restore).await);
        assert_eq!(home.read("a", "data/db"), "rows");
        assert_eq!(home.trash(), []);
    })
    .await;
}

#[tokio::test]
async fn what_was_edited_of_the_program_comes_back_out_of_the_trash_too() {
    on_a_home(async |home| {
        let files = [("page.php", "theirs"), ("static/x.css", "theirs")];
        let one = package(home, "1.0", counter(RUNS), &files);
        succeeded(&home.run("a", from(&one)).await);
        for (path, _) in files {
            write(&home.app_dir("a").join(path), "mine");
        }
        let uninstall = Action::Uninstall { purge: false };
        done(&home.run("a", uninstall).await);
        let entry = home.trash().remove(0).id;
        let restore = Action::Restore {
            entry,
            package: Some(one),
        };
        done(&home.run("a", restore).await);
        assert_eq!(home.trash(), []);
        for (path, _) in files {
            assert_eq!(home.read("a", path), "mine");
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_killed_service_was_unpacking_is_nobodys_data() {
    on_a_home(async |home| {
        let one = package(home, "1.0", counter(RUNS), &[]);
        let two = package(home, "2.0", counter(RUNS), &[]);
        succeeded(&home.run("a", from(&one)).await);
        for left in [
            ".storekeeper-abc123/content/x",
            "static/.storekeeper-d.part",
        ] {
            write(&home.app_dir("a").join(left), "half");
        }
        succeeded(&home.run("a", from(&two)).await);
        let dir = home.app_dir("a");
        assert!(!dir.join(".storekeeper-abc123").exists());
        assert!(!dir.join("static/.storekeeper-d.part").exists());
        assert_eq!(home.read("a", "data/db"), "row\nrow\n");
        write(&dir.join(".storekeeper-abc123/content/x"), "half");
        folder::remove_unfinished(&home.service.library.run_dir());
        assert!(!dir.join(".storekeeper-abc123").exists());
    })
    .await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_that_leads_out_when_its_top_folder_is_gone_is_refused() {
    on_a_home(async |home| {
        let folder = home.dir.path().join("p");
        write_app(&folder.join("top"), "a", json!({}), sleeper());
        std::os::unix::fs::symlink("..", folder.join("top/static")).unwrap();
        let package = home.dir.path().join("a.zip");
        archive::pack(&folder, &package, None, &|| false).unwrap();
        let record = home.run("a", from(&package)).await;
        failed(
            &record,
            FailureCode::Failed,
            "`static` is a link that leads out",
        );
        assert_eq!(home.folders(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn an_export_is_imported_on_another_computer() {
    let dir = tempfile::tempdir().unwrap();
    for with_program in [false, true] {
        let file = dir.path().join(format!("{with_program}.zip"));
        let package_file = dir.path().join("a.zip");
        on_a_home(async |home| {
            let one = package(home, "1.0", counter(RUNS), &[("bin/tool", "1")]);
            fs::copy(&one, &package_file).unwrap();
            succeeded(&home.run("a", from(&one)).await);
            succeeded(&home.run("a", setting(None, json!({ "port": 7 }))).await);
            succeeded(&home.run("a", Action::Start).await);
            write(&home.app_dir("a").join("data/db"), "rows\n");
            let export = Action::Export {
                file: file.clone(),
                with_program,
            };
            succeeded(&home.run("a", export).await);
            assert_eq!(home.state("a"), State::Running);
            assert_eq!(home.folders(), ["a"]);
        })
        .await;
        on_a_home(async |home| {
            assert_eq!(snapshot::Snapshot::peek(&file).unwrap().app, name("a"));
            let import = |package: Option<PathBuf>| Action::Import {
                file: file.clone(),
                package,
            };
            if !with_program {
                let record = home.run("a", import(None)).await;
                failed(&record, FailureCode::Conflict, "--package");
                assert_eq!((home.trash(), home.folders()), (vec![], vec![]));
            }
            let package = (!with_program).then(|| package_file.clone());
            done(&home.run("a", import(package)).await);
            assert_eq!(home.read("a", "data/db"), "rows\nrow\n");
            assert_eq!(home.read("a", "a.conf"), "port=7\n");
            assert_eq!(home.read("a", "bin/tool"), "1");
            assert_eq!(home.trash(), []);
            succeeded(&home.run("a", Action::Start).await);
        })
        .await;
    }
}

#[tokio::test]
async fn a_dependency_that_is_missing_is_named() {
    on_a_home(async |home| {
        let folder = home.dir.path().join("p");
        let needs = json!([{ "name": "b", "value": ">=2" }, { "name": "c" }]);
        write_app(&folder, "a", json!({ "dependencies": needs }), sleeper());
        let package = home.dir.path().join("a.zip");
        archive::pack(&folder, &package, None, &|| false).unwrap();
        home.put("b", sleeper());
        let record = home.run("a", from(&package)).await;
        failed(&record, FailureCode::Conflict, "not there: c");
        let error = record.error.as_ref().unwrap();
        assert_eq!(
            error.data["dependencies"],
            json!([{ "name": "c", "value": "" }, { "name": "b", "value": ">=2" }])
        );
        assert!(error.message.contains("1.0 is there"), "{error}");
        assert_eq!(home.folders(), ["b"]);
    })
    .await;
}
