//! A separate Chromium process, driven over WebDriver, and what a page does in it.
//!
//! Besides plain WebDriver, it sends DevTools commands through the driver for what a person sets in
//! the system: the colour scheme, the size of the screen, reduced motion.

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

/// The script of axe-core, as scripts/install-test-tools installs it.
const AXE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/target/test-tools/node_modules/axe-core/axe.min.js");

/// A browser, closed when this value is dropped.
pub struct Chrome {
    pub client: Client,
    driver: Child,
    port: u16,
    _profile: tempfile::TempDir,
}

/// The timeout of all waits; most take moments.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Starts a driver; returns it with the port on which it listens or soon will.
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

/// The command that reads the console messages since the last read.
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
    /// Starts a browser. `script` is whether pages may run scripts.
    pub async fn start(script: bool) -> Self {
        Self::start_with(script, "normal").await
    }

    /// Like [`Chrome::start`]; `wait` is WebDriver's page load strategy: "normal" waits until
    /// everything has arrived, "none" for nothing.
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
                // Another process took its port.
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

    /// Sets the inner size of the window.
    pub async fn size(&self, width: u32, height: u32) {
        let parameters =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.tools("Emulation.setDeviceMetricsOverride", parameters).await;
    }

    /// Sets the preferences of the system.
    pub async fn prefer(&self, scheme: &str, motion: &str) {
        let features = json!([
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": motion},
        ]);
        self.tools("Emulation.setEmulatedMedia", json!({"features": features})).await;
    }

    /// Takes a PNG of the visible part of the page.
    pub async fn picture(&self) -> Vec<u8> {
        self.client.screenshot().await.unwrap()
    }

    pub async fn go(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// Returns the value of a script.
    pub async fn ask(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.unwrap()
    }

    /// Waits until a script returns true.
    pub async fn until(&self, script: &str) {
        let begun = Instant::now();
        while self.ask(script).await != Value::Bool(true) {
            assert!(begun.elapsed() < PATIENCE, "never true: {script}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Clicks the first element that matches, where it is visible. The driver's own click takes everything
    /// in a closed `<details>` for hidden, however it is styled; this checks what is at that point.
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

    /// Presses a key on the element that has the focus.
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

    /// Presses Tab until an element that matches has the focus.
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

    /// Returns the value of an expression, even where pages may not run scripts.
    pub async fn look(&self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "returnByValue": true});
        self.tools("Runtime.evaluate", asked).await["result"]["value"].clone()
    }

    /// Returns all text that is laid out, including text from the style sheet.
    pub async fn laid_out(&self) -> String {
        self.tools("DOMSnapshot.captureSnapshot", json!({"computedStyles": []})).await.to_string()
    }

    /// Returns the problems that the browser has logged since the last call.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.client.issue_cmd(Log).await.unwrap();
        let entries = log.as_array().cloned().unwrap_or_default();
        entries.iter().filter(|entry| entry["level"] != "INFO").map(ToString::to_string).collect()
    }

    /// Returns the accessibility rules that the page breaks, each with its elements.
    pub async fn violations(&self) -> Vec<String> {
        let axe = std::fs::read_to_string(AXE)
            .expect("axe-core (scripts/install-test-tools installs it)");
        // Over the DevTools protocol, since the page's own policy allows no injected script.
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

/// Asks the driver to shut down, so that it closes its browser first; a killed driver leaves it running.
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
