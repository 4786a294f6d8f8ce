//! Tells Cargo that a new migration file changes this crate.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
