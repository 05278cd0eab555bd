use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::app::install::Item;
use crate::app::store::{Setting, Step, Until};

/// The problems as they are shown to people.
fn drawn(text: &str, problems: &[Problem]) -> String {
    problem::draw(problems, "app", &|_| Some(text.to_owned()))
        .trim_end()
        .to_owned()
}

fn store_problems(text: &str) -> String {
    drawn(text, &store(text).1)
}

fn install_problems(text: &str) -> String {
    drawn(text, &install(text).1)
}

fn check_store(text: &str) -> StoreInfo {
    let (store, problems) = store(text);
    assert_eq!(drawn(text, &problems), "");
    store
}

#[test]
fn the_manuals_install_json_is_read_with_its_comments() {
    let text = r#"{
            "name": "app",        // string, the name
            "url": "", "pkg": "", /* two
                                     addresses */
            "webUrl":"",
            "isDev": true,        // boolean
            "version": "1.0.0",
            "icon": "", "hasStart": true, "hasRestart": true,
            "setting": true       // the last one, without a comma
        }"#;
    let (info, problems) = install(text);
    assert_eq!(problems, []);
    let expected = InstallInfo {
        name: "app".to_owned(),
        version: "1.0.0".to_owned(),
        is_dev: true,
        has_start: true,
        has_restart: true,
        setting: true,
        ..InstallInfo::default()
    };
    assert_eq!(info, expected);
}

#[test]
fn the_manuals_store_json_is_read_with_its_slips() {
    let info = check_store(
        r#"{
            "name": "mysql5.7",     // may be left out
            "setting": {
                "binPath": "{exePath}/bin/mysqld.exe", // the program
                "confPath": "{exePath}/my.ini",// may be empty
                "progressName": "mysqld.exe",
                "isOn": true // keep it running
            },
            "config": { // anything
            },
            "commands": {
                "initData": [
                    {"name": "exec", "binPath": "x", "cmds": ["a", "b",], "waiting": 1 //seconds
                    },
                    {"name": "mkdir", "FilePath": "x"},
                ],
            },// lists
            "install": { "installEnvs": [], "installCmds": []// both
            },
            "start": {
                "startEnvs": [],
                "beforeCmds": [],
                "startCmds": [// arguments
                    "--defaults-file={exePath}/my.ini"
                ],
                "AfterCmds": ["initData"]// after it
            }
        }"#,
    );
    assert_eq!(info.setting.bin_path, "{exePath}/bin/mysqld.exe");
    assert!(info.setting.is_on);
    assert_eq!(info.commands["initData"][0].cmds, ["a", "b"]);
    assert_eq!(info.commands["initData"][1].file_path, "x");
    assert_eq!(info.start.after_cmds, ["initData"]);
    assert_eq!(info.start.start_cmds, ["--defaults-file={exePath}/my.ini"]);
}

#[test]
fn loose_types_and_any_case_are_understood() {
    let text = "\u{feff}".to_owned()
        + r#"{
            "SETTING": {"BINPATH": "x", "ison": "true", "StopTimeout": "2.5",
                        "ready": {"port": 3306, "timeout": "5"}},
            "config": null,
            "commands": {"a": null, "b": [{"name": "exec", "waiting": "3", "kill": "TRUE",
                "cmds": ["--port", 3306, true, null], "timeout": "", "strict": 1,
                "envs": [{"name": "A", "value": 1.50}, {"NAME": "B", "Value": null}, {"name": "C"}],
                "until": {"port": "{port}"}}]},
            "start": null, "install": {"installCmds": null}
        }"#;
    let info = check_store(&text);
    assert_eq!(info.setting.bin_path, "x");
    assert!(info.setting.is_on);
    assert_eq!(info.setting.stop_timeout, Some(2.5));
    let ready = info.setting.ready.unwrap();
    assert_eq!(
        (ready.port.as_deref(), ready.timeout),
        (Some("3306"), Some(5.0))
    );
    assert_eq!(info.commands["a"], []);
    let step = &info.commands["b"][0];
    assert!((step.waiting - 3.0).abs() < f64::EPSILON && step.kill && step.strict);
    assert_eq!(step.cmds, ["--port", "3306", "true", ""]);
    assert_eq!(step.timeout, None);
    let envs: Vec<String> = step.envs.iter().map(|env| env.value.to_string()).collect();
    assert_eq!(envs, ["1.50", "null", "null"]);
    assert_eq!(step.until.as_ref().unwrap().port.as_deref(), Some("{port}"));
}

#[test]
fn config_values_keep_their_types_their_order_and_the_text_of_numbers() {
    let info = check_store(
        r#"{"config": {"z": 268435456, "a": 1.50, "数据 目录": {"x": [1e400, -0]}, "t": "\u00e9\n\ud83d\ude00"}}"#,
    );
    assert_eq!(
        serde_json::to_string(&info.config).unwrap(),
        r#"{"z":268435456,"a":1.50,"数据 目录":{"x":[1e+400,-0]},"t":"é\n😀"}"#
    );
}

#[test]
fn a_description_of_settings_is_read_and_its_slips_are_told() {
    let read = check_store(
        r#"{ "configSchema": { "title": "T", "properties": { "port": {
                "type": "integer", "title": {"zh": "端口"}, "minimum": "1", "X-Kind": "port", "pattern": "x" } },
                "required": ["port"], "x-apply": "a" } }"#,
    );
    let schema = read.config_schema.unwrap();
    let port = &schema.properties["port"];
    assert_eq!((port.title.en.as_str(), port.minimum), ("端口", Some(1.0)));
    assert_eq!(
        (port.used_as.as_str(), schema.apply.as_str()),
        ("port", "a")
    );
    assert_eq!(port.pattern.as_ref().unwrap().as_str(), "x");
    let told = store_problems(
        r#"{ "configSchema": { "properties": {
                "a": { "type": "int", "x-kind": "dir", "minimum": 5, "maximum": 1, "minLength": "x", "tilte": 1, "pattern": "[a" } } } }"#,
    );
    for word in [
        "`type` cannot be `int`",
        "there are port, folder, file, secret",
        "`minimum` is 5, more than the 1",
        "`minLength` must be a number",
        "did you mean `title`?",
        "the `pattern` of `a` cannot be used: unclosed character class",
    ] {
        assert!(told.contains(word), "{word}: {told}");
    }
}

#[test]
fn the_demo_apps_of_the_original_are_read() {
    let (_, problems) = install(
        r#"{"name": "mysql5.7", "pkg": "https://example.com/a.zip", "isDev": true,
            "version": "5.7.44", "hasStart": true, "hasRestart": true, "setting": true, "isOn": true}"#,
    );
    let text: Vec<String> = problems.iter().map(Problem::sentence).collect();
    assert_eq!(
        text,
        ["install.json:2:89: unknown key `isOn`; it belongs into `setting` of store.json"]
    );
    assert!(!problems[0].is_error());
    let info = check_store(
        r#"{"name": "nginx", "setting": {"binPath": "{exePath}/nginx.exe", "progressName":"nginx.exe"},
            "start": {"startCmds": ["-p", "{exePath}"]}}"#,
    );
    assert_eq!(info.start.start_cmds, ["-p", "{exePath}"]);
}

#[test]
fn keys_that_nobody_knows_are_kept_and_told() {
    let text = r#"{"$schema": "/schema/store.json", "comands": {"a": [1]}, "zzz": null,
            "setting": {"binpaht": 1, "quux": 2}}"#;
    let (info, _) = store(text);
    assert_eq!(
        Value::Object(info.extra),
        json!({"$schema": "/schema/store.json", "comands": {"a": [1]}, "zzz": null})
    );
    insta::assert_snapshot!(store_problems(text), @r#"
        warning: unknown key `comands`
         --> app/store.json:1:35
          |
        1 | {"$schema": "/schema/store.json", "comands": {"a": [1]}, "zzz": null,
          |                                   ^^^^^^^^^ nothing reads it
        help: did you mean `commands`?

        warning: unknown key `zzz`
         --> app/store.json:1:58
          |
        1 | {"$schema": "/schema/store.json", "comands": {"a": [1]}, "zzz": null,
          |                                                          ^^^^^ nothing reads it

        warning: unknown key `binpaht`
         --> app/store.json:2:25
          |
        2 |             "setting": {"binpaht": 1, "quux": 2}}
          |                         ^^^^^^^^^ nothing reads it
        help: did you mean `binPath`?

        warning: unknown key `quux`
         --> app/store.json:2:39
          |
        2 |             "setting": {"binpaht": 1, "quux": 2}}
          |                                       ^^^^^^ nothing reads it
        "#);
}

#[test]
fn the_last_of_two_equal_keys_counts() {
    let text = r#"{"name": "a", "Name": "b", "config": {"k": 1, "k": 2, "K": 3},
            "commands": {"x": [{"name": "stop"}], "x": []}, "zz": 1, "zz": 2}"#;
    let (info, _) = store(text);
    assert_eq!(info.name, "b");
    assert_eq!(Value::Object(info.config), json!({"k": 2, "K": 3}));
    assert_eq!(info.commands["x"], []);
    insta::assert_snapshot!(store_problems(text), @r#"
        warning: the key `Name` is there twice; the last one counts
         --> app/store.json:1:15
          |
        1 | {"name": "a", "Name": "b", "config": {"k": 1, "k": 2, "K": 3},
          |               ^^^^^^

        warning: the key `k` is there twice; the last one counts
         --> app/store.json:1:47
          |
        1 | {"name": "a", "Name": "b", "config": {"k": 1, "k": 2, "K": 3},
          |                                               ^^^

        warning: `K` and `k` differ only in case
         --> app/store.json:1:55
          |
        1 | {"name": "a", "Name": "b", "config": {"k": 1, "k": 2, "K": 3},
          |                                                       ^^^

        warning: the key `x` is there twice; the last one counts
         --> app/store.json:2:51
          |
        2 |             "commands": {"x": [{"name": "stop"}], "x": []}, "zz": 1, "zz": 2}
          |                                                   ^^^

        warning: unknown key `zz`
         --> app/store.json:2:61
          |
        2 |             "commands": {"x": [{"name": "stop"}], "x": []}, "zz": 1, "zz": 2}
          |                                                             ^^^^ nothing reads it

        warning: the key `zz` is there twice; the last one counts
         --> app/store.json:2:70
          |
        2 |             "commands": {"x": [{"name": "stop"}], "x": []}, "zz": 1, "zz": 2}
          |                                                                      ^^^^

        warning: unknown key `zz`
         --> app/store.json:2:70
          |
        2 |             "commands": {"x": [{"name": "stop"}], "x": []}, "zz": 1, "zz": 2}
          |                                                                      ^^^^ nothing reads it
        "#);
}

#[test]
#[expect(clippy::too_many_lines, reason = "that is what the messages need")]
fn wrong_types_are_all_told_at_once() {
    insta::assert_snapshot!(store_problems(r#"{
    "setting": {"binPath": ["x"], "isOn": "maybe", "stopTimeout": -1, "ready": true},
    "config": [],
    "commands": {
        "a": {"name": "stop"},
        "b": ["stop", 5, {"cmds": "x", "waiting": "soon", "envs": [{"value": 1}, {"name": "A", "value": []}]}],
        "": []
    },
    "start": {"startCmds": [["x"]]}
}"#), @r#"
        error: `binPath` must be a text, not a list
         --> app/store.json:2:28
          |
        2 |     "setting": {"binPath": ["x"], "isOn": "maybe", "stopTimeout": -1, "ready": true},
          |                            ^^^^^
        help: write "…"

        error: `isOn` must be true or false, not `"maybe"`
         --> app/store.json:2:43
          |
        2 |     "setting": {"binPath": ["x"], "isOn": "maybe", "stopTimeout": -1, "ready": true},
          |                                           ^^^^^^^
        help: write `true` or `false`

        error: `stopTimeout` must be a number of seconds, not `-1`
         --> app/store.json:2:67
          |
        2 |     "setting": {"binPath": ["x"], "isOn": "maybe", "stopTimeout": -1, "ready": true},
          |                                                                   ^^
        help: write a number from 0 up, such as `3` or `0.5`

        error: `ready` must be an object, not true or false
         --> app/store.json:2:80
          |
        2 |     "setting": {"binPath": ["x"], "isOn": "maybe", "stopTimeout": -1, "ready": true},
          |                                                                                ^^^^
        help: write `{ … }`

        error: `config` must be an object, not a list
         --> app/store.json:3:15
          |
        3 |     "config": [],
          |               ^^
        help: write `{ … }`

        error: `a` must be a list, not an object
         --> app/store.json:5:14
          |
        5 |         "a": {"name": "stop"},
          |              ^^^^^^^^^^^^^^^^
        help: write `[ … ]`

        error: a step must be an object, not a text
         --> app/store.json:6:15
          |
        6 |         "b": ["stop", 5, {"cmds": "x", "waiting": "soon", "envs": [{"value": 1}, {"name": "A", "value": []}]}],
          |               ^^^^^^
        help: write { "name": "stop" }

        error: `b[1]` must be an object, not a number
         --> app/store.json:6:23
          |
        6 |         "b": ["stop", 5, {"cmds": "x", "waiting": "soon", "envs": [{"value": 1}, {"name": "A", "value": []}]}],
          |                       ^
        help: write `{ … }`

        error: a step without a name
         --> app/store.json:6:26
          |
        6 |         "b": ["stop", 5, {"cmds": "x", "waiting": "soon", "envs": [{"value": 1}, {"name": "A", "value": []}]}],
          |                          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        help: write "name": and a built-in command or a key of `commands`

        error: `cmds` must be a list, not a text
         --> app/store.json:6:35
          |
        6 |         "b": ["stop", 5, {"cmds": "x", "waiting": "soon", "envs": [{"value": 1}, {"name": "A", "value": []}]}],
          |                                   ^^^
        help: write `[ … ]`

        error: `waiting` must be a number of seconds, not `"soon"`
         --> app/store.json:6:51
          |
        6 |         "b": ["stop", 5, {"cmds": "x", "waiting": "soon", "envs": [{"value": 1}, {"name": "A", "value": []}]}],
          |                                                   ^^^^^^
        help: write a number from 0 up, such as `3` or `0.5`

        error: an entry of `envs` without a name
         --> app/store.json:6:68
          |
        6 |         "b": ["stop", 5, {"cmds": "x", "waiting": "soon", "envs": [{"value": 1}, {"name": "A", "value": []}]}],
          |                                                                    ^^^^^^^^^^^^
        help: write { "name": "…", "value": "…" }

        error: `value` must be a text, not a list
         --> app/store.json:6:105
          |
        6 |         "b": ["stop", 5, {"cmds": "x", "waiting": "soon", "envs": [{"value": 1}, {"name": "A", "value": []}]}],
          |                                                                                                         ^^
        help: write "…"

        error: a command list has an empty name
         --> app/store.json:7:13
          |
        7 |         "": []
          |             ^^
        help: name it

        error: `startCmds[0]` must be a text, not a list
         --> app/store.json:9:29
          |
        9 |     "start": {"startCmds": [["x"]]}
          |                             ^^^^^
        help: write "…"
        "#);
}

#[test]
fn an_install_json_needs_a_name_that_is_one() {
    insta::assert_snapshot!(install_problems("{}"), @r#"
        error: install.json gives no name
        --> app/install.json
        help: write "name": and the name of the app's folder
        "#);
    insta::assert_snapshot!(install_problems(r#"{"name": "../x", "category": "gmaes", "hasStart": 2}"#), @r#"
        error: `../x` is not an app name: it does not begin with a letter or digit; use 1 to 64 of A-Z a-z 0-9 . _ -, the first a letter or digit, the last not a dot
         --> app/install.json:1:10
          |
        1 | {"name": "../x", "category": "gmaes", "hasStart": 2}
          |          ^^^^^^

        warning: unknown category `gmaes`
         --> app/install.json:1:30
          |
        1 | {"name": "../x", "category": "gmaes", "hasStart": 2}
          |                              ^^^^^^^
        help: did you mean `games`?

        error: `hasStart` must be true or false, not `2`
         --> app/install.json:1:51
          |
        1 | {"name": "../x", "category": "gmaes", "hasStart": 2}
          |                                                   ^
        help: write `true` or `false`
        "#);
}

#[test]
fn conditions_wait_for_exactly_one_thing() {
    insta::assert_snapshot!(store_problems(r#"{"setting": {"ready": {"port": 80, "http": "x"}},
"commands": {"a": [{"name": "exec", "until": {"timeout": 5}}, {"name": "exec", "until": {"port": 99999}}]}}"#), @r#"
        error: `ready` waits for 2 things
         --> app/store.json:1:14
          |
        1 | {"setting": {"ready": {"port": 80, "http": "x"}},
          |              ^^^^^^^
        help: give exactly one of `port`, `http`, `file` and `log`

        error: `until` waits for nothing
         --> app/store.json:2:37
          |
        2 | "commands": {"a": [{"name": "exec", "until": {"timeout": 5}}, {"name": "exec", "until": {"port": 99999}}]}}
          |                                     ^^^^^^^
        help: give exactly one of `port`, `http`, `file` and `log`

        error: `99999` is not a port
         --> app/store.json:2:98
          |
        2 | "commands": {"a": [{"name": "exec", "until": {"timeout": 5}}, {"name": "exec", "until": {"port": 99999}}]}}
          |                                                                                                  ^^^^^
        help: write a number from 1 to 65535, or a word of the config such as "{port}"
        "#);
}

#[test]
fn backslashes_that_mean_nothing_or_something_else_are_told_with_their_place() {
    insta::assert_snapshot!(store_problems(r#"{
    "setting": {"binPath": "C:\mysql\bin\x", "confPath": "C:\temp"},
    "config": {"a": "D:\data\new", "b": "D:\new", "ok": "a\tb", "c": "\u12"},
    "commands": {"x": [{"name": "unzip", "filePath": "x", "content": "C:\r"}]}
}"#), @r#"
        error: `\m` is not an escape sequence
         --> app/store.json:2:31
          |
        2 |     "setting": {"binPath": "C:\mysql\bin\x", "confPath": "C:\temp"},
          |                               ^^
        help: write `\\` or `/` for a backslash

        error: `\b` is a control character, which no manifest needs
         --> app/store.json:2:37
          |
        2 |     "setting": {"binPath": "C:\mysql\bin\x", "confPath": "C:\temp"},
          |                                     ^^
        help: write `\\` or `/` for a backslash in a path

        error: `\x` is not an escape sequence
         --> app/store.json:2:41
          |
        2 |     "setting": {"binPath": "C:\mysql\bin\x", "confPath": "C:\temp"},
          |                                         ^^
        help: write `\\` or `/` for a backslash

        error: this path holds a tab or a line break
         --> app/store.json:2:58
          |
        2 |     "setting": {"binPath": "C:\mysql\bin\x", "confPath": "C:\temp"},
          |                                                          ^^^^^^^^^
        help: write `\\` or `/` for a backslash

        error: this path holds a tab or a line break
         --> app/store.json:3:21
          |
        3 |     "config": {"a": "D:\data\new", "b": "D:\new", "ok": "a\tb", "c": "\u12"},
          |                     ^^^^^^^^^^^^^
        help: write `\\` or `/` for a backslash

        error: `\d` is not an escape sequence
         --> app/store.json:3:24
          |
        3 |     "config": {"a": "D:\data\new", "b": "D:\new", "ok": "a\tb", "c": "\u12"},
          |                        ^^
        help: write `\\` or `/` for a backslash

        error: this path holds a tab or a line break
         --> app/store.json:3:41
          |
        3 |     "config": {"a": "D:\data\new", "b": "D:\new", "ok": "a\tb", "c": "\u12"},
          |                                         ^^^^^^^^
        help: write `\\` or `/` for a backslash

        error: `\u` is not an escape sequence
         --> app/store.json:3:71
          |
        3 |     "config": {"a": "D:\data\new", "b": "D:\new", "ok": "a\tb", "c": "\u12"},
          |                                                                       ^^
        help: write `\\` or `/` for a backslash

        error: this path holds a tab or a line break
         --> app/store.json:4:70
          |
        4 |     "commands": {"x": [{"name": "unzip", "filePath": "x", "content": "C:\r"}]}
          |                                                                      ^^^^^^
        help: write `\\` or `/` for a backslash
        "#);
}

#[test]
fn what_is_no_json_is_told_in_plain_words() {
    for (text, expected) in [
        ("", "store.json is empty"),
        ("// nothing", "store.json is empty"),
        ("[]", "store.json must be an object, not a list"),
        ("{\"a\": 1 \"b\": 2}", "a comma is missing here"),
        ("{\"a\" 1}", "a colon is missing behind this key"),
        ("{\"a\": }", "this `}` is not expected here"),
        ("{a: 1}", "a key in double quotes is expected here"),
        ("{'a': 1}", "text stands in double quotes"),
        ("{\"a\": 0x10}", "this is not a number as JSON writes it"),
        ("{\"a\": NaN}", "this is not a value"),
        ("{\"a\": +1}", "this is not a number as JSON writes it"),
        ("{\"a\": yes}", "this is not a value"),
        ("{\"a\": [1, 2}", "this `}` is not expected here"),
        ("{\"a\": 1", "this `{` is never closed"),
        ("{\"a\": [1", "this `[` is never closed"),
        ("{\"a\": \"x\ny\"}", "this text never ends"),
        ("{\"a\": \"x", "this text never ends"),
        ("{} {}", "the file goes on behind its end"),
        ("/* x", "this comment never ends"),
        (
            "{\"a\": \"\u{1}\"}",
            "there is a control character in this text",
        ),
        (
            "{\"a\": \"\\u0000\"}",
            "there is a NUL character in this text",
        ),
    ] {
        let (_, problems) = store(text);
        let errors: Vec<_> = problems
            .iter()
            .filter(|problem| problem.is_error())
            .collect();
        assert_eq!(errors.len(), 1, "{text:?}: {errors:?}");
        assert_eq!(errors[0].message, expected, "{text:?}");
    }
}

#[test]
fn a_file_nested_too_deep_is_refused_before_it_is_parsed() {
    for open in ["[", "{\"a\":"] {
        let text = format!("{{\"config\": {}", open.repeat(200_000));
        let (_, problems) = store(&text);
        assert_eq!(
            problems[0].message,
            "the file is nested deeper than 128 levels"
        );
    }
}

#[test]
fn places_count_lines_and_characters_not_bytes() {
    let (_, problems) = store("\u{feff}{\n  \"名称\": 1, \"isOn\": 2}");
    let places: Vec<_> = problems.iter().map(|p| (p.line, p.column)).collect();
    assert_eq!(places, [(2, 3), (2, 12)]);
    let (_, problems) = store("\u{feff}{ \"x\": 1}");
    assert_eq!((problems[0].line, problems[0].column), (1, 3));
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        proptest::collection::vec(
            prop_oneof![
                Just("{"),
                Just("}"),
                Just("["),
                Just("]"),
                Just(","),
                Just(":"),
                Just("\""),
                Just("\\"),
                Just("\\u12"),
                Just("\\ud800"),
                Just("//"),
                Just("/*"),
                Just("*/"),
                Just("\n"),
                Just("\"name\""),
                Just("\"commands\""),
                Just("\"setting\""),
                Just("\"until\""),
                Just("1"),
                Just("-"),
                Just("1e5"),
                Just("null"),
                Just("true"),
                Just("é"),
                Just("\u{feff}"),
                Just(" "),
                Just("'")
            ],
            0..40
        )
        .prop_map(|parts| parts.concat()),
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[^\\x00-\\x1f]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map("[a-z]{1,5}", inner, 0..5)
                .prop_map(|map| map.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in any_text()) {
        for (file, problems) in [(INSTALL_FILE, install(&text).1), (STORE_FILE, store(&text).1)] {
            prop_assert!(problems.iter().all(|problem| problem.file == file));
            drawn(&text, &problems);
        }
    }

    #[test]
    fn a_config_is_read_as_it_was_written(config in any_json(), pretty: bool) {
        let written = json!({"name": "a", "config": {"value": config}});
        let text = if pretty { format!("{written:#}") } else { written.to_string() };
        let (store, problems) = store(&text);
        prop_assert_eq!(drawn(&text, &problems), "");
        prop_assert_eq!(Value::Object(store.config), written["config"].clone());
    }

    #[test]
    fn a_record_survives_being_written_and_read(
        words in proptest::collection::vec("[a-zA-Z{}/. \"\\\\é-]{0,12}", 12),
        on: bool, waiting in 0_u32..1000,
    ) {
        let mut words = words.into_iter();
        let mut next = || words.next().unwrap_or_default();
        let step = Step {
            name: format!("x{}", next()), file_path: next(), content: next(), bin_path: next(), cmds: vec![next(), next()],
            waiting: waiting.into(), kill: on, envs: vec![Item { name: format!("n{}", next()), value: next().into() }],
            until: Some(Until { log: Some(format!("l{}", next())), timeout: Some(1.5), ..Until::default() }),
            ..Step::default()
        };
        let info = StoreInfo {
            name: next(), desc: next(),
            setting: Setting { bin_path: next(), is_on: on, stop_timeout: Some(waiting.into()), ..Setting::default() },
            commands: [("a b.c".to_owned(), vec![step])].into_iter().collect(),
            ..StoreInfo::default()
        };
        let text = serde_json::to_string(&info).unwrap();
        let (read, problems) = store(&text);
        prop_assert_eq!(drawn(&text, &problems), "");
        prop_assert_eq!(read, info);
    }
}
