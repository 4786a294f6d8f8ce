//! The reasons and codes that `docs/errors.md` explains, and links to them.

use std::collections::BTreeMap;

/// By reason or code: the section of the page of errors that explains it, as an anchor.
#[derive(Debug, Default)]
pub(crate) struct Reasons(BTreeMap<String, String>);

impl Reasons {
    /// Reads the first cells of the page's tables, by section.
    pub(crate) fn of(page: &str) -> Self {
        let (mut reasons, mut section) = (BTreeMap::new(), String::new());
        for line in page.lines() {
            if let Some(heading) = line.strip_prefix("## ") {
                section = heading.to_lowercase().replace(' ', "-");
            }
            let first = line.strip_prefix("| ").and_then(|row| row.split(" |").next());
            if let Some(name) = first.filter(|name| is_shouted(name)) {
                reasons.entry(name.to_owned()).or_insert_with(|| section.clone());
            }
        }
        Self(reasons)
    }

    /// The text with each name that the page explains as a link, ready for a cell of a table.
    pub(crate) fn linked(&self, text: &str) -> String {
        let is_of_name = |letter: char| letter.is_ascii_uppercase() || letter == '_';
        let (mut linked, mut rest) = (String::new(), text);
        while let Some(start) = rest.find(is_of_name) {
            let (before, name) = rest.split_at(start);
            let (name, after) = name.split_at(name.find(|letter| !is_of_name(letter)).unwrap_or(name.len()));
            linked.push_str(before);
            match self.0.get(name) {
                Some(section) => linked.extend([format!("[{name}](errors.md#{section})")]),
                None => linked.push_str(name),
            }
            rest = after;
        }
        linked.push_str(rest);
        linked.replace('|', "\\|")
    }
}

/// Names of one word are too common in sentences, but for codes that stand in a table of them.
fn is_shouted(name: &str) -> bool {
    name.len() > 3 && name.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_')
}
