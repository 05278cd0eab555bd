//! Repositories in folders: what is published, what others put there, and what breaks.

use std::fs;
use std::path::{Path, PathBuf};

use super::cache::Memory;
use super::*;
use crate::archive;

/// The store whose packages these are.
const OWNER: &str = "me";

struct World {
    dir: tempfile::TempDir,
    repository: Repository,
    memory: Memory,
    known: Option<Index>,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("repository");
        fs::create_dir(&folder).unwrap();
        Self {
            repository: Repository::of_folder(&folder),
            dir,
            memory: Memory::default(),
            known: None,
        }
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("repository")
    }

    /// A package, beside the repository.
    fn package(&self, name: &str, version: &str) -> PathBuf {
        let folder = self.dir.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        let install = format!("{{\"name\": \"{name}\", \"version\": \"{version}\"}}");
        fs::write(folder.join("install.json"), install).unwrap();
        let package = self.dir.path().join(format!("{name}-{version}.zip"));
        archive::pack(&folder, &package, Some(name), &|| false).unwrap();
        package
    }

    fn entry(package: &Path) -> Entry {
        Entry::from(&inspect(package).unwrap())
    }

    /// Answers its checksum.
    async fn publish(&self, name: &str, version: &str) -> Option<Sha256> {
        let package = self.package(name, version);
        put(&self.repository, &package).await.unwrap();
        Self::entry(&package).digest
    }

    async fn sync(&mut self) -> Result<Synced, RepositoryError> {
        let scratch = self.dir.path().join("scratch");
        let known = self.known.as_ref();
        let synced = self
            .repository
            .sync(known, &mut self.memory, &scratch)
            .await;
        if let Ok(synced) = &synced {
            self.known = Some(synced.index.clone());
        }
        synced
    }

    async fn versions(&self) -> Vec<String> {
        let index = self.repository.index().await.unwrap();
        let entries = index.entries();
        entries
            .map(|entry| format!("{} {}", entry.name, entry.version))
            .collect()
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder()).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names
    }
}

/// Publishes a package: keeps it, then puts it where others see it.
async fn put(repository: &Repository, package: &Path) -> Result<(), RepositoryError> {
    let mut entry = World::entry(package);
    let digest = entry.digest.unwrap();
    entry.urls = vec![format!("{}-{}.zip", entry.name, entry.version)];
    repository.keep(OWNER, digest, package).await?;
    repository.publish(OWNER, &entry, digest).await
}

#[tokio::test]
async fn a_package_is_published_then_withdrawn_and_nothing_of_it_stays() {
    let world = World::new();
    let digest = world.publish("a", "1.0.0").await.unwrap();
    assert_eq!(world.versions().await, ["a 1.0.0"]);
    assert_eq!(world.files(), ["a-1.0.0.json", "a-1.0.0.zip", "index.yaml"]);
    for _ in 0..2 {
        let withdrawn = world.repository.withdraw(OWNER, "a", "1.0.0", digest).await;
        withdrawn.unwrap();
        assert!(world.versions().await.is_empty());
        assert_eq!(world.files(), ["index.yaml"]);
    }
}

#[tokio::test]
async fn a_version_is_given_once_and_its_bytes_stay() {
    let world = World::new();
    let stored = world.publish("a", "1.0.0").await;
    let before = fs::read(world.folder().join("a-1.0.0.zip")).unwrap();
    assert_eq!(world.publish("a", "1.0.0").await, stored);
    let other = world.package("a", "1.0.0");
    fs::write(world.dir.path().join("a/more.txt"), "more").unwrap();
    archive::pack(&world.dir.path().join("a"), &other, Some("a"), &|| false).unwrap();
    let refused = put(&world.repository, &other).await.unwrap_err();
    assert_eq!(refused.name(), "app_version_exists");
    assert_eq!(
        fs::read(world.folder().join("a-1.0.0.zip")).unwrap(),
        before
    );
}

#[tokio::test]
async fn names_and_versions_that_lead_elsewhere_are_refused() {
    let world = World::new();
    let package = world.package("a", "1.0.0");
    for (name, version) in [
        ("../x", "1.0.0"),
        ("a/b", "1.0.0"),
        ("a", "../1"),
        ("a", "1"),
        ("", "1.0.0"),
        ("a", "v1.0.0"),
    ] {
        let entry = Entry {
            name: name.to_owned(),
            version: version.to_owned(),
            ..World::entry(&package)
        };
        let digest = entry.digest.unwrap();
        let refused = world
            .repository
            .publish(OWNER, &entry, digest)
            .await
            .unwrap_err();
        assert_eq!(refused.name(), "load_package_failed", "{name} {version}");
    }
    assert!(world.files().is_empty());
}

#[tokio::test]
async fn a_file_that_changed_meanwhile_is_not_kept() {
    let world = World::new();
    let package = world.package("a", "1.0.0");
    let digest = World::entry(&package).digest.unwrap();
    fs::write(&package, b"PK\x03\x04 something else").unwrap();
    let refused = world
        .repository
        .keep(OWNER, digest, &package)
        .await
        .unwrap_err();
    assert_eq!(refused.name(), "digest_mismatch");
    assert!(world.files().is_empty());
}

#[tokio::test]
async fn what_others_put_there_is_found_and_a_draft_is_not() {
    let mut world = World::new();
    fs::copy(world.package("a", "1.0.0"), world.folder().join("mine.zip")).unwrap();
    fs::write(world.folder().join("broken.zip"), "no archive").unwrap();
    fs::write(world.folder().join("readme.txt"), "hello").unwrap();
    let draft = world.package("b", "1.0.0");
    let digest = World::entry(&draft).digest.unwrap();
    world.repository.keep(OWNER, digest, &draft).await.unwrap();
    let synced = world.sync().await.unwrap();
    assert_eq!(world.versions().await, ["a 1.0.0"]);
    assert_eq!(synced.found, "absent");
    assert_eq!(synced.problems.len(), 1, "{:?}", synced.problems);
    assert!(synced.problems[0].contains("broken.zip"));
    assert_eq!(synced.read, 2);
    // The next one reads nothing, and tells the same.
    let again = world.sync().await.unwrap();
    assert_eq!((again.read, again.changed), (0, false));
    assert_eq!(again.problems, synced.problems);
    let index = world.repository.index().await.unwrap();
    let entry = index.get("a", "1.0.0").unwrap();
    assert_eq!(entry.file(), Some("mine.zip"));
}

#[tokio::test]
async fn an_index_that_is_broken_lost_or_cut_is_made_anew() {
    let mut world = World::new();
    for version in ["1.0.0", "1.1.0", "2.0.0"] {
        world.publish("a", version).await;
    }
    fs::copy(
        world.package("b", "1.0.0"),
        world.folder().join("b-1.0.0.zip"),
    )
    .unwrap();
    world.sync().await.unwrap();
    let all = ["a 2.0.0", "a 1.1.0", "a 1.0.0", "b 1.0.0"];
    assert_eq!(world.versions().await, all);
    let index = world.folder().join("index.yaml");
    let whole = fs::read_to_string(&index).unwrap();
    for broken in [
        "",
        "{{{",
        "apiVersion: v1\n",
        "<html></html>",
        whole.get(..whole.len() / 2).unwrap(),
    ] {
        fs::write(&index, broken).unwrap();
        world.memory = Memory::default();
        let synced = world.sync().await.unwrap();
        assert_eq!(synced.index.len(), 4, "{broken}: {:?}", synced.problems);
        assert_eq!(world.versions().await, all, "{broken}");
    }
    fs::remove_file(&index).unwrap();
    world.sync().await.unwrap();
    assert_eq!(world.versions().await, all);
    // Publishing heals it as well.
    fs::write(&index, "{{{").unwrap();
    world.publish("c", "1.0.0").await;
    assert_eq!(world.versions().await.len(), 5);
}

#[tokio::test]
async fn a_folder_that_is_suddenly_empty_takes_nothing_away() {
    let mut world = World::new();
    world.publish("a", "1.0.0").await;
    world.sync().await.unwrap();
    let moved = world.dir.path().join("moved");
    fs::rename(world.folder(), &moved).unwrap();
    assert_eq!(world.sync().await.unwrap_err().code(), 901);
    fs::create_dir(world.folder()).unwrap();
    let error = world.sync().await.unwrap_err();
    assert!(error.to_string().contains("nothing was removed"), "{error}");
    fs::remove_dir(world.folder()).unwrap();
    fs::rename(&moved, world.folder()).unwrap();
    assert_eq!(world.sync().await.unwrap().index.len(), 1);
}

#[tokio::test]
async fn a_package_that_is_removed_by_others_is_no_longer_offered() {
    let mut world = World::new();
    world.publish("a", "1.0.0").await;
    world.publish("a", "1.1.0").await;
    world.sync().await.unwrap();
    fs::remove_file(world.folder().join("a-1.0.0.zip")).unwrap();
    let synced = world.sync().await.unwrap();
    assert_eq!(world.versions().await, ["a 1.1.0"]);
    assert!(
        synced.problems[0].contains("is gone"),
        "{:?}",
        synced.problems
    );
}

#[tokio::test]
async fn a_package_that_others_changed_is_an_alarm_and_keeps_its_checksum() {
    let mut world = World::new();
    let published = world.publish("a", "1.0.0").await;
    world.sync().await.unwrap();
    fs::write(world.dir.path().join("a/more.txt"), "more").unwrap();
    let other = world.folder().join("a-1.0.0.zip");
    archive::pack(&world.dir.path().join("a"), &other, Some("a"), &|| false).unwrap();
    for _ in 0..2 {
        let synced = world.sync().await.unwrap();
        assert!(synced.problems[0].contains("is another than was published"));
        let index = world.repository.index().await.unwrap();
        assert_eq!(index.get("a", "1.0.0").unwrap().digest, published);
    }
}

#[tokio::test]
async fn what_was_cut_off_between_two_steps_is_finished_or_begun_again() {
    let mut world = World::new();
    // Published, but not yet in the index.
    world.publish("a", "1.0.0").await;
    fs::remove_file(world.folder().join("index.yaml")).unwrap();
    world.sync().await.unwrap();
    assert_eq!(world.versions().await, ["a 1.0.0"]);
    // Hidden, but still in the index: a withdrawal that was killed.
    let file = world.folder().join("a-1.0.0.json");
    let note = Note::read(&fs::read(&file).unwrap()).unwrap();
    let hidden = Note {
        published: false,
        ..note.clone()
    };
    fs::write(&file, hidden.write().unwrap()).unwrap();
    world.sync().await.unwrap();
    assert!(world.versions().await.is_empty());
    let index = world.repository.index().await.unwrap();
    let left_over = world.repository.left_over(&index).await.unwrap();
    assert_eq!(left_over.len(), 1);
    world.publish("a", "1.0.0").await;
    assert_eq!(world.versions().await, ["a 1.0.0"]);
    // The note is there, the package is not, or all but the note is done: a publishing that was killed.
    let under_way = Note {
        published: false,
        uploading: Some(now()),
        ..note
    };
    for is_there in [false, true] {
        fs::write(&file, under_way.write().unwrap()).unwrap();
        if !is_there {
            fs::remove_file(world.folder().join("a-1.0.0.zip")).unwrap();
        }
        world.sync().await.unwrap();
        assert!(world.versions().await.is_empty());
        world.publish("a", "1.0.0").await;
        assert_eq!(world.versions().await, ["a 1.0.0"]);
        world.sync().await.unwrap();
        assert_eq!(world.versions().await, ["a 1.0.0"]);
    }
}

#[tokio::test]
async fn another_package_waits_while_one_is_on_its_way_and_not_for_ever() {
    let world = World::new();
    let package = world.package("a", "1.0.0");
    let entry = World::entry(&package);
    let note = |since: u64| Note {
        entry: Entry {
            digest: Some(Sha256([1; 32])),
            urls: vec!["a-1.0.0.zip".to_owned()],
            ..entry.clone()
        },
        published: false,
        uploading: Some(since),
        owner: Some(OWNER.to_owned()),
    };
    let file = world.folder().join("a-1.0.0.json");
    fs::write(&file, note(now()).write().unwrap()).unwrap();
    let refused = put(&world.repository, &package).await.unwrap_err();
    assert!(
        matches!(refused, RepositoryError::Uploading { .. }),
        "{refused}"
    );
    fs::write(&file, note(0).write().unwrap()).unwrap();
    put(&world.repository, &package).await.unwrap();
}

#[tokio::test]
async fn many_at_once_lose_nothing() {
    let world = Arc::new(World::new());
    let packages: Vec<PathBuf> = (0..24)
        .map(|number| world.package(&format!("app{number}"), "1.0.0"))
        .collect();
    let uploads = packages.into_iter().map(|package| {
        // Each as another process would: with an opened repository of its own.
        let repository = Repository::of_folder(&world.folder());
        tokio::spawn(async move {
            put(&repository, &package).await.unwrap();
        })
    });
    for upload in uploads.collect::<Vec<_>>() {
        upload.await.unwrap();
    }
    assert_eq!(world.versions().await.len(), 24);
}

#[tokio::test]
async fn a_repository_is_tried_out_without_a_trace() {
    let world = World::new();
    let found = world.repository.validate().await;
    assert!(found.ok && found.readable && found.listable && found.writable && found.conditional);
    assert_eq!(
        (found.index.as_str(), found.packages, found.error_code),
        ("absent", 0, 0)
    );
    assert_eq!(found.detail, "");
    assert!(world.files().is_empty(), "{:?}", world.files());
    let nowhere = Repository::of_folder(&world.dir.path().join("nowhere"));
    let found = nowhere.validate().await;
    assert!(!found.ok && !found.readable && !found.writable);
    assert_eq!(found.error_code, 901);
    assert!(!world.dir.path().join("nowhere").exists());
}
