//! A page in a window of its own: opened, asked, shown in other ways.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::launch::{Browser, browser};
use super::view::{Media, Scheme, View};
use crate::process::wait_until;

/// Longest time that a condition of a page may take to hold.
const PATIENCE: Duration = Duration::from_secs(30);

/// A page, with storage, downloads and permissions of its own. Closed when dropped.
pub struct Page {
    pub(super) browser: &'static Browser,
    context: String,
    pub(super) session: String,
    pub(super) downloads: PathBuf,
}

impl Page {
    pub(super) fn open(file: &Path, view: View) -> Option<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let browser = browser()?;
        let send = |method: &str, params: Value| {
            let result = browser.connection.send(None, method, &params);
            result.unwrap_or_else(|message| panic!("{method}: {message}"))
        };
        let context = send("Target.createBrowserContext", json!({}));
        let context = context["browserContextId"].as_str().unwrap().to_owned();
        let target = json!({ "url": "about:blank", "browserContextId": context, "newWindow": true });
        let target = send("Target.createTarget", target)["targetId"].take();
        let session = send("Target.attachToTarget", json!({ "targetId": target, "flatten": true }));
        let session = session["sessionId"].as_str().unwrap().to_owned();
        let downloads = browser.profile.join(format!("downloads-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        let page = Self { browser, context, session, downloads };
        page.prepare(view);
        let url = format!("file://{}", file.canonicalize().unwrap().display());
        let navigated = page.send("Page.navigate", json!({ "url": url }));
        assert!(navigated["errorText"].is_null(), "{url}: {navigated}");
        page.wait_for("the page to be loaded", "document.readyState === 'complete'");
        // Without scripts nobody is called when a frame is drawn.
        if view.runs_scripts {
            page.settle();
        }
        Some(page)
    }

    fn prepare(&self, view: View) {
        for domain in ["Page", "Runtime", "Network", "Log"] {
            self.send(&format!("{domain}.enable"), json!({}));
        }
        // Times by the thread's processor, which a busy machine does not lengthen.
        self.send("Performance.enable", json!({ "timeDomain": "threadTicks" }));
        // Without it only one window at a time could have the focus.
        self.send("Emulation.setFocusEmulationEnabled", json!({ "enabled": true }));
        self.send("Emulation.setScriptExecutionDisabled", json!({ "value": !view.runs_scripts }));
        self.resize(view.width, view.height);
        self.show_on(Media::Screen, view.scheme);
        let downloads = json!({ "behavior": "allow", "downloadPath": self.downloads });
        self.send_to_browser("Browser.setDownloadBehavior", downloads);
    }

    /// Sends a command of the DevTools protocol.
    ///
    /// # Panics
    /// Where the browser refuses.
    #[track_caller]
    pub fn send(&self, method: &str, params: Value) -> Value {
        let result = self.browser.connection.send(Some(&self.session), method, &params);
        result.unwrap_or_else(|message| panic!("{method}: {message}"))
    }

    #[track_caller]
    pub(super) fn send_to_browser(&self, method: &str, mut params: Value) -> Value {
        params["browserContextId"] = self.context.as_str().into();
        let result = self.browser.connection.send(None, method, &params);
        result.unwrap_or_else(|message| panic!("{method}: {message}"))
    }

    /// The value of an expression of JavaScript, or of what it promises.
    ///
    /// # Panics
    /// Where it throws.
    #[track_caller]
    pub fn evaluate(&self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut result = self.send("Runtime.evaluate", parameters);
        let thrown = &result["exceptionDetails"];
        assert!(thrown.is_null(), "{expression}: {}", thrown["exception"]["description"]);
        result["result"]["value"].take()
    }

    /// The value of a JavaScript function of these arguments.
    #[track_caller]
    pub fn call(&self, function: &str, arguments: &[&str]) -> Value {
        let arguments: Vec<String> = arguments.iter().map(|one| json!(one).to_string()).collect();
        self.evaluate(&format!("({function})({})", arguments.join(", ")))
    }

    /// Waits until an expression is true.
    ///
    /// # Panics
    /// Where that takes too long.
    #[track_caller]
    pub fn wait_for(&self, what: &str, expression: &str) {
        let holds = wait_until(PATIENCE, || self.evaluate(expression) == true);
        assert!(holds, "waited {PATIENCE:?} for {what}: {expression}");
    }

    /// Waits until what was done is shown: two frames.
    pub fn settle(&self) {
        self.evaluate(
            "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))",
        );
    }

    /// Processor seconds of the page's main thread since before its load, by what
    /// they were spent on, such as `TaskDuration`, which is all, or `LayoutDuration`.
    pub fn processor_seconds(&self, metric: &str) -> f64 {
        let metrics = self.send("Performance.getMetrics", json!({}));
        let found = metrics["metrics"].as_array().unwrap().iter().find(|one| one["name"] == metric);
        found.unwrap_or_else(|| panic!("{metric} is not in {metrics}"))["value"].as_f64().unwrap()
    }

    /// Gives the window another size, in CSS pixels.
    pub fn resize(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.send("Emulation.setDeviceMetricsOverride", size);
    }

    /// Shows it on a screen or on paper, in these colours of the system.
    pub fn show_on(&self, media: Media, scheme: Scheme) {
        let media = if media == Media::Print { "print" } else { "screen" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme.name() }]);
        self.send("Emulation.setEmulatedMedia", json!({ "media": media, "features": features }));
    }

    /// Prints it; the size of the paper is the default.
    ///
    /// # Panics
    /// Where no document of a page at least comes out.
    pub fn print(&self) {
        let printed = self.send("Page.printToPDF", json!({ "preferCSSPageSize": true }));
        // The first bytes of a PDF file, `%PDF-`, in base64.
        assert!(printed["data"].as_str().unwrap().starts_with("JVBERi0"), "{printed}");
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let context = json!({ "browserContextId": self.context });
        // A browser that has ended has closed it too, and a failed test fails for its own reason.
        if !std::thread::panicking() {
            let _ = self.browser.connection.send(None, "Target.disposeBrowserContext", &context);
        }
    }
}
