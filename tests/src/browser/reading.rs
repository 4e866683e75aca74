//! What a reader finds on a page. A selector names elements as CSS does.

use serde_json::Value;

use super::page::Page;

/// What has the keyboard's focus.
#[derive(Debug, Clone, PartialEq)]
pub struct Focus {
    /// Its tag with the id or class that tells it from others, such as `button#theme`.
    pub element: String,
    /// Its text, or its label's.
    pub text: String,
    /// Whether an outline shows it, two pixels wide at least, within the window.
    pub is_shown: bool,
}

impl Page {
    /// The document as it now is.
    pub fn dom(&self) -> String {
        text_of(&self.evaluate("document.documentElement.outerHTML"))
    }

    /// How many elements there are.
    #[track_caller]
    pub fn count(&self, selector: &str) -> usize {
        let count = self.call("selector => document.querySelectorAll(selector).length", &[selector]);
        count.as_u64().and_then(|count| usize::try_from(count).ok()).unwrap()
    }

    /// The text of the only element, as it is shown.
    #[track_caller]
    pub fn text(&self, selector: &str) -> String {
        let mut texts = self.texts(selector);
        assert_eq!(texts.len(), 1, "{selector}: {texts:?}");
        texts.remove(0)
    }

    /// The texts of all elements, as they are shown.
    #[track_caller]
    pub fn texts(&self, selector: &str) -> Vec<String> {
        let function = "selector => [...document.querySelectorAll(selector)].map(one => one.innerText ?? one.textContent)";
        texts_of(&self.call(function, &[selector]))
    }

    /// An attribute of every element; empty where one lacks it.
    #[track_caller]
    pub fn attributes(&self, selector: &str, name: &str) -> Vec<String> {
        let function = "(selector, name) => [...document.querySelectorAll(selector)].map(one => one.getAttribute(name) ?? '')";
        texts_of(&self.call(function, &[selector, name]))
    }

    /// A property of the first element's computed style.
    #[track_caller]
    pub fn style(&self, selector: &str, property: &str) -> String {
        let function = "(selector, property) => getComputedStyle(document.querySelector(selector)).getPropertyValue(property)";
        text_of(&self.call(function, &[selector, property]))
    }

    /// How many of the elements can be seen: they have a place, and nothing hides them.
    #[track_caller]
    pub fn count_visible(&self, selector: &str) -> usize {
        let function = "selector => [...document.querySelectorAll(selector)].filter(one => one.checkVisibility(\
            { visibilityProperty: true, opacityProperty: true, contentVisibilityAuto: false }) \
            && one.getClientRects().length > 0).length";
        usize::try_from(self.call(function, &[selector]).as_u64().unwrap()).unwrap()
    }

    /// What has the focus; `None` where nothing has.
    #[track_caller]
    pub fn focus(&self) -> Option<Focus> {
        let function = "() => {
            const one = document.activeElement;
            if (!one || one === document.body) return null;
            const name = one.id ? `#${one.id}` : one.className ? `.${one.className}` : '';
            const style = getComputedStyle(one), place = one.getBoundingClientRect();
            const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
            const within = place.right > 0 && place.bottom > 0 && place.left < innerWidth && place.top < innerHeight;
            const label = one.labels?.[0] ?? one;
            return [one.localName + name, label.innerText ?? '', String(outlined && within)];
        }";
        let found = self.call(function, &[]);
        if found.is_null() {
            return None;
        }
        let [element, text, is_shown]: [String; 3] = texts_of(&found).try_into().unwrap();
        Some(Focus { element, text, is_shown: is_shown == "true" })
    }
}

pub(super) fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

pub(super) fn texts_of(value: &Value) -> Vec<String> {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list")).iter().map(text_of).collect()
}
