//! The tests' own eyes and hands: a page that does what the report must not, and
//! one that tells what was done to it.

use std::fs;

use tempfile::TempDir;
use trainmark_tests::browser::Page;

use super::open;

fn open_text(page: &str) -> Option<Page> {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("page.html");
    fs::write(&file, page).unwrap();
    open(&file)
}

#[test]
fn console_errors_and_requests_are_noticed() {
    let page = "<!doctype html><title>x</title><link rel=\"preconnect\" href=\"https://fonts.example/\">\
        <img src=\"http://images.example/pixel.png\">\
        <script>console.error('boom'); fetch('https://data.example/'); new WebSocket('wss://talk.example/')</script>\
        <script>nothing_of_that_name()</script>";
    let Some(page) = open_text(page) else { return };
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

#[test]
fn what_is_done_with_mouse_and_keys_arrives() {
    let page = "<!doctype html><title>x</title><style>#far { margin-top: 5000px; width: 200px; height: 100px }</style>\
        <div id=\"far\">plot</div><p aria-live=\"polite\"></p>\
        <select><option value=\"a\">A</option><option value=\"b\">B</option></select>\
        <button onclick=\"navigator.clipboard.writeText('copied')\">Copy</button>\
        <script>const live = document.querySelector('[aria-live]'), far = document.getElementById('far');\
        const tell = event => { live.textContent += `${event.type} ${event.offsetX},${event.offsetY} ${event.buttons}; ` };\
        for (const type of ['mousemove', 'mousedown', 'mouseup']) far.addEventListener(type, tell);\
        document.querySelector('select').onchange = event => { live.textContent = event.target.value };\
        onkeydown = event => { live.textContent = `${event.key} ${event.shiftKey}` };</script>";
    let Some(page) = open_text(page) else { return };
    page.hover("#far");
    page.wait_for("the mouse to arrive", "live.textContent === 'mousemove 100,50 0; '");
    page.drag(page.point("#far", 0.25, 0.5), page.point("#far", 0.75, 0.5));
    let dragged = page.text("[aria-live]");
    for told in ["mousedown 50,50 1; ", "mousemove 100,50 1; mousemove 150,50 1; mouseup 150,50 0;"] {
        assert!(dragged.contains(told), "{dragged}");
    }
    page.choose("select", "b");
    assert_eq!(page.text("[aria-live]"), "b");
    page.press("Shift+ArrowLeft");
    assert_eq!(page.text("[aria-live]"), "ArrowLeft true");
    page.allow_clipboard();
    page.click("button");
    page.wait_for("the text to be copied", "navigator.clipboard.readText().then(text => text === 'copied')");
}
