//! What a reader does: mouse, keyboard, choices, downloads.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use super::page::Page;
use crate::process::wait_until;

/// Longest time that a download may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Name, number and text of the keys that tests press.
const KEYS: [(&str, u32, &str); 12] = [
    ("Tab", 9, ""),
    ("Enter", 13, "\r"),
    ("Escape", 27, ""),
    ("Space", 32, " "),
    ("PageUp", 33, ""),
    ("End", 35, ""),
    ("Home", 36, ""),
    ("ArrowLeft", 37, ""),
    ("ArrowUp", 38, ""),
    ("ArrowRight", 39, ""),
    ("ArrowDown", 40, ""),
    ("+", 187, "+"),
];

/// A place in the window, in CSS pixels from its top left corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// To the right.
    pub x: f64,
    /// Down.
    pub y: f64,
}

impl Page {
    /// A place on the first element, by fractions of its width and height, after
    /// scrolling to it.
    #[track_caller]
    pub fn point(&self, selector: &str, right: f64, down: f64) -> Point {
        let function = "selector => {
            const one = document.querySelector(selector);
            one.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
            const { x, y, width, height } = one.getBoundingClientRect();
            return [x, y, width, height];
        }";
        let place = self.call(function, &[selector]);
        let [x, y, width, height] = [0, 1, 2, 3].map(|index| place[index].as_f64().unwrap());
        assert!(width > 0.0 && height > 0.0, "{selector} has no place: {place}");
        Point { x: x + right * width, y: y + down * height }
    }

    /// Moves the mouse to a place.
    pub fn move_to(&self, point: Point) {
        self.mouse("mouseMoved", point, json!({}));
    }

    /// Moves the mouse to the middle of an element.
    #[track_caller]
    pub fn hover(&self, selector: &str) {
        self.move_to(self.point(selector, 0.5, 0.5));
    }

    /// Clicks the middle of an element.
    ///
    /// # Panics
    /// Where something else lies there, so that a reader could not.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        let point = self.point(selector, 0.5, 0.5);
        let hit = format!(
            "(selector => {{ const one = document.querySelector(selector), hit = document.elementFromPoint({}, {}); \
             return one.contains(hit) || hit?.contains(one); }})({})",
            point.x,
            point.y,
            json!(selector)
        );
        assert_eq!(self.evaluate(&hit), true, "{selector} is covered by something else");
        self.drag(point, point);
    }

    /// Presses the mouse at a place, moves it, and lets it go at another.
    pub fn drag(&self, from: Point, to: Point) {
        let left = || json!({ "button": "left", "buttons": 1, "clickCount": 1 });
        self.move_to(from);
        self.mouse("mousePressed", from, left());
        if from != to {
            let middle = Point { x: f64::midpoint(from.x, to.x), y: f64::midpoint(from.y, to.y) };
            self.mouse("mouseMoved", middle, left());
            self.mouse("mouseMoved", to, left());
        }
        self.mouse("mouseReleased", to, left());
    }

    fn mouse(&self, kind: &str, point: Point, mut parameters: Value) {
        parameters["type"] = kind.into();
        parameters["x"] = point.x.into();
        parameters["y"] = point.y.into();
        self.send("Input.dispatchMouseEvent", parameters);
    }

    /// Presses a key, such as `Tab` or `Shift+Tab`.
    #[track_caller]
    pub fn press(&self, key: &str) {
        let (modifiers, name) = key.strip_prefix("Shift+").map_or((0, key), |name| (8, name));
        let found = KEYS.iter().find(|(known, ..)| *known == name);
        let (name, number, text) = found.unwrap_or_else(|| panic!("{name} is not in the list of keys"));
        let key = if *name == "Space" { " " } else { name };
        let mut event = json!({ "type": if text.is_empty() { "rawKeyDown" } else { "keyDown" }, "key": key,
            "code": name, "windowsVirtualKeyCode": number, "modifiers": modifiers, "text": text });
        self.send("Input.dispatchKeyEvent", event.clone());
        event["type"] = "keyUp".into();
        event["text"] = "".into();
        self.send("Input.dispatchKeyEvent", event);
    }

    /// Chooses the option of a `<select>` that has this value.
    #[track_caller]
    pub fn choose(&self, selector: &str, value: &str) {
        let function = "(selector, value) => {
            const select = document.querySelector(selector);
            if (![...select.options].some(one => one.value === value && !one.disabled)) return false;
            select.value = value;
            for (const name of ['input', 'change']) select.dispatchEvent(new Event(name, { bubbles: true }));
            return true;
        }";
        assert_eq!(self.call(function, &[selector, value]), true, "{selector} has no option {value}");
    }

    /// Lets it write to the clipboard and be asked what lies there. The clipboard is
    /// one for all pages.
    pub fn allow_clipboard(&self) {
        self.send_to_browser(
            "Browser.grantPermissions",
            json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] }),
        );
    }

    /// Clicks what saves a file, and waits for it: its name and text.
    #[track_caller]
    pub fn download(&self, selector: &str) -> (String, String) {
        let _ = fs::remove_dir_all(&self.downloads);
        fs::create_dir(&self.downloads).unwrap();
        self.click(selector);
        let mut saved = None;
        // A download gets its name when it is whole; until then an empty file may hold the place.
        let is_there = wait_until(PATIENCE, || {
            let entries = fs::read_dir(&self.downloads).unwrap().map(|entry| entry.unwrap().file_name());
            let mut names = entries.filter_map(|name| name.into_string().ok());
            saved = names
                .find(|name| !name.starts_with('.') && !name.ends_with(".crdownload"))
                .and_then(|name| Some((fs::read_to_string(self.downloads.join(&name)).ok()?, name)))
                .filter(|(text, _)| !text.is_empty());
            saved.is_some()
        });
        assert!(is_there, "{selector} saved no file within {PATIENCE:?}");
        let (text, name) = saved.unwrap();
        (name, text)
    }
}
