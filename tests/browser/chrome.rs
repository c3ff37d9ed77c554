//! A Chromium of its own, driven over WebDriver, and what a page does in it.
//!
//! Beside plain WebDriver it speaks the DevTools protocol through the driver, for what a person
//! sets in the system: dark or light, the size of the screen, less motion.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use axum::http::Method;
use fantoccini::{Client, ClientBuilder, wd::WebDriverCompatibleCommand};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::postgres::free_port;

/// What axe-core is, as scripts/install-test-tools puts it down.
const AXE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/target/test-tools/node_modules/axe-core/axe.min.js");

/// A browser; ends with this value.
pub struct Chrome {
    pub client: Client,
    driver: Child,
    port: u16,
    _profile: tempfile::TempDir,
}

/// So long is waited for what comes in moments.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A driver, and the port that it listens on or will soon.
fn driver() -> (Child, u16) {
    let port = free_port();
    let driver = Command::new("chromedriver")
        .arg(format!("--port={port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver (scripts/install-test-tools installs it)");
    (driver, port)
}

/// A command of the DevTools protocol.
#[derive(Debug)]
struct DevTools(&'static str, Value);

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({"cmd": self.0, "params": self.1}).to_string()))
    }
}

/// What the browser wrote to its console, since it was last asked.
#[derive(Debug)]
struct Log;

impl WebDriverCompatibleCommand for Log {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({"type": "browser"}).to_string()))
    }
}

impl Chrome {
    /// Starts one. `script` says whether pages may run scripts.
    pub async fn start(script: bool) -> Self {
        Self::start_with(script, "normal").await
    }

    /// The same; `wait` is the strategy of WebDriver by which it waits for pages: "normal" until all
    /// has arrived, "none" for nothing.
    pub async fn start_with(script: bool, wait: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let (mut driver, mut port) = driver();
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".into(),
            "--autoplay-policy=no-user-gesture-required".into(),
            "--disable-gpu".into(),
            "--disable-quic".into(),
            "--disable-background-networking".into(),
            "--disable-component-update".into(),
            "--disable-sync".into(),
            "--no-first-run".into(),
            "--hide-scrollbars".into(),
            "--disable-dev-shm-usage".into(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let allowed = if script { 1 } else { 2 };
        let capabilities = json!({
            "goog:chromeOptions": {
                "args": arguments,
                "prefs": {"profile.managed_default_content_settings.javascript": allowed},
            },
            "goog:loggingPrefs": {"browser": "ALL"},
            "pageLoadStrategy": wait,
        });
        let Value::Object(capabilities) = capabilities else { panic!("an object") };
        let (begun, mut last) = (Instant::now(), String::new());
        while begun.elapsed() < 3 * PATIENCE {
            let mut builder = ClientBuilder::new(HttpConnector::new());
            let url = format!("http://127.0.0.1:{port}");
            let connected = builder.capabilities(capabilities.clone()).connect(&url);
            match tokio::time::timeout(PATIENCE, connected).await {
                Ok(Ok(client)) => return Self { client, driver, port, _profile: profile },
                Ok(Err(error)) => last = error.to_string(),
                Err(_) => last = "it does not answer".to_owned(),
            }
            if driver.try_wait().unwrap().is_some() {
                // Somebody else was given its port.
                (driver, port) = self::driver();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        end(&mut driver, port);
        panic!("no browser: {last}")
    }

    pub async fn tools(&self, name: &'static str, parameters: Value) -> Value {
        self.client.issue_cmd(DevTools(name, parameters)).await.unwrap()
    }

    /// The window's inner size.
    pub async fn size(&self, width: u32, height: u32) {
        let parameters =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.tools("Emulation.setDeviceMetricsOverride", parameters).await;
    }

    /// What the system prefers.
    pub async fn prefer(&self, scheme: &str, motion: &str) {
        let features = json!([
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": motion},
        ]);
        self.tools("Emulation.setEmulatedMedia", json!({"features": features})).await;
    }

    /// The whole page as PNG, `height` pixels of it.
    pub async fn picture(&self) -> Vec<u8> {
        self.client.screenshot().await.unwrap()
    }

    pub async fn go(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// The value of a script.
    pub async fn ask(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.unwrap()
    }

    /// Until a script says true.
    pub async fn until(&self, script: &str) {
        let begun = Instant::now();
        while self.ask(script).await != Value::Bool(true) {
            assert!(begun.elapsed() < PATIENCE, "never true: {script}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Clicks where the first such element is seen. The driver's own click takes all that lies in
    /// a closed `<details>` for hidden, however it is styled; this asks what stands there.
    pub async fn click(&self, selector: &str) {
        let find = format!(
            "(() => {{ const e = document.querySelector({0}); e.scrollIntoView({{block: 'center'}}); \
             const b = e.getClientRects()[0], x = b.x + b.width / 2, y = b.y + b.height / 2; \
             const hit = document.elementFromPoint(x, y); \
             return [x, y, !!hit && (e.contains(hit) || hit.contains(e))]; }})()",
            Value::from(selector)
        );
        let found = self
            .tools("Runtime.evaluate", json!({"expression": find, "returnByValue": true}))
            .await;
        let at = &found["result"]["value"];
        assert_eq!(at[2], Value::Bool(true), "{selector} cannot be clicked: {found}");
        for kind in ["mousePressed", "mouseReleased"] {
            let parameters =
                json!({"type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1});
            self.tools("Input.dispatchMouseEvent", parameters).await;
        }
    }

    /// Presses a key where the focus is.
    pub async fn press(&self, key: &str) {
        let (code, text) = match key {
            " " => (32, " "),
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            one if one.len() == 1 => (u32::from(one.as_bytes()[0]), one),
            one if one.chars().count() == 1 => (0, one),
            _ => (0, ""),
        };
        let name = if key == " " { "Space" } else { key };
        for kind in ["keyDown", "keyUp"] {
            let parameters = json!({"type": kind, "key": key, "code": name, "text": text,
                "windowsVirtualKeyCode": code, "nativeVirtualKeyCode": code});
            self.tools("Input.dispatchKeyEvent", parameters).await;
        }
    }

    /// Goes on with the key Tab until such an element has the focus.
    pub async fn tab_to(&self, selector: &str) {
        let there = format!("return document.activeElement.matches({})", Value::from(selector));
        for _ in 0..150 {
            self.press("Tab").await;
            if self.ask(&there).await == Value::Bool(true) {
                return;
            }
        }
        panic!("the key Tab never reaches {selector}");
    }

    /// The value of an expression, where pages may run no scripts too.
    pub async fn look(&self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "returnByValue": true});
        self.tools("Runtime.evaluate", asked).await["result"]["value"].clone()
    }

    /// All text that is laid out, that of the style sheet too.
    pub async fn laid_out(&self) -> String {
        self.tools("DOMSnapshot.captureSnapshot", json!({"computedStyles": []})).await.to_string()
    }

    /// What went wrong in the browser's eyes since this was last asked.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.client.issue_cmd(Log).await.unwrap();
        let entries = log.as_array().cloned().unwrap_or_default();
        entries.iter().filter(|entry| entry["level"] != "INFO").map(ToString::to_string).collect()
    }

    /// The rules of accessibility that the page breaks, each with where.
    pub async fn violations(&self) -> Vec<String> {
        let axe = std::fs::read_to_string(AXE)
            .expect("axe-core (scripts/install-test-tools installs it)");
        // By the DevTools protocol, since the page's own policy lets no script in.
        self.tools("Runtime.evaluate", json!({"expression": axe})).await;
        let run = "axe.run(document, {resultTypes: ['violations']}).then(r => JSON.stringify(\
             r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.target.join(' ') + ' ' + (n.any[0]||n.all[0]||n.none[0]||{}).message).slice(0, 5).join(' | '))))";
        let result = self
            .tools(
                "Runtime.evaluate",
                json!({"expression": run, "awaitPromise": true, "returnByValue": true}),
            )
            .await;
        let text = result["result"]["value"].as_str().unwrap_or_else(|| panic!("axe: {result}"));
        serde_json::from_str(text).unwrap()
    }
}

impl Drop for Chrome {
    fn drop(&mut self) {
        end(&mut self.driver, self.port);
    }
}

/// Told to stop, the driver ends its browser first; killed, it would leave it behind.
fn end(driver: &mut Child, port: u16) {
    let told = TcpStream::connect(("127.0.0.1", port)).and_then(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream
            .write_all(b"GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        stream.read_to_end(&mut vec![])
    });
    if told.is_err() {
        let _ = driver.kill();
    }
    let _ = driver.wait();
}
