//! Names, versions and dates of cells, which no line breaks at their hyphens.

use minijinja::HtmlEscape;
use minijinja::value::Value;

/// Most characters of a word that is kept in one line: a longer one, such as the name of a run, would leave a
/// telephone's screen no room for the columns beside it.
const MOST: usize = 24;

/// A template's filter: the text, escaped, with each word that has hyphens as an element of the class `whole`.
pub(crate) fn whole(text: &str) -> Value {
    let words = text.split(' ').map(|word| {
        let escaped = HtmlEscape(word);
        if word.contains('-') && word.chars().count() <= MOST {
            format!("<span class=\"whole\">{escaped}</span>")
        } else {
            escaped.to_string()
        }
    });
    Value::from_safe_string(words.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod unit_tests {
    use super::whole;

    #[test]
    fn words_with_hyphens_are_kept_whole_and_all_text_is_escaped() {
        assert_eq!(
            whole("minimal-c <b> 2026-11-29").to_string(),
            "<span class=\"whole\">minimal-c</span> &lt;b&gt; <span class=\"whole\">2026-11-29</span>"
        );
        assert_eq!(whole("<-\">").to_string(), "<span class=\"whole\">&lt;-&quot;&gt;</span>");
    }

    #[test]
    fn a_word_that_no_telephone_shows_in_one_line_may_go_on() {
        let long = "20260131T130500Z-all-of-them";
        assert_eq!(whole(long).to_string(), long);
    }
}
