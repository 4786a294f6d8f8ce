//! Prints `docs/configuration.md`: every option of every service, from the definitions that the services read.
//!
//! `cargo xtask configuration` calls it and keeps the page. It is a program of its own because xtask must compile when the
//! services do not: when their statements have changed and their cache of checked queries is stale.

use clap::{Arg, Command, CommandFactory};

const OPENING: &str = "\
# Configuration

Every option of the four services. Each can be given as a flag or in the environment; the flag wins. Options are read once,
at the start, and all faults are named at once. Times have a unit (`250ms`, `20s`, `5m`), sizes may have one (`64KiB`,
`1MiB`). No default: the option may be left out, or its description says when it must be given. `--help` of a service says
the same.

This page is written by `cargo xtask configuration`; do not edit it.
";

/// An option as a row of the page.
#[derive(PartialEq)]
struct Row {
    heading: String,
    text: String,
}

#[expect(clippy::print_stdout, reason = "the page is what this program is for")]
fn main() {
    print!("{}", page());
}

fn page() -> String {
    let services = [
        ("Orders", rows(&bowline_orders::config::Options::command())),
        ("Inventory", rows(&bowline_inventory::config::Options::command())),
        ("Payment", rows(&bowline_payment::config::Options::command())),
        ("Projection", rows(&bowline_projection::config::Options::command())),
    ];
    let [(_, first), others @ ..] = &services;
    let common: Vec<&Row> =
        first.iter().filter(|row| others.iter().all(|(_, rows)| rows.contains(row))).collect();
    let mut page = OPENING.to_owned();
    section("Every service", &common, &mut page);
    for (name, rows) in &services {
        let own: Vec<&Row> = rows.iter().filter(|row| !common.contains(row)).collect();
        section(name, &own, &mut page);
    }
    page
}

/// The options of a service in the order of their help, without those that only ask for help.
fn rows(command: &Command) -> Vec<Row> {
    let asks = |argument: &&Arg| !["help", "version"].contains(&argument.get_id().as_str());
    command.get_arguments().filter(asks).map(row).collect()
}

fn row(argument: &Arg) -> Row {
    let flag = argument.get_long().map(|long| format!("`--{long}`"));
    let variable = argument.get_env().map(|name| format!("`{}`", name.to_string_lossy()));
    let defaults = argument.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy()));
    let default = defaults.reduce(|all, value| format!("{all}, {value}"));
    let help = argument.get_long_help().or(argument.get_help()).map(ToString::to_string).unwrap_or_default();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
    let cells = [flag, variable, default].map(|cell| cell.unwrap_or_else(|| "–".to_owned()));
    Row {
        heading: argument.get_help_heading().unwrap_or("Options").to_owned(),
        text: format!("| {} | {help} |\n", cells.join(" | ")),
    }
}

/// Adds the rows, a table for each heading, in the order in which the headings come first.
fn section(name: &str, rows: &[&Row], page: &mut String) {
    if rows.is_empty() {
        return;
    }
    page.extend(["\n## ", name, "\n"]);
    let mut headings: Vec<&str> = Vec::new();
    for row in rows {
        if !headings.contains(&row.heading.as_str()) {
            headings.push(&row.heading);
        }
    }
    for heading in headings {
        page.extend([
            "\n### ",
            heading,
            "\n\n| flag | environment | default | meaning |\n|---|---|---|---|\n",
        ]);
        page.extend(rows.iter().filter(|row| row.heading == heading).map(|row| row.text.as_str()));
    }
}
