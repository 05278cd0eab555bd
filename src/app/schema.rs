//! The JSON schemas of both manifests, generated from their types.

/// The schema of `install.json`, as the text of `install.json.schema`.
pub fn install() -> String {
    todo!()
}

/// The schema of `store.json`, as the text of `store.json.schema`.
pub fn store() -> String {
    todo!()
}
