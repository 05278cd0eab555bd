//! Puts modules together that always come together, without a parser of JavaScript: a module's imports
//! and exports stand at the beginning of a line, in the forms that are known here. Any other form ends
//! the build.
//!
//! Each module becomes a function that runs once and gives back what it exports. Other modules still
//! import those by their own addresses: there, a module of two lines hands out what the bundle made,
//! so that each exists once.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The name under which a bundle exports its modules.
const PARTS: &str = "parts";

/// One module, taken apart.
#[derive(Debug, Default)]
struct Module {
    imports: Vec<Import>,
    exports: Vec<String>,
    /// Everything but the imports, and without the word `export`.
    body: String,
    /// Something is waited for at its top.
    waits: bool,
}

/// `import … from "…"`.
#[derive(Debug)]
struct Import {
    /// The module's name below the root.
    from: String,
    /// What stands on the left of `=` when it is a constant; nothing when it is imported only to run.
    names: String,
}

/// The scripts as they are served: each entry together with all that it imports by name, what lies in a
/// bundle and is imported by others too as a link into it, and the others as they are.
pub(crate) fn modules(
    files: &BTreeMap<String, String>,
    entries: &[&str],
) -> Result<BTreeMap<String, String>, String> {
    let mut modules = BTreeMap::new();
    for (name, text) in files.iter().filter(|(name, _)| is_a(name, "js")) {
        let module = take_apart(name, text).map_err(|error| format!("static/{name}: {error}"))?;
        modules.insert(name.as_str(), module);
    }
    let mut served = BTreeMap::new();
    let mut places = BTreeMap::new();
    for entry in entries {
        let mut order = Vec::new();
        collect(&modules, entry, &mut Vec::new(), &mut order)?;
        served.insert((*entry).to_owned(), together(&modules, entry, &order)?);
        for name in order.iter().filter(|name| *name != entry) {
            if let Some(other) = places.insert(*name, *entry) {
                return Err(format!("static/{name} is wanted by {other} and by {entry}"));
            }
        }
    }
    for (name, module) in &modules {
        if entries.contains(name) {
            continue;
        }
        let Some(entry) = places.get(name) else {
            served.insert((*name).to_owned(), files[*name].clone());
            continue;
        };
        let is_imported = modules.iter().any(|(other, it)| {
            !places.contains_key(other)
                && !entries.contains(other)
                && it.imports.iter().any(|import| import.from == *name)
        });
        if is_imported {
            served.insert((*name).to_owned(), link(name, entry, module));
        }
    }
    Ok(served)
}

/// The modules that one needs, in the order in which a browser would run them.
fn collect<'a>(
    modules: &'a BTreeMap<&str, Module>,
    name: &'a str,
    open: &mut Vec<&'a str>,
    order: &mut Vec<&'a str>,
) -> Result<(), String> {
    if order.contains(&name) {
        return Ok(());
    }
    if open.contains(&name) {
        return Err(format!("static/{name} imports itself by {open:?}"));
    }
    let module = modules
        .get(name)
        .ok_or_else(|| format!("there is no static/{name}"))?;
    open.push(name);
    for import in &module.imports {
        collect(modules, &import.from, open, order)?;
    }
    open.pop();
    order.push(name);
    Ok(())
}

/// A bundle.
fn together(
    modules: &BTreeMap<&str, Module>,
    entry: &str,
    order: &[&str],
) -> Result<String, String> {
    let mut text = String::new();
    let has_default = modules[entry].exports.iter().any(|it| it == "default");
    for name in order {
        let module = &modules[name];
        let is_relative = module.body.contains("import.meta") || module.body.contains("import(");
        if is_relative && folder(name) != folder(entry) {
            return Err(format!(
                "static/{name} has an address relative to itself, and lies in another folder than {entry}"
            ));
        }
        let (wait, function) = if module.waits {
            ("await ", "async ")
        } else {
            ("", "")
        };
        let _ = writeln!(text, "const {} = {wait}({function}() => {{", constant(name));
        for import in module.imports.iter().filter(|it| !it.names.is_empty()) {
            let _ = writeln!(text, "const {} = {};", import.names, constant(&import.from));
        }
        let exports: Vec<String> = module
            .exports
            .iter()
            .map(|export| match export.as_str() {
                "default" => "default: $default".to_owned(),
                name => name.to_owned(),
            })
            .collect();
        let _ = writeln!(
            text,
            "{}\nreturn {{ {} }};\n}})();",
            module.body,
            exports.join(", ")
        );
    }
    if has_default {
        let _ = writeln!(text, "export default {}.default;", constant(entry));
    } else {
        let parts: Vec<String> = order
            .iter()
            .map(|name| format!("{name:?}: {}", constant(name)))
            .collect();
        let _ = writeln!(text, "export const {PARTS} = {{ {} }};", parts.join(", "));
    }
    Ok(text)
}

/// A module that hands out what lies in a bundle.
fn link(name: &str, entry: &str, module: &Module) -> String {
    let up = "../".repeat(name.matches('/').count());
    let up = if up.is_empty() { "./" } else { &up };
    format!(
        "import {{ {PARTS} }} from \"{up}{entry}\";\nexport const {{ {} }} = {PARTS}[{name:?}];\n",
        module.exports.join(", ")
    )
}

fn take_apart(name: &str, text: &str) -> Result<Module, String> {
    let mut module = Module::default();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("import ") {
            let mut statement = line.to_owned();
            while !statement.ends_with(';') {
                let more = lines.next().ok_or("an import has no end")?;
                statement.push_str(more);
            }
            module.imports.push(import(name, &statement)?);
            continue;
        }
        let kept = match line.strip_prefix("export ") {
            Some(exported) => export(exported, &mut module.exports)?,
            None => line.to_owned(),
        };
        module.waits |= line.starts_with("await ")
            || !line.starts_with([' ', '/', '}']) && line.contains("= await ");
        module.body.push_str(&kept);
        module.body.push('\n');
    }
    Ok(module)
}

/// `import { a, b as c } from "./x.js";`, `import * as a from …`, `import a from …`, `import "./x.js";`.
fn import(name: &str, statement: &str) -> Result<Import, String> {
    let refuse = || format!("`{statement}` is an import of an unknown form");
    let quoted = statement
        .strip_prefix("import ")
        .and_then(|it| it.strip_suffix("\";"))
        .ok_or_else(refuse)?;
    let (clause, path) = quoted.rsplit_once('"').ok_or_else(refuse)?;
    let from = below(name, path).ok_or_else(refuse)?;
    let clause = clause.trim();
    if clause.is_empty() {
        let names = String::new();
        return Ok(Import { from, names });
    }
    let clause = clause.strip_suffix("from").ok_or_else(refuse)?.trim();
    let names = if let Some(whole) = clause.strip_prefix("* as ") {
        whole.to_owned()
    } else if clause.starts_with('{') {
        clause.replace(" as ", ": ")
    } else {
        format!("{{ default: {clause} }}")
    };
    Ok(Import { from, names })
}

/// What follows `export `, as it stands without it; notes its name.
fn export(exported: &str, exports: &mut Vec<String>) -> Result<String, String> {
    if let Some(value) = exported.strip_prefix("default ") {
        exports.push("default".to_owned());
        return Ok(format!("const $default = {value}"));
    }
    let declared = ["async function ", "function ", "class ", "const "]
        .iter()
        .find_map(|word| exported.strip_prefix(word))
        .ok_or_else(|| format!("`export {exported}` is an export of an unknown form"))?;
    let name: String = declared
        .chars()
        .take_while(|it| it.is_alphanumeric() || matches!(it, '_' | '$'))
        .collect();
    if name.is_empty() {
        return Err(format!("`export {exported}` names nothing"));
    }
    exports.push(name);
    Ok(exported.to_owned())
}

/// The name of what a module finds at a relative path.
fn below(module: &str, path: &str) -> Option<String> {
    if !path.starts_with('.') {
        return None;
    }
    let mut parts: Vec<&str> = folder(module)
        .split('/')
        .filter(|it| !it.is_empty())
        .collect();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Whether a file's name ends in this.
pub(crate) fn is_a(name: &str, extension: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, it)| it == extension)
}

fn folder(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn constant(name: &str) -> String {
    let fit = |it: char| if it.is_ascii_alphanumeric() { it } else { '_' };
    format!("${}", name.chars().map(fit).collect::<String>())
}

/// The stylesheets as they are served: one that imports others contains them, and these are no files
/// of their own.
pub(crate) fn styles(files: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, String> {
    let mut served = BTreeMap::new();
    let mut contained = Vec::new();
    for (name, text) in files.iter().filter(|(name, _)| is_a(name, "css")) {
        let mut whole = String::new();
        for line in text.lines() {
            let Some(rest) = line.strip_prefix("@import ") else {
                whole.push_str(line);
                whole.push('\n');
                continue;
            };
            let refuse =
                || format!("static/{name}: `{line}` imports nothing that can be contained");
            let path = rest.strip_prefix('"').and_then(|it| it.strip_suffix("\";"));
            let imported = path.and_then(|it| below(name, it)).ok_or_else(refuse)?;
            let text = files.get(&imported).ok_or_else(refuse)?;
            if text.contains("@import") {
                return Err(refuse());
            }
            whole.push_str(text);
            contained.push(imported);
        }
        served.insert(name.clone(), whole);
    }
    for name in contained {
        served.remove(&name);
    }
    Ok(served)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(files: &[(&str, &str)]) -> BTreeMap<String, String> {
        let files = files.iter();
        files
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect()
    }

    fn refusal(of: &[(&str, &str)]) -> String {
        modules(&files(of), &["main.js"]).unwrap_err()
    }

    #[test]
    fn a_bundle_runs_each_module_once_and_in_order() {
        let files = files(&[
            (
                "main.js",
                "import \"./a.js\";\nimport { two as zwei } from \"./b/c.js\";\nzwei();\n",
            ),
            (
                "a.js",
                "import * as c from \"./b/c.js\";\nexport class A { x = c.two; }\nexport const y = 1;\n",
            ),
            (
                "b/c.js",
                "let one = await x;\nexport function two() {\n    return one;\n}\n",
            ),
            (
                "other.js",
                "import {\n    two,\n} from \"./b/c.js\";\ntwo();\n",
            ),
        ]);
        let served = modules(&files, &["main.js"]).unwrap();
        let names: Vec<&String> = served.keys().collect();
        // Nobody imports `a.js` from outside.
        assert_eq!(names, ["b/c.js", "main.js", "other.js"]);
        assert_eq!(
            served["main.js"],
            "const $b_c_js = await (async () => {\n\
             let one = await x;\nfunction two() {\n    return one;\n}\n\nreturn { two };\n})();\n\
             const $a_js = (() => {\nconst c = $b_c_js;\nclass A { x = c.two; }\nconst y = 1;\n\nreturn { A, y };\n})();\n\
             const $main_js = (() => {\nconst { two: zwei } = $b_c_js;\nzwei();\n\nreturn {  };\n})();\n\
             export const parts = { \"b/c.js\": $b_c_js, \"a.js\": $a_js, \"main.js\": $main_js };\n"
        );
        assert_eq!(
            served["b/c.js"],
            "import { parts } from \"../main.js\";\nexport const { two } = parts[\"b/c.js\"];\n"
        );
        assert_eq!(served["other.js"], files["other.js"]);
    }

    #[test]
    fn a_value_by_itself_stays_one() {
        let files = files(&[
            (
                "en.js",
                "import more from \"./more.js\";\nexport default { ...more, a: 1 };\n",
            ),
            ("more.js", "export default { b: 2 };\n"),
        ]);
        let served = modules(&files, &["en.js"]).unwrap();
        assert_eq!(served.len(), 1);
        assert!(served["en.js"].contains("const { default: more } = $more_js;"));
        assert!(served["en.js"].ends_with("export default $en_js.default;\n"));
    }

    #[test]
    fn what_is_not_understood_ends_the_build() {
        for (main, told) in [
            ("export let a = 1;\n", "export of an unknown form"),
            ("export { a };\n", "export of an unknown form"),
            ("import a from \"b\";\n", "import of an unknown form"),
            ("import \"./b.js\"\n", "an import has no end"),
            ("import \"./main.js\";\n", "imports itself"),
            ("import \"./gone.js\";\n", "there is no static/gone.js"),
            ("import \"./x/meta.js\";\n", "an address relative to itself"),
        ] {
            let refusal = refusal(&[("main.js", main), ("x/meta.js", "import.meta.url;\n")]);
            assert!(refusal.contains(told), "{main}: {refusal}");
        }
    }

    #[test]
    fn a_stylesheet_contains_what_it_imports() {
        let all = files(&[
            ("style.css", "@import \"./a.css\";\nb { }\n"),
            ("a.css", "a { }\n"),
            ("c.css", "c { }\n"),
        ]);
        let served = styles(&all).unwrap();
        assert_eq!(
            served,
            files(&[("style.css", "a { }\nb { }\n"), ("c.css", "c { }\n")])
        );
        for line in ["@import url(x);", "@import \"./gone.css\";"] {
            assert!(styles(&files(&[("a.css", line)])).is_err(), "{line}");
        }
    }
}
