//! Imports go downward, domains are pure, files are short.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use bowline_architecture::{root, text};
use serde::Deserialize;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `None` for an ordinary dependency, else `dev` or `build`.
    kind: Option<String>,
}

/// From the ground up: a crate may import those of the groups before its own, and of its own group none.
const LAYERS: &[&[&str]] = &[
    &["bowline-kernel", "bowline-config", "bowline-fault-points", "bowline-metrics", "bowline-golden"],
    &["bowline-contracts", "bowline-database", "bowline-resilience", "bowline-traces", "bowline-dev-stack"],
    &["bowline-event-store", "bowline-messaging", "bowline-idempotency"],
    &["bowline-service"],
    &[
        "bowline-orders-domain",
        "bowline-inventory-domain",
        "bowline-payment-domain",
        "bowline-projection-domain",
    ],
    &[
        "bowline-orders",
        "bowline-inventory",
        "bowline-payment",
        "bowline-projection",
        "bowline-payment-simulator",
        "bowline-load",
        "bowline-test-support",
        "bowline-model",
        "bowline-own-service",
        "xtask",
    ],
    &["bowline-prove", "bowline-faults", "bowline-reference"],
    &["bowline-cli", "bowline-e2e", "bowline-simulation", "bowline-architecture"],
];

/// What a domain must not know: the world.
const IMPURE: &[&str] = &[
    "tokio",
    "sqlx",
    "tonic",
    "prost",
    "rand",
    "reqwest",
    "rdkafka",
    "bowline-contracts",
    "bowline-database",
    "bowline-event-store",
    "bowline-messaging",
    "bowline-idempotency",
    "bowline-service",
    "bowline-resilience",
    "bowline-config",
    "bowline-metrics",
    "bowline-traces",
];

/// The ordinary dependencies of every package of the workspace.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let cargo = env!("CARGO");
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Metadata = serde_json::from_slice(&output.stdout).expect("cargo metadata answers in JSON");
    metadata
        .packages
        .into_iter()
        .map(|package| {
            let ordinary = package.dependencies.into_iter().filter(|dependency| dependency.kind.is_none());
            (package.name, ordinary.map(|dependency| dependency.name).collect())
        })
        .collect()
}

fn layer_of(name: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&name))
}

#[test]
fn every_crate_has_its_layer() {
    let nowhere: Vec<String> = imports().into_keys().filter(|name| layer_of(name).is_none()).collect();
    assert!(nowhere.is_empty(), "add to LAYERS, and to ARCHITECTURE.md: {nowhere:?}");
}

#[test]
fn imports_go_downward_only() {
    let mut wrong = Vec::new();
    for (name, dependencies) in imports() {
        for dependency in dependencies {
            if layer_of(&dependency).is_some_and(|below| Some(below) >= layer_of(&name)) {
                wrong.push(format!("{name} must not import {dependency}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_messaging_links_kafka() {
    for (name, dependencies) in imports() {
        if name != "bowline-messaging" {
            assert!(!dependencies.contains("rdkafka"), "{name} must go through bowline-messaging");
        }
    }
}

#[test]
fn only_traces_knows_opentelemetry() {
    for (name, dependencies) in imports() {
        let opentelemetry = dependencies.iter().filter(|dependency| dependency.starts_with("opentelemetry"));
        let allowed: &[&str] = match name.as_str() {
            "bowline-traces" => continue,
            // What a collector of tests is sent.
            "bowline-test-support" => &["opentelemetry-proto"],
            _ => &[],
        };
        let wrong: Vec<_> =
            opentelemetry.filter(|dependency| !allowed.contains(&dependency.as_str())).collect();
        assert!(wrong.is_empty(), "{name} must go through bowline-traces: {wrong:?}");
    }
}

#[test]
fn domains_are_pure() {
    for (name, dependencies) in imports().into_iter().filter(|(name, _)| name.ends_with("-domain")) {
        for impure in IMPURE {
            assert!(!dependencies.contains(*impure), "{name} must not know {impure}");
        }
    }
}

/// Rust files that the project wrote, with their number of lines.
fn sources() -> Vec<(PathBuf, usize)> {
    let groups = ["crates", "services", "tools", "tests", "examples"].into_iter();
    let files = groups.flat_map(bowline_architecture::sources);
    let files: Vec<_> = files.map(|file| (file.clone(), text(&file).lines().count())).collect();
    assert!(files.len() > 100, "the sources are found");
    files
}

#[test]
fn files_are_short() {
    let long: Vec<_> = sources().into_iter().filter(|(_, lines)| *lines > 400).collect();
    assert!(long.is_empty(), "split them by what they are about: {long:#?}");
}

#[test]
fn a_main_is_a_table_of_contents() {
    for service in ["orders", "inventory", "payment", "projection"] {
        let main = format!("services/{service}/src/main.rs");
        let lines = text(&main).lines().count();
        assert!(lines <= 40, "{main} has {lines} lines");
    }
}

#[test]
fn the_example_of_a_service_is_short() {
    let folder = root().join("examples/own-service");
    let mut files = bowline_architecture::sources(folder.join("src"));
    files.extend(
        ["migrations/0001_points.sql", "proto/loyalty/v1/loyalty.proto"].map(|file| folder.join(file)),
    );
    let lines: usize = files.iter().map(|file| text(file).lines().count()).sum();
    assert!((100..300).contains(&lines), "examples/own-service has {lines} lines");
}

#[test]
fn no_module_is_called_anything_or_nothing() {
    for (path, _) in sources() {
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        assert!(!["utils", "util", "helpers", "manager", "misc"].contains(&name), "{}", path.display());
    }
}
