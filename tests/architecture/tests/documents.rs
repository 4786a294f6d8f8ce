//! The documents: their links lead somewhere, and the flags that they mention are there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use bowline_architecture::{pages, program_of, root, sources, text};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// What of a page is held against something.
#[derive(Default)]
struct Page {
    anchors: BTreeSet<String>,
    links: Vec<String>,
    /// Code in the running text.
    mentions: Vec<String>,
}

impl Page {
    fn read(markdown: &str) -> Self {
        let mut page = Self::default();
        let mut heading = None::<String>;
        for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => page.anchor(&heading.take().unwrap_or_default()),
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(dest_url.into_string());
                }
                Event::Code(code) => {
                    heading.as_mut().into_iter().for_each(|heading| heading.push_str(&code));
                    page.mentions.push(code.into_string());
                }
                Event::Text(words) => {
                    heading.as_mut().into_iter().for_each(|heading| heading.push_str(&words));
                }
                _ => {}
            }
        }
        page
    }

    /// A heading has the anchor that GitHub gives it; the second of the same name has a number.
    fn anchor(&mut self, heading: &str) {
        let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
        let anchor = kept.collect::<String>().to_lowercase().replace(' ', "-");
        let numbered = (1..).map(|number| format!("{anchor}-{number}"));
        let free = [anchor.clone()].into_iter().chain(numbered).find(|name| !self.anchors.contains(name));
        self.anchors.extend(free);
    }
}

/// Every page by its path from the root.
fn all() -> BTreeMap<PathBuf, Page> {
    let all: BTreeMap<_, _> =
        pages().into_iter().map(|path| (path.clone(), Page::read(&text(path)))).collect();
    assert!(all.len() > 15, "only {} pages are found", all.len());
    all
}

/// The path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => assert!(plain.pop(), "{} leads out of the repository", path.display()),
            other => plain.push(other),
        }
    }
    plain
}

/// What is wrong with a link on the page at `path`.
fn broken(all: &BTreeMap<PathBuf, Page>, path: &Path, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let folder = path.parent().unwrap_or(Path::new(""));
    let target = if file.is_empty() { path.to_owned() } else { plain(&folder.join(file)) };
    if !root().join(&target).exists() {
        return Some(format!("{} is not there", target.display()));
    }
    let anchor = anchor?;
    match all.get(&target) {
        Some(page) if page.anchors.contains(anchor) => None,
        Some(_) => Some(format!("{} has no heading #{anchor}", target.display())),
        None => Some(format!("{} has no headings", target.display())),
    }
}

#[test]
fn every_link_leads_somewhere() {
    let all = all();
    let mut wrong = Vec::new();
    for (path, page) in &all {
        let broken = page.links.iter().filter_map(|link| broken(&all, path, link));
        wrong.extend(broken.map(|fault| format!("{}: {fault}", path.display())));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let page = "# One `two`, three\n\n# One two three\n\n[a](#one-two-three-1) [b](../b.md#x) [c](c.md)";
    let all: BTreeMap<_, _> = [(PathBuf::from("docs/errors.md"), Page::read(page))].into();
    let broken = |link| broken(&all, Path::new("docs/errors.md"), link);
    assert_eq!(broken("#one-two-three"), None);
    assert_eq!(broken("#one-two-three-1"), None);
    assert_eq!(broken("../README.md"), None);
    assert!(broken("#one-two").is_some_and(|fault| fault.contains("no heading")));
    assert!(broken("../nowhere.md").is_some_and(|fault| fault == "nowhere.md is not there"));
    assert_eq!(all[Path::new("docs/errors.md")].links.len(), 3);
}

/// The flags of our own programs: the fields of their options, and what is called otherwise.
fn flags() -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for source in ["crates", "services", "tools", "tests"].into_iter().flat_map(sources) {
        for option in program_of(&source).split("#[arg(").skip(1) {
            let Some((settings, field)) = option.split_once(")]") else { continue };
            let of_itself = settings.split(',').any(|setting| setting.trim() == "long");
            let declared = field.split_once(':').and_then(|(name, _)| name.split_whitespace().last());
            known.extend(declared.filter(|_| of_itself).map(|name| format!("--{}", name.replace('_', "-"))));
            let named = settings.split("long = \"").chain(settings.split("alias = \"")).skip(1);
            known.extend(named.filter_map(|name| Some(format!("--{}", name.split_once('"')?.0))));
        }
    }
    assert!(known.len() > 100, "only {} flags are found", known.len());
    known
}

/// Flags that other programs have: the launcher, and whatever explains itself.
const OTHERS: [&str; 2] = ["--help", "--no-install"];

/// Whether a flag is there. `--valve-…` stands for all that begin like this.
fn is_there(flag: &str, known: &BTreeSet<String>) -> bool {
    match flag.strip_suffix('…') {
        Some(beginning) => known.iter().any(|flag| flag.starts_with(beginning)),
        None => known.contains(flag) || OTHERS.contains(&flag),
    }
}

#[test]
fn every_flag_that_is_mentioned_is_there() {
    let (known, mut wrong) = (flags(), Vec::new());
    for (path, page) in all() {
        for code in page.mentions.iter().filter(|code| code.starts_with("--") && !code.starts_with("-- ")) {
            let flag = code.split([' ', '=']).next().unwrap_or_default();
            if !is_there(flag, &known) {
                wrong.push(format!("{}: nothing has the flag {flag}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_flag_that_is_not_there_is_found() {
    let known = flags();
    for there in ["--lane-sources", "--watch", "--provider-latency", "--kafka-brokers", "--valve-…"] {
        assert!(is_there(there, &known), "{there}");
    }
    for not_there in ["--lane-source", "--wash", "--valves-…"] {
        assert!(!is_there(not_there, &known), "{not_there}");
    }
}
