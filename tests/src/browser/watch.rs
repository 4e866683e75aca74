//! What a page did that a report must not: complaints and requests.

use serde_json::Value;

use super::page::Page;
use super::reading::texts_of;

impl Page {
    /// What it wrote to the console, errors that nobody caught among it.
    pub fn console(&self) -> Vec<String> {
        self.browser.connection.events(&self.session).iter().filter_map(complaint).collect()
    }

    /// Addresses that it asked the network for, or told the browser to be ready to ask.
    pub fn requests(&self) -> Vec<String> {
        let events = self.browser.connection.events(&self.session);
        let asked = events.iter().filter_map(|event| {
            let parameters = &event["params"];
            match event["method"].as_str()? {
                "Network.requestWillBeSent" => parameters["request"]["url"].as_str(),
                "Network.webSocketCreated" | "Network.webTransportCreated" => parameters["url"].as_str(),
                _ => None,
            }
        });
        let mut asked: Vec<String> = asked.map(str::to_owned).collect();
        assert!(!asked.is_empty(), "the network is watched: the page itself is a request");
        // The browser does not tell of a name that it looks up, or a connection that it opens, in advance.
        asked.extend(texts_of(
            &self.evaluate("[...document.querySelectorAll('link')].map(link => link.href)"),
        ));
        asked.retain(|url| ["http", "ws", "ftp"].iter().any(|scheme| url.starts_with(scheme)));
        asked
    }
}

/// The text of an event that is a line of the console.
fn complaint(event: &Value) -> Option<String> {
    let parameters = &event["params"];
    match event["method"].as_str()? {
        "Runtime.consoleAPICalled" => Some(format!("{}: {}", parameters["type"], parameters["args"])),
        "Runtime.exceptionThrown" => Some(parameters["exceptionDetails"].to_string()),
        "Log.entryAdded" => Some(parameters["entry"].to_string()),
        _ => None,
    }
}
