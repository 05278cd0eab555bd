//! What `bench/page` measures, see README.md: the first load of the page, and its processor time and
//! memory under load, by the browser's own figures (`ProcessTime`, `ThreadTime`, `JSHeapUsedSize`).

#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement may end at any fault; it prints what it finds and waits"
)]

#[path = "../tests/browser/chromium.rs"]
#[allow(dead_code, reason = "the tests use the rest of it")]
mod chromium;
#[path = "../tests/browser/devtools.rs"]
#[allow(dead_code, reason = "the tests use the rest of it")]
mod devtools;
#[path = "../tests/support/process.rs"]
#[allow(dead_code, reason = "the tests use the rest of it")]
mod process;
mod store;
mod support {
    pub(crate) use super::process::{descendants, kill_9};
}

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use devtools::{Browser, Page};
use store::Store;

const APPS: usize = 200;

/// Apps that are restarted each second: each restart is four changes of state and a job.
const RESTARTS_PER_SECOND: u64 = 5;

const LOADS: usize = 21;

/// The app whose own page is nothing but a button: what the browser needs for any page at all.
const NOTHING: &str = "nothing";

const NOTHING_PAGE: &str = r#"<!doctype html><html lang="en"><meta charset="utf-8"><title>Nothing</title><p id="floor"><button>Nothing</button></p></html>"#;

/// The page's files as the program has them: names and gzipped contents.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// Notes when the first row of the list can be used, or the button of the page of nothing.
const WATCH: &str = r#"
    new MutationObserver((_, observer) => {
        const button = document.querySelector("app-row button, #floor button");
        if (!button) return;
        observer.disconnect();
        window.firstRow = performance.now();
    }).observe(document, { subtree: true, childList: true });
"#;

/// What was loaded: compressed as it came, and as it is.
const BYTES: &str = r#"(() => {
    const files = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource").filter((it) => it.startTime < window.firstRow && !it.name.includes("/api/"))];
    return [files.reduce((sum, it) => sum + it.transferSize, 0), files.reduce((sum, it) => sum + it.decodedBodySize, 0), files.length];
})()"#;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let minutes: f64 = match (arguments.next().as_deref(), arguments.next()) {
        (Some("talk"), _) => talk(),
        (None, _) => 10.0,
        (Some("--minutes"), Some(number)) => number.parse().expect("--minutes takes a number"),
        _ => panic!("usage: bench/page [--minutes N]"),
    };
    all_files();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::start(folder.path());
    fill(&store).await;
    let browser = Browser::open(folder.path()).await;
    first_load(&store, &browser).await;
    under_load(&store, &browser, Duration::from_secs_f64(minutes * 60.0)).await;
}

/// How large the page is in all, with every screen and both languages.
fn all_files() {
    let packed: usize = FILES.iter().map(|(_, packed)| packed.len()).sum();
    let plain: u32 = FILES.iter().map(|(_, packed)| plain_size(packed)).sum();
    println!(
        "all {} files of the page: {:.1} kB compressed, {:.1} kB in all",
        FILES.len(),
        f64::from(u32::try_from(packed).unwrap()) / 1000.0,
        f64::from(plain) / 1000.0
    );
}

/// A gzipped file ends with its size as it was.
fn plain_size(packed: &[u8]) -> u32 {
    u32::from_le_bytes(*packed.last_chunk().unwrap())
}

/// 199 apps that are quiet and one that prints a thousand lines a second.
async fn fill(store: &Store) {
    let own = std::env::current_exe().unwrap();
    let child = own.parent().map(Path::to_owned).unwrap().join("child");
    for number in 1..=APPS {
        let talks = number == 1;
        let (program, does) = if talks {
            (&own, "talk")
        } else {
            (&child, "forever")
        };
        let name = if talks {
            "talker".to_owned()
        } else {
            format!("app-{number:03}")
        };
        store.put(
            &name,
            json!({ "desc": "One of many" }),
            &json!({ "setting": { "binPath": program }, "start": { "startCmds": [does] } }),
        );
        store
            .post(
                &format!("/api/apps/{name}/install?start=true&wait=true"),
                &json!({}),
            )
            .await;
    }
}

/// What the app that talks does: a thousand lines a second by the clock, however busy the machine is.
fn talk() -> ! {
    let begin = Instant::now();
    let mut printed = 0;
    loop {
        let due = begin.elapsed().as_millis();
        while printed < due {
            printed += 1;
            println!("line {printed}: GET /index.html 200, one of a thousand in this second");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Loads of one page, each in a storage of its own: nothing comes out of a cache.
#[derive(Default)]
struct Loads {
    times: Vec<f64>,
    sizes: (f64, f64, f64),
}

impl Loads {
    async fn once_more(&mut self, url: &str, browser: &Browser) {
        let page = browser.page().await;
        page.call(
            "Page.addScriptToEvaluateOnNewDocument",
            json!({ "source": WATCH }),
        )
        .await;
        page.open(url).await;
        let time = page
            .until("the first row is there", "window.firstRow")
            .await;
        self.times.push(time.as_f64().unwrap());
        let loaded = page.eval(BYTES).await;
        let number = |index: usize| loaded[index].as_f64().unwrap();
        self.sizes = (number(0), number(1), number(2));
        page.call("Page.close", json!({})).await;
    }

    fn median(&mut self) -> f64 {
        self.times.sort_by(f64::total_cmp);
        self.times[self.times.len() / 2]
    }

    /// Half of the times lie between these.
    fn middle_half(&self) -> (f64, f64) {
        let quarter = self.times.len() / 4;
        (
            self.times[quarter],
            self.times[self.times.len() - 1 - quarter],
        )
    }
}

async fn first_load(store: &Store, browser: &Browser) {
    let folder = store.put(NOTHING, json!({}), &json!({}));
    std::fs::write(folder.join("static/index.html"), NOTHING_PAGE).unwrap();
    let (mut nothing, mut ours) = (Loads::default(), Loads::default());
    // In turns, so that whatever else the machine does slows both.
    for _ in 0..LOADS {
        let address = format!("{}/static/{NOTHING}/", store.url);
        nothing.once_more(&address, browser).await;
        ours.once_more(&format!("{}/#/", store.url), browser).await;
    }
    let (floor, time) = (nothing.median(), ours.median());
    let told = |loads: &Loads| {
        let (low, high) = loads.middle_half();
        format!("median of {LOADS}, half of them {low:.0} to {high:.0}")
    };
    println!(
        "a page of one button: {floor:.0} ms until it can be used ({})",
        told(&nothing)
    );
    println!(
        "first load with {APPS} apps: {time:.0} ms until its rows can be used ({}), {:.1} kB compressed, {:.1} kB in all, {} files",
        told(&ours),
        ours.sizes.0 / 1000.0,
        ours.sizes.1 / 1000.0,
        ours.sizes.2
    );
    println!(
        "of it ours: {:.0} ms, {:.1} times the page of one button",
        time - floor,
        time / floor
    );
    std::fs::remove_dir_all(folder).unwrap();
}

/// One look at the figures of the pages.
struct Look {
    at: Instant,
    pages: Vec<HashMap<String, f64>>,
    renderers: f64,
    all: f64,
}

async fn look(browser: &Browser, pages: &[&Page]) -> Look {
    let mut metrics = Vec::new();
    for page in pages {
        page.call("HeapProfiler.collectGarbage", json!({})).await;
        metrics.push(page.metrics().await);
    }
    let processes = browser.processes().await;
    let of = |kind: &str| {
        let those = processes.iter().filter(|(of, ..)| of == kind);
        those.map(|(_, _, seconds)| seconds).sum()
    };
    Look {
        at: Instant::now(),
        pages: metrics,
        renderers: of("renderer"),
        all: processes.iter().map(|(_, _, seconds)| seconds).sum(),
    }
}

async fn under_load(store: &Store, browser: &Browser, time: Duration) {
    let list = browser.page().await;
    list.open(&format!("{}/#/", store.url)).await;
    list.sees("app-row", "app-002").await;
    let log = browser.page().await;
    log.open(&format!("{}/#/app/talker/logs", store.url)).await;
    log.sees("log-view .line", "line").await;
    let pages = [&list, &log];
    let names = ["list of apps", "log"];
    // Not what the first load still does.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let lines = store.get("/api/apps/talker/log?from=-1&count=1").await["total"].clone();
    let first = look(browser, &pages).await;
    let mut restarts = 0_u64;
    let begin = Instant::now();
    let mut tick = tokio::time::interval(Duration::from_millis(1000 / RESTARTS_PER_SECOND));
    let mut told = Instant::now();
    while begin.elapsed() < time {
        tick.tick().await;
        let number = 2 + restarts % (u64::try_from(APPS).unwrap() - 1);
        store
            .post(&format!("/api/apps/app-{number:03}/restart"), &json!({}))
            .await;
        restarts += 1;
        if told.elapsed() > Duration::from_mins(1) {
            told = Instant::now();
            let now = look(browser, &pages).await;
            tell(&names, &first, &now, restarts);
        }
    }
    let end = look(browser, &pages).await;
    tell(&names, &first, &end, restarts);
    let total = store.get("/api/apps/talker/log?from=-1&count=1").await["total"].clone();
    let printed = total.as_f64().unwrap_or_default() - lines.as_f64().unwrap_or_default();
    println!(
        "the app printed {:.0} lines a second",
        printed / begin.elapsed().as_secs_f64()
    );
}

fn tell(names: &[&str], first: &Look, now: &Look, restarts: u64) {
    let seconds = now.at.duration_since(first.at).as_secs_f64();
    println!("after {seconds:.0} s and {restarts} restarts:");
    for (index, name) in names.iter().enumerate() {
        let (before, after) = (&first.pages[index], &now.pages[index]);
        let share = |metric: &str| (after[metric] - before[metric]) / seconds * 100.0;
        println!(
            "  {name}: {:.1} % of a core ({:.1} % of it the page's own thread), heap {:.1} MB, at the beginning {:.1} MB; {} nodes",
            share("ProcessTime"),
            share("ThreadTime"),
            after["JSHeapUsedSize"] / 1e6,
            before["JSHeapUsedSize"] / 1e6,
            after["Nodes"],
        );
    }
    println!(
        "  all pages' processes: {:.1} % of a core; the whole browser, which draws without a graphics card: {:.1} %",
        (now.renderers - first.renderers) / seconds * 100.0,
        (now.all - first.all) / seconds * 100.0
    );
}
