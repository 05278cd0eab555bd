//! Who uses the store. One user on his own computer needs no account and may do everything; with the
//! first account everybody needs one.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Argon2, PasswordHash};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::clock;
use super::error::{Kind, ReleaseError};
use super::state::Role;
use crate::database::shared::{MetaStore, Row, Statement, StoreError};

/// The name of whoever owns this computer's home: he needs no account.
pub const LOCAL: &str = "local";

/// Passwords that are checked at the same time. Each takes 19 MiB and some time, on purpose.
const CHECKS: usize = 2;

/// The shortest password.
const MIN_PASSWORD: usize = 8;

/// Longer ones only cost time.
const MAX_PASSWORD: usize = 256;

/// How long a login lasts, in milliseconds: 30 days.
const LOGIN: u64 = 30 * 86_400_000;

/// Somebody who asks for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The account's name, or [`LOCAL`].
    pub name: String,
    /// What he may do.
    pub role: Role,
    /// The token that he came with, when it is an account's.
    pub token_id: Option<String>,
}

impl Actor {
    /// The owner of this computer's home.
    pub fn local() -> Self {
        Self {
            name: LOCAL.to_owned(),
            role: Role::Admin,
            token_id: None,
        }
    }

    /// Whether something belongs to him.
    pub fn owns(&self, owner: &str) -> bool {
        self.name == owner
    }

    /// Whether he may do what this role may.
    pub fn is(&self, role: Role) -> bool {
        self.role >= role
    }
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was made (RFC 3339).
    pub create_time: String,
}

/// A token, without itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Token {
    /// What it is revoked by.
    pub token_id: String,
    /// Its account.
    pub account: String,
    /// What it is for.
    pub label: String,
    /// When it was made (RFC 3339).
    pub create_time: String,
    /// Until when it holds (RFC 3339); for ever without.
    pub expires: Option<String>,
}

/// A token that was just made: the only time that it is told.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NewToken {
    /// What it is revoked by.
    pub token_id: String,
    /// The token, for `Authorization: Bearer TOKEN`.
    pub token: String,
    /// Its account.
    pub account: String,
    /// What that may do.
    pub role: Role,
}

/// The accounts as they were at one generation of the store.
#[derive(Default)]
struct Known {
    generation: Option<i64>,
    accounts: HashMap<String, Role>,
    /// By the token's checksum: its id, account and end.
    tokens: HashMap<String, (String, String, Option<u64>)>,
}

/// The accounts. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    store: Arc<dyn MetaStore>,
    known: Arc<Mutex<Arc<Known>>>,
    checks: Arc<Semaphore>,
}

impl Accounts {
    pub(super) fn new(store: Arc<dyn MetaStore>) -> Self {
        Self {
            store,
            known: Arc::default(),
            checks: Arc::new(Semaphore::new(CHECKS)),
        }
    }

    /// The accounts as they are now, whichever server changed them last.
    async fn known(&self) -> Result<Arc<Known>, StoreError> {
        let last = || {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(&known)
        };
        let generation = self.store.generation().await?;
        let known = last();
        if known.generation == Some(generation) {
            return Ok(known);
        }
        let accounts = Statement::new("SELECT name, role FROM account", []);
        let tokens = Statement::new(
            "SELECT hash, token_id, account, expires FROM account_token",
            [],
        );
        let answers = self.store.query_all(vec![accounts, tokens]).await?;
        let rows = |at: usize| answers.get(at).map(Vec::as_slice).unwrap_or_default();
        let known = Arc::new(Known {
            generation: Some(generation),
            accounts: rows(0)
                .iter()
                .filter_map(|row| Some((row.text(0), row.text(1).parse().ok()?)))
                .collect(),
            tokens: rows(1)
                .iter()
                .map(|row| {
                    let end = (!row.is_null(3)).then(|| row.count(3));
                    (row.text(0), (row.text(1), row.text(2), end))
                })
                .collect(),
        });
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&known);
        Ok(known)
    }

    /// Whether there are accounts, so that everybody needs one.
    ///
    /// # Errors
    /// What the store says.
    pub async fn are_on(&self) -> Result<bool, ReleaseError> {
        Ok(!self.known().await?.accounts.is_empty())
    }

    /// Whose token it is; none when it is nobody's, or does not hold any more.
    ///
    /// # Errors
    /// What the store says.
    pub async fn of_token(&self, token: &str) -> Result<Option<Actor>, ReleaseError> {
        let known = self.known().await?;
        let Some((token_id, name, end)) = known.tokens.get(&hash(token)) else {
            return Ok(None);
        };
        if end.is_some_and(|end| end <= clock::now()) {
            return Ok(None);
        }
        let role = known.accounts.get(name);
        Ok(role.map(|role| Actor {
            name: name.clone(),
            role: *role,
            token_id: Some(token_id.clone()),
        }))
    }

    /// Whether there is an administrator besides this one.
    pub(super) async fn has_other_admin(&self, actor: &Actor) -> Result<bool, ReleaseError> {
        let known = self.known().await?;
        let mut accounts = known.accounts.iter();
        Ok(accounts.any(|(name, role)| *role == Role::Admin && *name != actor.name))
    }

    /// All accounts by name.
    ///
    /// # Errors
    /// What the store says; not for others than administrators.
    pub async fn list(&self, actor: &Actor) -> Result<Vec<Account>, ReleaseError> {
        need_admin(actor)?;
        let statement = Statement::new("SELECT name, role, created FROM account ORDER BY name", []);
        let rows = self.store.query(statement).await?;
        Ok(rows.iter().filter_map(account).collect())
    }

    /// Adds an account. The first one switches accounts on.
    ///
    /// # Errors
    /// A name or password that cannot be used, or a name that is taken.
    pub async fn add(
        &self,
        actor: &Actor,
        name: &str,
        password: &str,
        role: Role,
    ) -> Result<(), ReleaseError> {
        need_admin(actor)?;
        check_name(name)?;
        let password = self.hashed(password).await?;
        let insert = Statement::new(
            "INSERT INTO account (name, role, password, created) VALUES ($1, $2, $3, $4)",
            [
                name.into(),
                role.as_str().into(),
                password.into(),
                clock::now().into(),
            ],
        )
        .unique_or("user_exists");
        self.store.apply(vec![insert]).await.map_err(|error| {
            ReleaseError::from(error).named(
                "user_exists",
                Kind::Exists,
                &format!("there is a user `{name}` already; choose another name"),
                "用户已存在",
            )
        })
    }

    /// Changes an account's role or password. A new password ends all logins.
    ///
    /// # Errors
    /// No such account, or a password that cannot be used. Everybody may change his own password.
    pub async fn change(
        &self,
        actor: &Actor,
        name: &str,
        role: Option<Role>,
        password: Option<&str>,
    ) -> Result<(), ReleaseError> {
        if role.is_some() || !actor.owns(name) {
            need_admin(actor)?;
        }
        let mut statements = Vec::new();
        if let Some(role) = role {
            statements.push(
                Statement::new(
                    "UPDATE account SET role = $2 WHERE name = $1",
                    [name.into(), role.as_str().into()],
                )
                .or_refuse("no_user"),
            );
        }
        if let Some(password) = password {
            let password = self.hashed(password).await?;
            statements.push(
                Statement::new(
                    "UPDATE account SET password = $2 WHERE name = $1",
                    [name.into(), password.into()],
                )
                .or_refuse("no_user"),
            );
            statements.push(Statement::new(
                "DELETE FROM account_token WHERE account = $1 AND expires IS NOT NULL",
                [name.into()],
            ));
        }
        if statements.is_empty() {
            return Err(ReleaseError::missing("role or password"));
        }
        self.apply(statements, name).await
    }

    /// Removes an account with its tokens. With the last one accounts are off again.
    ///
    /// # Errors
    /// No such account.
    pub async fn remove(&self, actor: &Actor, name: &str) -> Result<(), ReleaseError> {
        need_admin(actor)?;
        let statements = vec![
            Statement::new("DELETE FROM account WHERE name = $1", [name.into()])
                .or_refuse("no_user"),
            Statement::new(
                "DELETE FROM account_token WHERE account = $1",
                [name.into()],
            ),
        ];
        self.apply(statements, name).await
    }

    async fn apply(&self, statements: Vec<Statement>, name: &str) -> Result<(), ReleaseError> {
        self.store.apply(statements).await.map_err(|error| {
            let shown: String = name.escape_debug().take(64).collect();
            ReleaseError::from(error).named(
                "no_user",
                Kind::NotFound,
                &format!(
                    "there is no user `{shown}`; `storekeeper user list` tells which there are"
                ),
                "用户不存在",
            )
        })
    }

    /// Checks a password and makes a token for it.
    ///
    /// # Errors
    /// The name or the password is wrong; it is not told which.
    pub async fn log_in(&self, name: &str, password: &str) -> Result<NewToken, ReleaseError> {
        let statement = Statement::new(
            "SELECT password, role FROM account WHERE name = $1",
            [name.into()],
        );
        let rows = self.store.query(statement).await?;
        let known = rows.first().map(|row| row.text(0));
        let role: Option<Role> = rows.first().and_then(|row| row.text(1).parse().ok());
        let right = self.is_right(password, known).await?;
        let (true, Some(role)) = (right, role) else {
            return Err(ReleaseError::new(
                Kind::Unknown,
                "auth_failure",
                "the name or the password is wrong; an administrator can set a new password with `storekeeper user passwd`",
                "用户名或密码错误",
            ));
        };
        self.make_token(name, role, "login", Some(clock::now() + LOGIN))
            .await
    }

    /// Makes a token for an account that holds until it is revoked.
    ///
    /// # Errors
    /// No such account. Everybody may make his own, administrators those of others.
    pub async fn add_token(
        &self,
        actor: &Actor,
        name: &str,
        label: &str,
    ) -> Result<NewToken, ReleaseError> {
        if !actor.owns(name) {
            need_admin(actor)?;
        }
        let known = self.known().await?;
        let role = known.accounts.get(name).copied();
        let role = role.ok_or_else(|| ReleaseError::not_found("user", "用户", name))?;
        let label: String = label
            .chars()
            .filter(|c| !c.is_control())
            .take(100)
            .collect();
        self.make_token(name, role, &label, None).await
    }

    async fn make_token(
        &self,
        name: &str,
        role: Role,
        label: &str,
        expires: Option<u64>,
    ) -> Result<NewToken, ReleaseError> {
        let (token, token_id) = (random(32)?, format!("tok-{}", random(8)?));
        let statements = vec![
            Statement::new(
                "DELETE FROM account_token WHERE expires < $1",
                [clock::now().into()],
            ),
            Statement::new(
                "INSERT INTO account_token (token_id, hash, account, label, created, expires)
                 SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), name, CAST($4 AS TEXT),
                     CAST($5 AS BIGINT), CAST($6 AS BIGINT) FROM account WHERE name = $3",
                [
                    token_id.clone().into(),
                    hash(&token).into(),
                    name.into(),
                    label.into(),
                    clock::now().into(),
                    expires.into(),
                ],
            )
            .or_refuse("no_user"),
        ];
        self.apply(statements, name).await?;
        Ok(NewToken {
            token_id,
            token,
            account: name.to_owned(),
            role,
        })
    }

    /// The tokens of an account, or of all.
    ///
    /// # Errors
    /// Everybody may see his own, administrators those of others.
    pub async fn tokens(
        &self,
        actor: &Actor,
        name: Option<&str>,
    ) -> Result<Vec<Token>, ReleaseError> {
        if !name.is_some_and(|name| actor.owns(name)) {
            need_admin(actor)?;
        }
        let statement = Statement::new(
            "SELECT token_id, account, label, created, expires FROM account_token
             WHERE ($1 = '' OR account = $1) ORDER BY created, token_id",
            [name.unwrap_or_default().into()],
        );
        let rows = self.store.query(statement).await?;
        let token = |row: &Row| Token {
            token_id: row.text(0),
            account: row.text(1),
            label: row.text(2),
            create_time: clock::rfc3339(row.count(3)),
            expires: (!row.is_null(4)).then(|| clock::rfc3339(row.count(4))),
        };
        Ok(rows.iter().map(token).collect())
    }

    /// Revokes a token: it is refused from the next request on, by every server.
    ///
    /// # Errors
    /// No such token. Everybody may revoke his own, administrators those of others.
    pub async fn revoke(&self, actor: &Actor, token_id: &str) -> Result<(), ReleaseError> {
        let owner = if actor.is(Role::Admin) {
            ""
        } else {
            &actor.name
        };
        let statement = Statement::new(
            "DELETE FROM account_token WHERE token_id = $1 AND ($2 = '' OR account = $2)",
            [token_id.into(), owner.into()],
        )
        .or_refuse("no_token");
        self.store.apply(vec![statement]).await.map_err(|error| {
            ReleaseError::from(error).named(
                "no_token",
                Kind::NotFound,
                "there is no such token of yours; `storekeeper user token list` tells which there are",
                "令牌不存在",
            )
        })
    }

    async fn hashed(&self, password: &str) -> Result<String, ReleaseError> {
        let length = password.chars().count();
        if !(MIN_PASSWORD..=MAX_PASSWORD).contains(&length) {
            return Err(ReleaseError::parameter(
                "password",
                &format!("it has {length} characters; {MIN_PASSWORD} to {MAX_PASSWORD} are taken"),
            ));
        }
        let password = password.to_owned();
        self.slowly(move || {
            let mut salt = [0; 16];
            getrandom::fill(&mut salt).map_err(|error| error.to_string())?;
            let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
            hash.map(|hash| hash.to_string())
                .map_err(|error| error.to_string())
        })
        .await
    }

    /// An unknown name takes as long as a known one.
    async fn is_right(&self, password: &str, known: Option<String>) -> Result<bool, ReleaseError> {
        let password: String = password.chars().take(MAX_PASSWORD + 1).collect();
        self.slowly(move || {
            let Some(known) = known else {
                let salt = [0; 16];
                let _ = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
                return Ok(false);
            };
            let hash = PasswordHash::new(&known).map_err(|error| error.to_string())?;
            let right = Argon2::default().verify_password(password.as_bytes(), &hash);
            Ok(right.is_ok())
        })
        .await
    }

    async fn slowly<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, String> + Send + 'static,
    ) -> Result<T, ReleaseError> {
        let _turn = self.checks.acquire().await;
        let done = match tokio::task::spawn_blocking(work).await {
            Ok(done) => done,
            Err(error) => Err(error.to_string()),
        };
        done.map_err(|error| StoreError(format!("the password was not checked: {error}")).into())
    }
}

impl ReleaseError {
    /// The same in better words, if it is the refusal of this name.
    fn named(self, name: &str, kind: Kind, message: &str, zh: &str) -> Self {
        if self.name != name {
            return self;
        }
        let name = if kind == Kind::NotFound {
            "resource_not_found"
        } else {
            self.name
        };
        Self::new(kind, name, message, zh)
    }
}

/// Refuses who may not publish.
///
/// # Errors
/// `permission_denied`.
pub fn need_developer(actor: &Actor) -> Result<(), ReleaseError> {
    if actor.is(Role::Developer) {
        return Ok(());
    }
    Err(ReleaseError::denied(
        "publish apps; that is what developers may",
        "发布应用（需要开发者角色）",
    ))
}

pub(super) fn need_admin(actor: &Actor) -> Result<(), ReleaseError> {
    if actor.is(Role::Admin) {
        return Ok(());
    }
    Err(ReleaseError::denied(
        "do what is an administrator's",
        "执行管理员操作",
    ))
}

fn account(row: &Row) -> Option<Account> {
    Some(Account {
        name: row.text(0),
        role: row.text(1).parse().ok()?,
        create_time: clock::rfc3339(row.count(2)),
    })
}

/// Names stand in audits and in addresses. That of the local user is nobody's.
fn check_name(name: &str) -> Result<(), ReleaseError> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    let length = name.chars().count();
    if name == LOCAL || name == "system" {
        return Err(ReleaseError::parameter(
            "name",
            "it stands for this computer's own user; choose another one",
        ));
    }
    if !(1..=64).contains(&length) || !name.chars().all(fits) {
        return Err(ReleaseError::parameter(
            "name",
            "1 to 64 letters, digits, `-`, `_`, `.` and `@` are taken",
        ));
    }
    Ok(())
}

/// What is stored of a token. It is random enough to need no salt.
fn hash(token: &str) -> String {
    hex(&Sha256::digest(token.trim().as_bytes()))
}

/// Random bytes as hexadecimal digits.
pub(super) fn random(bytes: usize) -> Result<String, ReleaseError> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random)
        .map_err(|error| StoreError(format!("the system gives no random numbers: {error}")))?;
    Ok(hex(&random))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes everything");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Database;
    use crate::database::shared::SharedSqlite;

    fn accounts() -> (tempfile::TempDir, Accounts) {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(&dir.path().join("storekeeper.db")).unwrap();
        (dir, Accounts::new(Arc::new(SharedSqlite::new(database))))
    }

    #[tokio::test]
    async fn a_password_gives_a_token_that_can_be_revoked() {
        let (_dir, accounts) = accounts();
        let local = Actor::local();
        assert!(!accounts.are_on().await.unwrap());
        accounts
            .add(&local, "mei", "correct horse", Role::Developer)
            .await
            .unwrap();
        assert!(accounts.are_on().await.unwrap());
        assert!(accounts.log_in("mei", "wrong horse").await.is_err());
        assert!(accounts.log_in("nobody", "correct horse").await.is_err());
        let token = accounts.log_in("mei", "correct horse").await.unwrap();
        let actor = accounts.of_token(&token.token).await.unwrap().unwrap();
        assert_eq!((actor.name.as_str(), actor.role), ("mei", Role::Developer));
        assert_eq!(accounts.of_token("made up").await.unwrap(), None);
        accounts.revoke(&actor, &token.token_id).await.unwrap();
        assert_eq!(accounts.of_token(&token.token).await.unwrap(), None);
    }

    #[tokio::test]
    async fn nobody_gives_himself_more_rights() {
        let (_dir, accounts) = accounts();
        let local = Actor::local();
        for (name, role) in [("dev", Role::Developer), ("other", Role::User)] {
            accounts
                .add(&local, name, "long enough", role)
                .await
                .unwrap();
        }
        let login = accounts.log_in("dev", "long enough").await.unwrap();
        let dev = accounts.of_token(&login.token).await.unwrap().unwrap();
        let refused = accounts.change(&dev, "dev", Some(Role::Admin), None).await;
        assert_eq!(refused.unwrap_err().kind, Kind::Denied);
        assert!(accounts.add_token(&dev, "other", "").await.is_err());
        assert!(
            accounts
                .add(&dev, "third", "long enough", Role::Admin)
                .await
                .is_err()
        );
        assert!(accounts.list(&dev).await.is_err());
        // His own password is his; a new one ends his logins.
        accounts
            .change(&dev, "dev", None, Some("another one"))
            .await
            .unwrap();
        assert_eq!(accounts.of_token(&login.token).await.unwrap(), None);
    }

    #[tokio::test]
    async fn names_and_passwords_have_rules() {
        let (_dir, accounts) = accounts();
        let local = Actor::local();
        for (name, password) in [
            ("", "long enough"),
            ("local", "long enough"),
            ("a b", "long enough"),
            ("a/b", "long enough"),
            ("mei", "short"),
        ] {
            let refused = accounts.add(&local, name, password, Role::User).await;
            assert_eq!(refused.unwrap_err().kind, Kind::Invalid, "{name}");
        }
        accounts
            .add(&local, "小梅", "long enough", Role::User)
            .await
            .unwrap();
        let again = accounts
            .add(&local, "小梅", "long enough", Role::User)
            .await;
        assert_eq!(again.unwrap_err().name, "user_exists");
    }
}
