//! `docs/defects.md` as a page.

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

use crate::html::whole;

/// The HTML of a document of our own, without its title. Tables may be scrolled. Links into the repository's
/// other documents are words here: they lie elsewhere.
pub(super) fn html(markdown: &str) -> String {
    let mut heading = String::new();
    let (mut in_heading, mut in_title, mut is_kept) = (false, false, true);
    let mut events = Vec::new();
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { level: HeadingLevel::H1, .. }) => in_title = true,
            Event::End(TagEnd::Heading(HeadingLevel::H1)) => in_title = false,
            _ if in_title => {}
            Event::Start(Tag::Link { ref dest_url, .. }) => {
                is_kept = dest_url.starts_with("https://");
                events.extend(is_kept.then_some(event));
            }
            Event::End(TagEnd::Link) => events.extend(is_kept.then_some(event)),
            Event::Start(Tag::Table(_)) => {
                let label = escaped(&heading);
                let region = format!(
                    "<div class=\"scroll\" role=\"region\" aria-label=\"Table: {label}\" tabindex=\"0\">\n"
                );
                events.push(Event::Html(CowStr::from(region)));
                events.push(event);
            }
            Event::End(TagEnd::Table) => events.extend([event, Event::Html(CowStr::from("</div>\n"))]),
            Event::Start(Tag::Heading { .. }) => {
                (in_heading, heading) = (true, String::new());
                events.push(event);
            }
            Event::End(TagEnd::Heading(_)) => {
                in_heading = false;
                events.push(event);
            }
            // Markup in it is text.
            Event::Html(text) | Event::InlineHtml(text) => events.push(Event::Text(text)),
            Event::Text(ref text) | Event::Code(ref text) if in_heading => {
                heading.push_str(text);
                events.push(event);
            }
            Event::Code(text) => {
                events.push(Event::InlineHtml(CowStr::from(format!("<code>{}</code>", whole(&text)))));
            }
            other => events.push(other),
        }
    }
    let mut page = String::new();
    html::push_html(&mut page, events.into_iter());
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

#[cfg(test)]
mod unit_tests {
    use super::html;

    #[test]
    fn tables_scroll_and_links_lead_out_or_nowhere() {
        let page = html(
            "# Title\n\n## A & B\n\n[there](method.md#x) and [out](https://example.org/1) <b>x</b>\n\n| a | b |\n|---|---|\n| 1 | `--case <2>` |\n",
        );
        insta::assert_snapshot!(page);
    }
}
