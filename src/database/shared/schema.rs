//! The shared tables, for both engines, and how they get from one version to the next.

use rusqlite::Connection;

/// What is only for one engine, or for both.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    Both,
    Sqlite,
    Postgres,
}

/// The steps by their names, in order. Never change one that was released: add. A name, not a number,
/// so that two that were written at the same time do not get into each other's way.
const MIGRATIONS: [(&str, For, &str); 7] = [
    (
        "publishing",
        For::Both,
        "
    CREATE TABLE release_app (
        number INTEGER PRIMARY KEY,
        app_id TEXT NOT NULL UNIQUE,
        repo_id TEXT NOT NULL,
        name TEXT NOT NULL,
        owner TEXT NOT NULL,
        status TEXT NOT NULL,
        about TEXT NOT NULL,
        published TEXT,
        search TEXT NOT NULL,
        published_search TEXT NOT NULL,
        created INTEGER NOT NULL,
        updated INTEGER NOT NULL,
        status_time INTEGER NOT NULL
    );
    CREATE UNIQUE INDEX release_app_name ON release_app (repo_id, name) WHERE status <> 'deleted';
    CREATE INDEX release_app_status ON release_app (status, created, number);
    CREATE INDEX release_app_owner ON release_app (owner, created, number);
    CREATE TABLE release_version (
        number INTEGER PRIMARY KEY,
        version_id TEXT NOT NULL UNIQUE,
        app_id TEXT NOT NULL,
        version TEXT NOT NULL,
        sort_key TEXT NOT NULL,
        owner TEXT NOT NULL,
        status TEXT NOT NULL,
        phase TEXT NOT NULL,
        message TEXT NOT NULL,
        description TEXT NOT NULL,
        manifest TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        size INTEGER NOT NULL,
        kind TEXT NOT NULL,
        created INTEGER NOT NULL,
        updated INTEGER NOT NULL,
        status_time INTEGER NOT NULL
    );
    CREATE UNIQUE INDEX release_version_number ON release_version (app_id, version)
        WHERE status <> 'deleted';
    CREATE INDEX release_version_latest ON release_version (app_id, status, sort_key);
    CREATE INDEX release_version_status ON release_version (status, created, number);
    CREATE INDEX release_version_owner ON release_version (owner, created, number);
    CREATE INDEX release_version_sha256 ON release_version (sha256);
    CREATE TABLE release_audit (
        number INTEGER PRIMARY KEY,
        version_id TEXT NOT NULL,
        app_id TEXT NOT NULL,
        action TEXT NOT NULL,
        status TEXT NOT NULL,
        operator TEXT NOT NULL,
        operator_type TEXT NOT NULL,
        message TEXT NOT NULL,
        status_time INTEGER NOT NULL
    );
    CREATE INDEX release_audit_version ON release_audit (version_id, number);
    CREATE INDEX release_audit_app ON release_audit (app_id, number);
    CREATE TABLE release_attachment (
        app_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        published INTEGER NOT NULL,
        media_type TEXT NOT NULL,
        content BLOB NOT NULL,
        PRIMARY KEY (app_id, kind, sequence, published)
    );
    CREATE TABLE release_category (
        category_id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        locale TEXT NOT NULL,
        description TEXT NOT NULL,
        icon TEXT NOT NULL,
        created INTEGER NOT NULL
    );
    CREATE UNIQUE INDEX release_category_name ON release_category (name);
    INSERT INTO release_category (category_id, name, locale, description, icon, created)
        VALUES ('ctg-uncategorized', 'uncategorized', '{\"zh_cn\":\"未分类\",\"en\":\"Uncategorized\"}',
                '', '', 0);
    CREATE TABLE release_app_category (
        app_id TEXT NOT NULL,
        category_id TEXT NOT NULL,
        published INTEGER NOT NULL,
        PRIMARY KEY (app_id, category_id, published)
    );
    CREATE INDEX release_app_category_of ON release_app_category (category_id, published);
    CREATE TABLE account (
        name TEXT PRIMARY KEY,
        role TEXT NOT NULL,
        password TEXT NOT NULL,
        created INTEGER NOT NULL
    );
    CREATE TABLE account_token (
        token_id TEXT PRIMARY KEY,
        hash TEXT NOT NULL UNIQUE,
        account TEXT NOT NULL,
        label TEXT NOT NULL,
        created INTEGER NOT NULL,
        expires INTEGER
    );
    CREATE INDEX account_token_account ON account_token (account);
",
    ),
    // In SQLite these tables are the repositories' own (`database/repository.rs`).
    (
        "repositories",
        For::Postgres,
        "
    CREATE TABLE repository (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        active INTEGER NOT NULL,
        record TEXT NOT NULL
    );
    CREATE UNIQUE INDEX repository_name ON repository (name) WHERE active = 1;
    CREATE TABLE repository_event (
        id TEXT PRIMARY KEY,
        repository TEXT NOT NULL,
        open INTEGER NOT NULL,
        lease INTEGER NOT NULL,
        at INTEGER NOT NULL,
        record TEXT NOT NULL
    );
    CREATE INDEX repository_event_at ON repository_event (repository, at);
    CREATE UNIQUE INDEX repository_event_open ON repository_event (repository) WHERE open = 1;
",
    ),
    // Trigrams find any part of a word from three characters on, in Chinese as well.
    (
        "publishing-search",
        For::Sqlite,
        "
    CREATE VIRTUAL TABLE release_search USING fts5(
        search, published_search, content = 'release_app', content_rowid = 'number',
        tokenize = 'trigram');
    CREATE TRIGGER release_app_added AFTER INSERT ON release_app BEGIN
        INSERT INTO release_search (rowid, search, published_search)
            VALUES (new.number, new.search, new.published_search);
    END;
    CREATE TRIGGER release_app_removed AFTER DELETE ON release_app BEGIN
        INSERT INTO release_search (release_search, rowid, search, published_search)
            VALUES ('delete', old.number, old.search, old.published_search);
    END;
    CREATE TRIGGER release_app_changed AFTER UPDATE OF search, published_search ON release_app BEGIN
        INSERT INTO release_search (release_search, rowid, search, published_search)
            VALUES ('delete', old.number, old.search, old.published_search);
        INSERT INTO release_search (rowid, search, published_search)
            VALUES (new.number, new.search, new.published_search);
    END;
",
    ),
    // The categories of the desktop's store, which packages name. One that an administrator made before
    // under such a name stays.
    (
        "categories",
        For::Both,
        "
    INSERT INTO release_category (category_id, name, locale, description, icon, created) VALUES
        ('ctg-hots', 'hots', '{\"zh_cn\":\"热门\",\"en\":\"Hot\"}', '', '', 0),
        ('ctg-work', 'work', '{\"zh_cn\":\"工作\",\"en\":\"Work\"}', '', '', 0),
        ('ctg-development', 'development', '{\"zh_cn\":\"开发\",\"en\":\"Development\"}', '', '', 0),
        ('ctg-games', 'games', '{\"zh_cn\":\"游戏\",\"en\":\"Games\"}', '', '', 0),
        ('ctg-education', 'education', '{\"zh_cn\":\"教育\",\"en\":\"Education\"}', '', '', 0),
        ('ctg-news', 'news', '{\"zh_cn\":\"新闻\",\"en\":\"News\"}', '', '', 0),
        ('ctg-shopping', 'shopping', '{\"zh_cn\":\"购物\",\"en\":\"Shopping\"}', '', '', 0),
        ('ctg-social', 'social', '{\"zh_cn\":\"社交\",\"en\":\"Social\"}', '', '', 0),
        ('ctg-utilities', 'utilities', '{\"zh_cn\":\"工具\",\"en\":\"Utilities\"}', '', '', 0),
        ('ctg-others', 'others', '{\"zh_cn\":\"其他\",\"en\":\"Others\"}', '', '', 0)
        ON CONFLICT DO NOTHING;
",
    ),
    // What was put into repositories is noted before it is put there, so that what a crash leaves is
    // known to be ours: a repository may be another store's as well.
    (
        "publishing-files",
        For::Both,
        "
    CREATE TABLE shared_store (id TEXT NOT NULL);
    CREATE TABLE release_kept (
        repo_id TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        since INTEGER NOT NULL,
        PRIMARY KEY (repo_id, sha256)
    );
    CREATE TABLE release_shown (
        repo_id TEXT NOT NULL,
        name TEXT NOT NULL,
        version TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        version_id TEXT NOT NULL,
        PRIMARY KEY (repo_id, name, version, sha256)
    );
    CREATE INDEX release_shown_version ON release_shown (version_id);
",
    ),
    (
        "store-id-sqlite",
        For::Sqlite,
        "INSERT INTO shared_store (id) VALUES (lower(hex(randomblob(8))))",
    ),
    (
        "store-id-postgres",
        For::Postgres,
        "INSERT INTO shared_store (id)
             VALUES (substr(md5(random()::text || clock_timestamp()::text), 1, 16))",
    ),
];

const REMEMBERED: &str = "CREATE TABLE IF NOT EXISTS shared_migration (name TEXT PRIMARY KEY)";

/// Brings the shared tables of the home's own file up to date.
pub(in crate::database) fn prepare_sqlite(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.execute_batch(REMEMBERED)?;
    let done: Vec<String> = connection
        .prepare("SELECT name FROM shared_migration")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let transaction = connection.transaction()?;
    for (name, engine, sql) in MIGRATIONS {
        if engine == For::Postgres || done.iter().any(|known| known == name) {
            continue;
        }
        transaction.execute_batch(sql)?;
        transaction.execute("INSERT INTO shared_migration (name) VALUES (?1)", [name])?;
    }
    transaction.commit()
}

/// Brings the shared tables of a PostgreSQL up to date. One server does it, the others wait.
pub(super) async fn prepare_postgres(
    client: &mut tokio_postgres::Client,
) -> Result<(), tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    transaction
        .batch_execute("SELECT pg_advisory_xact_lock(hashtextextended('storekeeper-tables', 0))")
        .await?;
    transaction.batch_execute(REMEMBERED).await?;
    transaction
        .batch_execute(
            "CREATE TABLE IF NOT EXISTS shared_generation (value BIGINT NOT NULL);
             INSERT INTO shared_generation (value)
                 SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM shared_generation);",
        )
        .await?;
    let done = transaction
        .query("SELECT name FROM shared_migration", &[])
        .await?;
    let done: Vec<String> = done.iter().map(|row| row.get(0)).collect();
    for (name, engine, sql) in MIGRATIONS {
        if engine == For::Sqlite || done.iter().any(|known| known == name) {
            continue;
        }
        transaction.batch_execute(&of_postgres(sql)).await?;
        transaction
            .execute("INSERT INTO shared_migration (name) VALUES ($1)", &[&name])
            .await?;
    }
    transaction.commit().await?;
    // Trigrams make a search among very many apps quick. The extension belongs to the database's
    // owner, so a server that may not make it does without.
    let _ = client
        .batch_execute(
            "CREATE EXTENSION IF NOT EXISTS pg_trgm;
             CREATE INDEX IF NOT EXISTS release_app_search
                 ON release_app USING gin (search gin_trgm_ops);
             CREATE INDEX IF NOT EXISTS release_app_published_search
                 ON release_app USING gin (published_search gin_trgm_ops);",
        )
        .await;
    Ok(())
}

/// The same tables in PostgreSQL's words. Texts are compared byte by byte there, too.
fn of_postgres(sql: &str) -> String {
    sql.replace(
        "number INTEGER PRIMARY KEY",
        "number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    )
    .replace(" INTEGER", " BIGINT")
    .replace(" BLOB", " BYTEA")
    .replace(" TEXT", " TEXT COLLATE \"C\"")
}
