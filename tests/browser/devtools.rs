//! Drives Chromium over its DevTools protocol (<https://chromedevtools.github.io/devtools-protocol/>): real
//! clicks and keys, a window of any size, light and dark, any language, what the console was told, and
//! the browser's own figures.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::connect_async_with_config;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::chromium::Chromium;

/// How long anything may take that is waited for; only a failing test waits so long.
const DEADLINE: Duration = Duration::from_secs(90);

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(25);

/// Finds what a user would: something that can be seen, by a selector and the words on it.
const FIND: &str = r#"
    const find = (selector, words = "") => [...document.querySelectorAll(selector)].find((element) =>
        element.checkVisibility({ visibilityProperty: true })
        && `${element.getAttribute("aria-label") ?? ""} ${element.textContent}`.replaceAll(/\s+/g, " ").includes(words));
"#;

/// A browser without a window; it ends with its owner.
pub(crate) struct Browser {
    chromium: Chromium,
    wire: Arc<Wire>,
    agent: String,
}

/// The connection to it.
struct Wire {
    orders: mpsc::UnboundedSender<String>,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Value>>>,
    number: AtomicU64,
    /// What went wrong in each page.
    mistakes: Mutex<HashMap<String, Vec<String>>>,
}

/// One page of it, with storage of its own.
pub(crate) struct Page {
    wire: Arc<Wire>,
    session: String,
    agent: String,
    context: Value,
}

impl Browser {
    /// Opens one; what it writes lies in `folder`.
    pub(crate) async fn open(folder: &Path) -> Self {
        let chromium = Chromium::controlled(folder);
        let file = folder.join("chromium/DevToolsActivePort");
        let address = until("Chromium listens", async || {
            let text = std::fs::read_to_string(&file).ok()?;
            let (port, path) = text.split_once('\n')?;
            path.starts_with('/')
                .then(|| format!("ws://127.0.0.1:{port}{}", path.trim()))
        })
        .await;
        // A picture of a page is one message.
        let config = WebSocketConfig::default()
            .max_message_size(None)
            .max_frame_size(None);
        let (socket, _) = connect_async_with_config(address, Some(config), true)
            .await
            .unwrap();
        let (mut write, mut read) = socket.split();
        let (orders, mut to_send) = mpsc::unbounded_channel::<String>();
        let wire = Arc::new(Wire {
            orders,
            waiting: Mutex::default(),
            number: AtomicU64::new(1),
            mistakes: Mutex::default(),
        });
        tokio::spawn(async move {
            while let Some(text) = to_send.recv().await {
                if write.send(Message::text(text)).await.is_err() {
                    return;
                }
            }
        });
        let heard = Arc::downgrade(&wire);
        tokio::spawn(async move {
            while let Some(Ok(message)) = read.next().await {
                let (Some(wire), Ok(text)) = (heard.upgrade(), message.into_text()) else {
                    return;
                };
                if let Ok(value) = serde_json::from_str(&text) {
                    wire.hear(value);
                }
            }
        });
        let version = wire
            .call("", "Browser.getVersion", json!({}))
            .await
            .unwrap();
        let agent = version["userAgent"].as_str().unwrap().to_owned();
        Self {
            chromium,
            wire,
            agent,
        }
    }

    /// A new page, 1280 pixels wide, with storage of its own.
    pub(crate) async fn page(&self) -> Page {
        let context = self
            .wire
            .call("", "Target.createBrowserContext", json!({}))
            .await
            .unwrap();
        self.page_in(context["browserContextId"].clone()).await
    }

    /// Another page of the same user.
    #[allow(dead_code, reason = "the tests open several, the commands do not")]
    pub(crate) async fn page_beside(&self, page: &Page) -> Page {
        self.page_in(page.context.clone()).await
    }

    async fn page_in(&self, context: Value) -> Page {
        let call =
            async |method: &str, params: Value| self.wire.call("", method, params).await.unwrap();
        let target = call(
            "Target.createTarget",
            json!({ "url": "about:blank", "browserContextId": context }),
        )
        .await;
        let attached = call(
            "Target.attachToTarget",
            json!({ "targetId": target["targetId"], "flatten": true }),
        )
        .await;
        let page = Page {
            wire: Arc::clone(&self.wire),
            session: attached["sessionId"].as_str().unwrap().to_owned(),
            agent: self.agent.clone(),
            context,
        };
        for domain in ["Page", "Runtime", "Log", "Performance"] {
            page.call(&format!("{domain}.enable"), json!({})).await;
        }
        page.view(1280, 800).await;
        page.language("en").await;
        page
    }

    /// Pids and CPU seconds of its processes, by kind: `browser`, `renderer`, `GPU`, …
    #[allow(dead_code, reason = "the bench asks for it, the tests do not")]
    pub(crate) async fn processes(&self) -> Vec<(String, u32, f64)> {
        let told = self
            .wire
            .call("", "SystemInfo.getProcessInfo", json!({}))
            .await
            .unwrap();
        let list = told["processInfo"].as_array().unwrap();
        list.iter()
            .map(|process| {
                (
                    process["type"].as_str().unwrap().to_owned(),
                    u32::try_from(process["id"].as_u64().unwrap()).unwrap(),
                    process["cpuTime"].as_f64().unwrap(),
                )
            })
            .collect()
    }

    /// Its main process.
    #[allow(dead_code, reason = "the bench asks for it, the tests do not")]
    pub(crate) fn pid(&self) -> u32 {
        self.chromium.pid()
    }
}

impl Wire {
    async fn call(&self, session: &str, method: &str, params: Value) -> Result<Value, String> {
        let id = self.number.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        self.waiting.lock().unwrap().insert(id, sender);
        let mut order = json!({ "id": id, "method": method, "params": params });
        if !session.is_empty() {
            order["sessionId"] = session.into();
        }
        self.orders
            .send(order.to_string())
            .map_err(|_| "the browser is gone".to_owned())?;
        let answer = tokio::time::timeout(DEADLINE, answer)
            .await
            .map_err(|_| format!("the browser does not answer {method}"))?
            .map_err(|_| "the browser is gone".to_owned())?;
        if let Some(error) = answer.get("error") {
            return Err(format!("{method}: {error}"));
        }
        Ok(answer["result"].clone())
    }

    fn hear(&self, value: Value) {
        if let Some(id) = value["id"].as_u64() {
            if let Some(waiting) = self.waiting.lock().unwrap().remove(&id) {
                // Who asked may have given up.
                let _ = waiting.send(value);
            }
            return;
        }
        let params = &value["params"];
        let mistake = match value["method"].as_str().unwrap_or_default() {
            "Runtime.exceptionThrown" => {
                let details = &params["exceptionDetails"];
                format!(
                    "{} {}",
                    details["text"], details["exception"]["description"]
                )
            }
            "Runtime.consoleAPICalled"
                if params["type"] == "error" || params["type"] == "warning" =>
            {
                params["args"].to_string()
            }
            "Log.entryAdded" if params["entry"]["level"] == "error" => {
                format!("{} {}", params["entry"]["text"], params["entry"]["url"])
            }
            _ => return,
        };
        let session = value["sessionId"].as_str().unwrap_or_default().to_owned();
        let mut mistakes = self.mistakes.lock().unwrap();
        mistakes.entry(session).or_default().push(mistake);
    }
}

impl Page {
    /// One call of the protocol.
    pub(crate) async fn call(&self, method: &str, params: Value) -> Value {
        self.wire
            .call(&self.session, method, params)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Opens an address.
    pub(crate) async fn open(&self, url: &str) {
        let answer = self.call("Page.navigate", json!({ "url": url })).await;
        assert!(answer.get("errorText").is_none(), "{url}: {answer}");
    }

    /// Loads the page anew.
    pub(crate) async fn reload(&self) {
        self.eval("window.before = true").await;
        self.call("Page.reload", json!({})).await;
        self.until("the page is loaded anew", "window.before === undefined")
            .await;
    }

    /// Brings it before the other pages: what lies behind is not drawn.
    #[allow(dead_code, reason = "the tests open several, the commands do not")]
    pub(crate) async fn bring_to_front(&self) {
        self.call("Page.bringToFront", json!({})).await;
    }

    /// Goes to a screen, e.g. `#/catalog`.
    pub(crate) async fn go(&self, hash: &str) {
        self.eval(&format!("location.hash = {}", json!(hash))).await;
    }

    /// The size of its window.
    pub(crate) async fn view(&self, width: u32, height: u32) {
        self.call(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false }),
        )
        .await;
    }

    /// What the system likes.
    pub(crate) async fn dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        self.call(
            "Emulation.setEmulatedMedia",
            json!({ "features": [
                { "name": "prefers-color-scheme", "value": value },
                { "name": "prefers-reduced-motion", "value": "reduce" },
            ] }),
        )
        .await;
    }

    /// What the browser says of languages, from the next page on.
    pub(crate) async fn language(&self, tag: &str) {
        self.call(
            "Emulation.setUserAgentOverride",
            json!({ "userAgent": self.agent, "acceptLanguage": tag }),
        )
        .await;
    }

    /// The value of an expression, when it has one; promises are waited for.
    async fn try_eval(&self, script: &str) -> Result<Value, String> {
        let expression = format!("(async () => {{ {FIND} return ({script}); }})()");
        let answer = self
            .wire
            .call(
                &self.session,
                "Runtime.evaluate",
                json!({ "expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true }),
            )
            .await?;
        match answer.get("exceptionDetails") {
            Some(details) => Err(details["exception"]["description"].to_string()),
            None => Ok(answer["result"]["value"].clone()),
        }
    }

    /// The value of an expression.
    pub(crate) async fn eval(&self, script: &str) -> Value {
        self.try_eval(script)
            .await
            .unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Waits until an expression holds, and gives its value.
    pub(crate) async fn until(&self, what: &str, script: &str) -> Value {
        let begin = Instant::now();
        loop {
            // While a page is loaded there is nothing to ask.
            let value = self.try_eval(script).await.unwrap_or(Value::Null);
            if !matches!(value, Value::Null | Value::Bool(false)) && value != "" && value != 0 {
                return value;
            }
            if begin.elapsed() > DEADLINE {
                let shown = self.eval("document.body.innerText").await;
                panic!(
                    "not in time: {what}; the page shows {shown}\n{:?}",
                    self.mistakes()
                );
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until something with these words can be seen.
    pub(crate) async fn sees(&self, selector: &str, words: &str) {
        self.until(
            &format!("`{words}` in {selector}"),
            &format!("Boolean(find({}, {}))", json!(selector), json!(words)),
        )
        .await;
    }

    /// Clicks with the mouse on what bears these words, once it is there and nothing lies over it.
    pub(crate) async fn click(&self, selector: &str, words: &str) {
        let place = self
            .until(
                &format!("`{words}` in {selector} can be clicked"),
                &format!(
                    // It must stand still: what is being laid out is gone by the time of the click.
                    r"(async () => {{
                        const place = () => {{
                            const element = find({}, {});
                            if (!element || element.disabled) return null;
                            element.scrollIntoView({{ block: 'center', behavior: 'instant' }});
                            const box = element.getBoundingClientRect();
                            const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
                            const top = document.elementFromPoint(x, y);
                            return element.contains(top) || top?.contains(element) && top.matches('label, a') ? [x, y] : null;
                        }};
                        const [x, y] = place() ?? [];
                        if (x === undefined) return null;
                        await new Promise((done) => setTimeout(done, 60));
                        const now = place();
                        return now && now[0] === x && now[1] === y ? now : null;
                    }})()",
                    json!(selector),
                    json!(words)
                ),
            )
            .await;
        for (kind, count) in [("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 1)] {
            self.call(
                "Input.dispatchMouseEvent",
                json!({ "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": count }),
            )
            .await;
        }
    }

    /// Presses a key: `Tab`, `Shift+Tab`, `Enter`, `Escape`, `Space`, `ArrowDown`, a letter.
    pub(crate) async fn press(&self, key: &str) {
        let (modifiers, key) = match key.split_once('+') {
            Some(("Shift", key)) => (8, key),
            Some(("Control", key)) => (2, key),
            _ => (0, key),
        };
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            "Space" => (32, " "),
            "End" => (35, ""),
            "Home" => (36, ""),
            "PageUp" => (33, ""),
            "ArrowUp" => (38, ""),
            "ArrowDown" => (40, ""),
            letter => (u32::from(letter.to_ascii_uppercase().as_bytes()[0]), letter),
        };
        let text = if modifiers & 2 == 2 { "" } else { text };
        let name = if key == "Space" { " " } else { key };
        let mut down = json!({
            "type": if text.is_empty() { "rawKeyDown" } else { "keyDown" }, "key": name, "code": key,
            "windowsVirtualKeyCode": code, "modifiers": modifiers,
        });
        if !text.is_empty() {
            down["text"] = text.into();
        }
        if modifiers == 2 && key == "a" {
            down["commands"] = json!(["selectAll"]);
        }
        self.call("Input.dispatchKeyEvent", down).await;
        self.call(
            "Input.dispatchKeyEvent",
            json!({ "type": "keyUp", "key": name, "code": key, "windowsVirtualKeyCode": code, "modifiers": modifiers }),
        )
        .await;
    }

    /// Types into what has the focus.
    pub(crate) async fn write(&self, text: &str) {
        self.call("Input.insertText", json!({ "text": text })).await;
    }

    /// A picture of what the window shows, as PNG, in base64.
    #[allow(dead_code, reason = "the pictures are made by a command of its own")]
    pub(crate) async fn picture(&self) -> String {
        let picture = self
            .call("Page.captureScreenshot", json!({ "format": "png" }))
            .await;
        picture["data"].as_str().unwrap().to_owned()
    }

    /// The browser's own figures of this page: `TaskDuration`, `JSHeapUsedSize`, …
    #[allow(dead_code, reason = "the bench asks for it, the tests do not")]
    pub(crate) async fn metrics(&self) -> HashMap<String, f64> {
        let told = self.call("Performance.getMetrics", json!({})).await;
        let list = told["metrics"].as_array().unwrap();
        list.iter()
            .map(|metric| {
                (
                    metric["name"].as_str().unwrap().to_owned(),
                    metric["value"].as_f64().unwrap(),
                )
            })
            .collect()
    }

    /// What the console was told since the last time.
    pub(crate) fn mistakes(&self) -> Vec<String> {
        let mut mistakes = self.wire.mistakes.lock().unwrap();
        mistakes.remove(&self.session).unwrap_or_default()
    }
}

async fn until<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(value) = check().await {
            return value;
        }
        assert!(begin.elapsed() < DEADLINE, "not in time: {what}");
        tokio::time::sleep(LOOK).await;
    }
}
