//! What `install.json` says.

use jsonc_parser::ast::Object;

use super::reader::Reader;
use crate::app::InstallInfo;
use crate::app::install::History;

pub(super) fn install_info(reader: &mut Reader<'_>, root: &Object<'_>) -> InstallInfo {
    let mut fields = reader.fields(
        "",
        root,
        &[
            "name",
            "url",
            "pkg",
            "webUrl",
            "isDev",
            "version",
            "desc",
            "icon",
            "hasStart",
            "hasRestart",
            "setting",
            "dependencies",
            "category",
            "history",
            "sha256",
            "pkgSha256",
            "mirrors",
            "pkgMirrors",
            "size",
            "notes",
        ],
    );
    let info = InstallInfo {
        name: fields.text(reader, "name"),
        url: fields.text(reader, "url"),
        pkg: fields.text(reader, "pkg"),
        web_url: fields.text(reader, "webUrl"),
        is_dev: fields.boolean(reader, "isDev"),
        version: fields.text(reader, "version"),
        desc: fields.text(reader, "desc"),
        icon: fields.text(reader, "icon"),
        has_start: fields.boolean(reader, "hasStart"),
        has_restart: fields.boolean(reader, "hasRestart"),
        setting: fields.boolean(reader, "setting"),
        dependencies: fields.items(reader, "dependencies"),
        category: fields.category(reader),
        history: fields.list(reader, "history", |reader, path, node| {
            let known = [
                "version",
                "url",
                "pkg",
                "sha256",
                "pkgSha256",
                "mirrors",
                "pkgMirrors",
                "size",
                "notes",
            ];
            let fields = reader.object(path, node, &known)?;
            Some(History {
                version: fields.text(reader, "version"),
                url: fields.text(reader, "url"),
                pkg: fields.text(reader, "pkg"),
                sha256: fields.sha256(reader, "sha256"),
                pkg_sha256: fields.sha256(reader, "pkgSha256"),
                mirrors: fields.texts(reader, "mirrors"),
                pkg_mirrors: fields.texts(reader, "pkgMirrors"),
                size: fields.bytes(reader, "size"),
                notes: fields.text(reader, "notes"),
            })
        }),
        sha256: fields.sha256(reader, "sha256"),
        pkg_sha256: fields.sha256(reader, "pkgSha256"),
        mirrors: fields.texts(reader, "mirrors"),
        pkg_mirrors: fields.texts(reader, "pkgMirrors"),
        size: fields.bytes(reader, "size"),
        notes: fields.text(reader, "notes"),
        extra: std::mem::take(&mut fields.extra),
    };
    reader.check_name(&info.name, fields.contains("name"));
    info
}
