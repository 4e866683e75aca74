//! The watch itself, on a page that does what the report must not.

use std::fs;

use tempfile::TempDir;

use super::open;

#[test]
fn console_errors_and_requests_are_noticed() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("page.html");
    let page = "<!doctype html><title>x</title><link rel=\"preconnect\" href=\"https://fonts.example/\">\
        <img src=\"http://images.example/pixel.png\">\
        <script>console.error('boom'); fetch('https://data.example/'); new WebSocket('wss://talk.example/')</script>\
        <script>nothing_of_that_name()</script>";
    fs::write(&file, page).unwrap();
    let Some(page) = open(&file) else { return };
    let (console, requests) = (page.console(), page.requests());
    for complaint in ["boom", "ReferenceError"] {
        assert!(console.iter().any(|line| line.contains(complaint)), "{complaint}: {console:#?}");
    }
    let addresses =
        ["http://images.example", "https://data.example", "wss://talk.example", "https://fonts.example"];
    for address in addresses {
        assert!(requests.iter().any(|url| url.starts_with(address)), "{address}: {requests:#?}");
    }
}
