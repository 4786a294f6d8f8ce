//! The documents: every call of the command-line tool that they show can be given.

use std::path::Path;
use std::process::Command;

use bowline_architecture::{pages, root, text};
use clap::error::ErrorKind;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// The code on a page.
#[derive(Default)]
struct Code {
    /// In the running text.
    mentions: Vec<String>,
    /// Lines of blocks, those that go on on the next line joined.
    lines: Vec<String>,
}

impl Code {
    fn read(markdown: &str) -> Self {
        let (mut code, mut block) = (Self::default(), None::<String>);
        for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) => block = Some(String::new()),
                Event::End(TagEnd::CodeBlock) => {
                    let whole = block.take().unwrap_or_default().replace("\\\n", " ");
                    code.lines.extend(whole.lines().map(str::to_owned));
                }
                Event::Code(mention) => code.mentions.push(mention.into_string()),
                Event::Text(words) => {
                    block.as_mut().into_iter().for_each(|block| block.push_str(&words));
                }
                _ => {}
            }
        }
        code
    }
}

/// What the launcher does by itself.
const LAUNCHERS: [&str; 2] = ["install", "test"];

/// The calls of the command-line tool in a line of a shell, without what the shell and the launcher take for themselves.
fn calls(line: &str) -> Result<Vec<Vec<String>>, String> {
    if !line.contains("bowline ") {
        return Ok(Vec::new());
    }
    // A text that is no command need not be one for a shell.
    let Some(words) = shlex::split(line.trim_start_matches("$ ")) else {
        return if line.contains("./bowline ") {
            Err("its quotes do not match".to_owned())
        } else {
            Ok(Vec::new())
        };
    };
    let commands = words.split(|word| ["&&", "||", ";", "|", "&"].contains(&word.as_str()));
    let called = commands.filter_map(|command| {
        let mut words = command.iter().skip_while(|word| word.contains('=')).map(String::as_str);
        words.next().filter(|program| *program == "bowline" || program.ends_with("/bowline"))?;
        let words = words.filter(|word| *word != "--no-install").take_while(|word| !word.starts_with('>'));
        Some(words.filter(|word| *word != "…" && *word != "...").map(str::to_owned).collect())
    });
    Ok(called.collect())
}

/// What is wrong with a call. In the running text it need not be complete.
fn misused(words: &[String], complete: bool) -> Option<String> {
    let stands_for_another = |word: &String| {
        let shouted = word.bytes().any(|byte| byte.is_ascii_uppercase());
        word.contains('…') || word.starts_with('<') || shouted && *word == word.to_uppercase()
    };
    let command = words.first()?;
    if LAUNCHERS.contains(&command.as_str()) || stands_for_another(command) {
        return None;
    }
    let line = std::iter::once("bowline").chain(words.iter().map(String::as_str));
    let fault = bowline_cli::command().try_get_matches_from(line).err()?;
    let fine = match fault.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => true,
        ErrorKind::MissingSubcommand
        | ErrorKind::MissingRequiredArgument
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => !complete,
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => words.iter().any(stands_for_another),
        _ => false,
    };
    (!fine).then(|| fault.to_string())
}

#[test]
fn every_command_can_be_given() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for path in pages() {
        let page = Code::read(&text(&path));
        let shown = page.lines.iter().map(|line| (line, true));
        for (line, complete) in shown.chain(page.mentions.iter().map(|code| (code, false))) {
            let mut say = |fault| wrong.push(format!("{}: {line}: {fault}", path.display()));
            match calls(line) {
                Ok(calls) => {
                    seen += calls.len();
                    calls.iter().filter_map(|words| misused(words, complete)).for_each(say);
                }
                Err(fault) => say(fault),
            }
        }
    }
    assert!(seen > 30, "only {seen} commands are found");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_command_that_cannot_be_given_is_found() {
    let fault = |line: &str, complete| -> Option<String> {
        calls(line).unwrap().iter().find_map(|words| misused(words, complete))
    };
    for fine in [
        "./bowline demo --orders 100   # a few",
        "RUST_LOG=info ./bowline --no-install demo --report report.json > out.txt",
        "cd bowline && ./bowline test -p bowline-kernel",
        "bowline prove --help",
        "bowline demo --orders COUNT",
        "bowline COMMAND --help",
    ] {
        assert_eq!(fault(fine, true), None, "{fine}");
    }
    for wrong in [
        "bowline demo --order 100",
        "./bowline fly",
        "a && bowline demo --orders many",
        "bowline dead-letters",
    ] {
        assert!(fault(wrong, true).is_some(), "{wrong}");
    }
    assert_eq!(fault("bowline dead-letters", false), None);
    assert!(calls("./bowline demo --report \"a").is_err());
}

/// The commands in the usage of the launcher: the first word of the lines that are set in by two blanks.
fn launched(usage: &str) -> Vec<&str> {
    let usage =
        usage.split("usage() {").nth(1).and_then(|rest| rest.split("\nEOF").next()).unwrap_or_default();
    let lines = usage.lines().filter_map(|line| line.strip_prefix("  "));
    let named = lines.filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()));
    named.filter_map(|line| line.split_whitespace().next()).collect()
}

#[test]
fn the_launcher_names_every_command() {
    let launcher = text("bowline");
    let mut named = launched(&launcher);
    named.retain(|name| !LAUNCHERS.contains(name) && *name != "cat");
    named.sort_unstable();
    let command = bowline_cli::command();
    let mut known: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    known.sort_unstable();
    assert_eq!(named, known);
}

/// A machine without anything: what the launcher itself needs lies in `folder`.
fn bare_machine(folder: &Path) -> Command {
    for program in ["dirname", "head", "id", "sed", "sh", "tr"] {
        let found = ["/usr/bin", "/bin"].iter().map(|folder| Path::new(folder).join(program));
        let found = found.into_iter().find(|path| path.exists()).expect("every system has it");
        std::os::unix::fs::symlink(found, folder.join(program)).expect("our folder");
    }
    let mut command = Command::new(folder.join("sh"));
    command.arg(root().join("bowline")).env_clear().env("PATH", folder).env("HOME", folder);
    command
}

#[test]
fn without_rust_and_compiler_the_launcher_itself_says_what_is_missing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = bare_machine(folder.path());
    let output = command.arg("doctor").output().expect("a shell runs");
    let told = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(1), "{told}");
    for line in
        ["  fail  Rust          is missing\n", "  fail  C compiler    is missing\n", "sh.rustup.rs | sh\n"]
    {
        assert!(told.contains(line), "{line}: {told}");
    }
    let output = command.args(["--output", "json"]).output().expect("a shell runs");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(
        (&told["findings"][0]["check"], &told["findings"][0]["status"]),
        (&"Rust".into(), &"fail".into())
    );
    assert!(told["failures"].as_u64() >= Some(3), "{told}");
}
