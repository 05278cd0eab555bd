//! Packages on their way in: a new app, a further version, another package for a draft.
//!
//! The order is: the file, kept by its checksum; then the database, which decides between two that
//! come at once. A file that lost, or whose sender was killed, is nobody's and is swept away.

use std::path::{Path, PathBuf};

use super::account::{Actor, need_developer, random};
use super::error::{Kind, ReleaseError};
use super::model::{self, About, App, MAX_ABOUT_BYTES, Manifest, Version};
use super::publish::version_lock;
use super::shelf::Place;
use super::state::{Action, State};
use super::{Releases, app_follows, audit, category, clock, not_yours, state};
use crate::app::Sha256;
use crate::app::version::Version as Number;
use crate::archive;
use crate::database::shared::{ApplyError, Statement};
use crate::repository::{self, Description};

/// A package that came in whole.
#[derive(Debug)]
pub struct Upload {
    path: PathBuf,
    package: Description,
    sha256: Sha256,
    ending: &'static str,
}

impl Upload {
    /// Looks into a package. Blocks.
    ///
    /// # Errors
    /// What is wrong with it, by file.
    pub fn of_file(path: &Path) -> Result<Self, ReleaseError> {
        let package = repository::inspect(path)?;
        let sha256 = package.digest.ok_or_else(|| {
            ReleaseError::package(&[(String::new(), "it has no checksum".to_owned())])
        })?;
        let texts = [
            model::json(&About::of_package(&package)),
            model::json(&manifest(&package)),
        ];
        // As much as may be written by hand; it goes into lists, notes and the index.
        if texts.iter().map(String::len).sum::<usize>() > MAX_ABOUT_BYTES {
            let reason = "all that it says of itself may have 256 KiB; shorten it";
            let file = "install.json".to_owned();
            return Err(ReleaseError::package(&[(file, reason.to_owned())]));
        }
        let ending = archive::ending(path)
            .map_err(|error| ReleaseError::package(&[(String::new(), error.to_string())]))?;
        Ok(Self {
            path: path.to_owned(),
            package,
            sha256,
            ending: ending.trim_start_matches('.'),
        })
    }

    /// What it says of itself.
    pub fn package(&self) -> &Description {
        &self.package
    }
}

/// A new app.
#[derive(Clone, Debug, Default)]
pub struct NewApp {
    /// The repository that it is published in, by its id or name; when empty, the built-in one, or with
    /// several servers the only one that they all can write.
    pub repo: String,
    /// Its name, which the package must bear; not checked when empty.
    pub name: String,
    /// The categories that it is in.
    pub categories: Vec<String>,
    /// What is new in its first version.
    pub description: String,
}

/// A further version.
#[derive(Clone, Debug, Default)]
pub struct NewVersion {
    /// Its app.
    pub app_id: String,
    /// What is new in it.
    pub description: String,
}

/// Something else in a draft's place.
#[derive(Debug, Default)]
pub struct Replacement {
    /// Another package.
    pub upload: Option<Upload>,
    /// What is new in the version.
    pub description: Option<String>,
    /// The checksum that its package must still have.
    pub expected: Option<String>,
}

impl Releases {
    /// Makes an app with its first version, a draft. Answers the ids of both.
    ///
    /// # Errors
    /// The name is taken in that repository, or it cannot be written.
    pub async fn create_app(
        &self,
        actor: &Actor,
        new: NewApp,
        upload: &Upload,
    ) -> Result<(String, String), ReleaseError> {
        need_developer(actor)?;
        let name = &upload.package.name;
        if !new.name.is_empty() && new.name != *name {
            return Err(ReleaseError::new(
                Kind::Invalid,
                "app_name_conflict_with_package",
                format!(
                    "the app is to be `{}`, the package is one of `{name}`; give both the same name",
                    new.name.escape_debug()
                ),
                "应用名称与配置包中的名称不一致",
            ));
        }
        let place = match new.repo.as_str() {
            "" => self.usual().await?,
            repo => self.writable(repo).await?,
        };
        self.need_free_name(&place, name).await?;
        let (app_id, version_id) = (id("app")?, id("appv")?);
        let now = clock::now();
        let about = About::of_package(&upload.package);
        let mut statements = vec![
            Statement::new(
                "INSERT INTO release_app (app_id, repo_id, name, owner, status, about, search,
                     published_search, created, updated, status_time)
                 VALUES ($1, $2, $3, $4, 'draft', $5, $6, '', $7, $7, $7)",
                [
                    (&app_id).into(),
                    (&place.id).into(),
                    name.into(),
                    (&actor.name).into(),
                    model::json(&about).into(),
                    about.search(name).into(),
                    now.into(),
                ],
            )
            .unique_or("app_name_exists"),
        ];
        statements.push(in_use(&place));
        let mut categories = new.categories;
        if categories.is_empty() {
            categories.extend(self.category_named(&upload.package.category).await?);
        }
        statements.extend(category::put(&app_id, &categories));
        statements.push(insert(
            &app_id,
            &version_id,
            &actor.name,
            &new.description,
            upload,
        ));
        statements.push(audit::row(
            actor,
            true,
            &version_id,
            &app_id,
            Action::Create,
            State::Draft,
            "",
        ));
        self.keep_and_apply(&place, upload, statements)
            .await
            .map_err(|error| match error {
                Apply::Refused("app_name_exists") => ReleaseError::name_exists(name),
                other => other.told(upload),
            })?;
        Ok((app_id, version_id))
    }

    /// Adds a version to an app, a draft. Answers its id.
    ///
    /// # Errors
    /// The package bears another name, or the number is taken.
    pub async fn create_version(
        &self,
        actor: &Actor,
        new: NewVersion,
        upload: &Upload,
    ) -> Result<String, ReleaseError> {
        need_developer(actor)?;
        let app = self.own_app(actor, &new.app_id).await?;
        if app.status == State::Deleted {
            return Err(ReleaseError::not_found("app", "应用", &new.app_id));
        }
        need_same_name(&app, upload)?;
        let place = self.writable(&app.repo_id).await?;
        self.need_free_number(&place, &app, upload, None).await?;
        let version_id = id("appv")?;
        let is_owner = actor.owns(&app.owner);
        let statements = vec![
            in_use(&place),
            alive(&app.app_id),
            insert(
                &app.app_id,
                &version_id,
                &app.owner,
                &new.description,
                upload,
            ),
            audit::row(
                actor,
                is_owner,
                &version_id,
                &app.app_id,
                Action::Create,
                State::Draft,
                "",
            ),
            app_follows(&app.app_id),
        ];
        self.keep_and_apply(&place, upload, statements)
            .await
            .map_err(|error| error.told(upload))?;
        Ok(version_id)
    }

    /// Puts another package or description in the place of a draft's. A rejected version becomes a
    /// draft by it.
    ///
    /// # Errors
    /// The version is no draft, the package bears another name, or its number is taken.
    pub async fn replace(
        &self,
        actor: &Actor,
        version_id: &str,
        replacement: Replacement,
    ) -> Result<(), ReleaseError> {
        let version = self.find_version(version_id).await?;
        let is_owner = actor.owns(&version.owner);
        if !state::may(actor.role, is_owner, Action::Modify) {
            return Err(not_yours("version"));
        }
        let expected = replacement.expected.as_deref();
        must_be_modifiable(&version, expected)?;
        let app = self.find_app(&version.app_id).await?;
        let description = replacement
            .description
            .unwrap_or_else(|| version.description.clone());
        let audit = audit::row(
            actor,
            is_owner,
            version_id,
            &app.app_id,
            Action::Modify,
            State::Draft,
            "",
        );
        let Some(upload) = replacement.upload else {
            let statements = vec![
                Statement::new(
                    format!(
                        "UPDATE release_version SET description = $2, updated = $3, status = 'draft'
                         WHERE version_id = $1 AND status IN ({})",
                        super::publish::from(Action::Modify)
                    ),
                    [version_id.into(), description.into(), clock::now().into()],
                )
                .or_refuse("app_version_incorrect_status"),
                audit,
                app_follows(&app.app_id),
            ];
            let applied = self.store.apply(statements).await;
            return self.explain(version_id, Action::Modify, applied).await;
        };
        need_same_name(&app, &upload)?;
        let place = self.writable(&app.repo_id).await?;
        self.need_free_number(&place, &app, &upload, Some(version_id))
            .await?;
        // A release of it that is under way must not find another package half way.
        let _held = self.store.lock(&version_lock(version_id)).await?;
        let version = self.find_version(version_id).await?;
        must_be_modifiable(&version, expected)?;
        let number = &upload.package.version;
        let statements = vec![
            Statement::new(
                format!(
                    "UPDATE release_version SET version = $2, sort_key = $3, description = $4,
                         manifest = $5, sha256 = $6, size = $7, kind = $8, updated = $9,
                         status = 'draft'
                     WHERE version_id = $1 AND status IN ({})",
                    super::publish::from(Action::Modify)
                ),
                [
                    version_id.into(),
                    number.into(),
                    Number::parse(number).sort_key().into(),
                    description.into(),
                    model::json(&manifest(&upload.package)).into(),
                    upload.sha256.to_string().into(),
                    upload.package.size.into(),
                    upload.ending.into(),
                    clock::now().into(),
                ],
            )
            .or_refuse("app_version_incorrect_status")
            .unique_or("app_version_exists"),
            audit,
            app_follows(&app.app_id),
        ];
        match self.keep_and_apply(&place, &upload, statements).await {
            Ok(()) => {}
            Err(Apply::Refused("app_version_incorrect_status")) => {
                let now = self.find_version(version_id).await?;
                return Err(ReleaseError::status(version_id, now.status, Action::Modify));
            }
            Err(other) => return Err(other.told(&upload)),
        }
        self.withdraw_left(&place, version_id).await;
        if version.sha256 != upload.sha256.to_string() {
            self.forget_unused(&place, &version.sha256).await;
        }
        Ok(())
    }

    /// Where packages are put when nobody says where: into the built-in repository; where that is only one
    /// server's of several, into the only one that all can write.
    async fn usual(&self) -> Result<Place, ReleaseError> {
        if self.store.is_shared()
            && let [only] = self.shelves.places().await?.as_slice()
        {
            return Ok(only.clone());
        }
        self.writable(repository::LOCAL).await
    }

    /// A repository that packages can be put into.
    async fn writable(&self, repo: &str) -> Result<Place, ReleaseError> {
        let place = self.shelves.place(repo).await?;
        if !place.active {
            return Err(ReleaseError::not_found("repository", "仓库", repo));
        }
        if !place.writable && place.name == repository::LOCAL {
            return Err(ReleaseError::new(
                Kind::Invalid,
                "cannot_write_repo",
                "the repository `local` lies in the home of one server, and the others that share this database do not have it; add an S3 repository (`storekeeper repo add shop s3://…`) and publish to that",
                "多台服务器共用数据库时不能发布到内置仓库，请先添加 S3 仓库",
            ));
        }
        if !place.writable {
            return Err(ReleaseError::new(
                Kind::Invalid,
                "cannot_write_repo",
                format!(
                    "the repository `{}` is only read; publish to an S3 repository, a folder or `local`",
                    place.name
                ),
                "该仓库为只读仓库，不能上传应用",
            ));
        }
        Ok(place)
    }

    /// The database decides in the end; asked before, it saves sending the file.
    async fn need_free_name(&self, place: &Place, name: &str) -> Result<(), ReleaseError> {
        let ours = Statement::new(
            "SELECT 1 FROM release_app WHERE repo_id = $1 AND name = $2 AND status <> 'deleted'",
            [(&place.id).into(), name.into()],
        );
        let is_taken = !self.store.query(ours).await?.is_empty();
        // What others put there counts, too.
        if is_taken || self.shelves.has(&place.id, name, None).await? {
            return Err(ReleaseError::name_exists(name));
        }
        Ok(())
    }

    async fn need_free_number(
        &self,
        place: &Place,
        app: &App,
        upload: &Upload,
        but: Option<&str>,
    ) -> Result<(), ReleaseError> {
        let number = &upload.package.version;
        let ours = Statement::new(
            "SELECT 1 FROM release_version
             WHERE app_id = $1 AND version = $2 AND status <> 'deleted' AND version_id <> $3",
            [
                (&app.app_id).into(),
                number.into(),
                but.unwrap_or_default().into(),
            ],
        );
        let is_taken = !self.store.query(ours).await?.is_empty();
        if is_taken || self.shelves.has(&place.id, &app.name, Some(number)).await? {
            return Err(ReleaseError::version_exists(number));
        }
        Ok(())
    }

    /// Keeps the file, then makes the change. While it is under way nobody takes the file for one that
    /// is not needed.
    async fn keep_and_apply(
        &self,
        place: &Place,
        upload: &Upload,
        statements: Vec<Statement>,
    ) -> Result<(), Apply> {
        let held = self.store.lock(&package_lock(&upload.sha256.to_string()));
        let held = held.await.map_err(|error| Apply::Failed(error.into()))?;
        let kept = async {
            let owner = self.owner(&place.id).await?;
            // Noted before the file is there: what is not noted is not ours to sweep away.
            let noted = Statement::new(
                "INSERT INTO release_kept (repo_id, sha256, since) VALUES ($1, $2, $3)
                 ON CONFLICT (repo_id, sha256) DO UPDATE SET since = $3",
                [
                    (&place.id).into(),
                    upload.sha256.to_string().into(),
                    clock::now().into(),
                ],
            );
            self.store.apply(vec![noted]).await?;
            let keep = self
                .shelves
                .keep(&place.id, &owner, upload.sha256, &upload.path);
            Ok::<_, ReleaseError>(keep.await?)
        };
        kept.await.map_err(Apply::Failed)?;
        let applied = self.store.apply(statements).await;
        drop(held);
        match applied {
            Ok(()) => Ok(()),
            Err(ApplyError::Refused(name)) => {
                self.forget_unused(place, &upload.sha256.to_string()).await;
                Err(Apply::Refused(name))
            }
            // It may have been made all the same, so the file stays until the next sweep.
            Err(error) => Err(Apply::Failed(error.into())),
        }
    }

    /// Forgets a file that no version needs any more. A failure is mended by the next sweep.
    pub(super) async fn forget_unused(&self, place: &Place, sha256: &str) {
        let forgotten = async {
            let _held = self.store.lock(&package_lock(sha256)).await?;
            let used = Statement::new(
                "SELECT 1 FROM release_version JOIN release_app USING (app_id)
                 WHERE release_version.sha256 = $1 AND release_app.repo_id = $2
                     AND release_version.status <> 'deleted' LIMIT 1",
                [sha256.into(), (&place.id).into()],
            );
            let is_used = !self.store.query(used).await?.is_empty();
            if let (false, Ok(digest)) = (is_used, sha256.parse()) {
                let owner = self.owner(&place.id).await?;
                self.shelves.forget(&place.id, &owner, digest).await?;
                let gone = Statement::new(
                    "DELETE FROM release_kept WHERE repo_id = $1 AND sha256 = $2",
                    [(&place.id).into(), sha256.into()],
                );
                self.store.apply(vec![gone]).await?;
            }
            Ok::<(), ReleaseError>(())
        };
        if let Err(error) = forgotten.await {
            tracing::warn!(
                repository = place.name,
                "a package that nobody needs stays: {error}"
            );
        }
    }
}

/// Why a package was not taken.
enum Apply {
    Refused(&'static str),
    Failed(ReleaseError),
}

impl Apply {
    fn told(self, upload: &Upload) -> ReleaseError {
        match self {
            Self::Refused("app_version_exists") => {
                ReleaseError::version_exists(&upload.package.version)
            }
            Self::Refused("no_repository") => ReleaseError::not_found(
                "repository of the app any more",
                "仓库",
                &upload.package.name,
            ),
            Self::Refused("no_app") => ReleaseError::not_found("app", "应用", &upload.package.name),
            Self::Refused(name) => ReleaseError::from(ApplyError::Refused(name)).or_category(),
            Self::Failed(error) => error,
        }
    }
}

/// Held while it is decided whether a package is needed.
fn package_lock(sha256: &str) -> String {
    format!("package:{sha256}")
}

/// Refuses to change a version that is no draft, or has another package than the one that was looked at.
fn must_be_modifiable(version: &Version, expected: Option<&str>) -> Result<(), ReleaseError> {
    let id = &version.version_id;
    if state::after(version.status, Action::Modify).is_none() {
        return Err(ReleaseError::status(id, version.status, Action::Modify));
    }
    if expected.is_some_and(|expected| expected != version.sha256) {
        return Err(ReleaseError::changed(id));
    }
    Ok(())
}

fn need_same_name(app: &App, upload: &Upload) -> Result<(), ReleaseError> {
    let name = &upload.package.name;
    if *name == app.name {
        return Ok(());
    }
    Err(ReleaseError::other_name(&app.name, name))
}

/// The repository must not have been removed meanwhile.
fn in_use(place: &Place) -> Statement {
    Statement::new(
        "UPDATE repository SET active = active WHERE id = $1 AND active = 1",
        [(&place.id).into()],
    )
    .or_refuse("no_repository")
}

/// The app must not have been deleted meanwhile.
fn alive(app_id: &str) -> Statement {
    Statement::new(
        "UPDATE release_app SET updated = $2 WHERE app_id = $1 AND status <> 'deleted'",
        [app_id.into(), clock::now().into()],
    )
    .or_refuse("no_app")
}

fn insert(
    app_id: &str,
    version_id: &str,
    owner: &str,
    description: &str,
    upload: &Upload,
) -> Statement {
    let number = &upload.package.version;
    Statement::new(
        "INSERT INTO release_version (version_id, app_id, version, sort_key, owner, status, phase,
             message, description, manifest, sha256, size, kind, created, updated, status_time)
         VALUES ($1, $2, $3, $4, $5, 'draft', '', '', $6, $7, $8, $9, $10, $11, $11, $11)",
        [
            version_id.into(),
            app_id.into(),
            number.into(),
            Number::parse(number).sort_key().into(),
            owner.into(),
            description.into(),
            model::json(&manifest(&upload.package)).into(),
            upload.sha256.to_string().into(),
            upload.package.size.into(),
            upload.ending.into(),
            clock::now().into(),
        ],
    )
    .unique_or("app_version_exists")
}

fn manifest(package: &Description) -> Manifest {
    let entry = package;
    Manifest {
        app_version: entry.app_version.clone(),
        category: entry.category.clone(),
        platforms: entry.platforms.clone(),
        pkg: entry.pkg.clone(),
        pkg_sha256: entry
            .pkg_digest
            .map(|digest| digest.to_string())
            .unwrap_or_default(),
        package_type: entry.kind.as_str().to_owned(),
        description: entry.description.clone(),
        warnings: package.warnings.clone(),
    }
}

fn id(prefix: &str) -> Result<String, ReleaseError> {
    Ok(format!("{prefix}-{}", random(8)?))
}

impl Version {
    /// Its checksum.
    pub(super) fn digest(&self) -> Result<Sha256, ReleaseError> {
        digest(&self.version_id, &self.sha256)
    }
}

/// A checksum of a version as the database has it.
pub(super) fn digest(version_id: &str, sha256: &str) -> Result<Sha256, ReleaseError> {
    sha256.parse().map_err(|error| {
        ReleaseError::new(
            Kind::Failed,
            "internal_error",
            format!("the database says of version `{version_id}`: {error}"),
            "数据库中的校验和无效",
        )
    })
}
