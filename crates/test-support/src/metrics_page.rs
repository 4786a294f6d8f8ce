//! Whether the page of metrics says what is exported.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Of each metric, by its name: its type, and what it says.
pub type Described = BTreeMap<String, (String, String)>;

/// What a text in Prometheus's format holds.
pub fn exported(text: &str) -> Described {
    let line = |line: &str, what: &str| {
        let (name, said) = line.strip_prefix(what)?.split_once(' ')?;
        Some((name.to_owned(), said.trim_end_matches('.').to_owned()))
    };
    let types: BTreeMap<_, _> = text.lines().filter_map(|found| line(found, "# TYPE ")).collect();
    let helps = text.lines().filter_map(|found| line(found, "# HELP "));
    helps.map(|(name, help)| (name.clone(), (types[&name].clone(), help))).collect()
}

/// What a section of `docs/metrics.md` lists, by the line of its heading.
pub fn documented(heading: &str) -> Described {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    let page = fs::read_to_string(page).expect("the page is there");
    let rows =
        page.lines().skip_while(|line| *line != heading).skip(1).take_while(|line| !line.starts_with("## "));
    let rows = rows.filter_map(|row| row.strip_prefix("| `")?.split_once("` | "));
    rows.map(|(name, rest)| {
        let mut columns = rest.split(" | ");
        let (kind, says) = (columns.next(), columns.nth(1));
        let text = |column: Option<&str>| column.unwrap_or_default().to_owned();
        (name.to_owned(), (text(kind), text(says)))
    })
    .collect()
}
