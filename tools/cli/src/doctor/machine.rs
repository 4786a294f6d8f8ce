//! What a stack needs of this machine.

use std::path::Path;
use std::process::{Command, Stdio};

use bowline_dev_stack::machine::{self, KafkaParts};
use bowline_dev_stack::ports::Ports;
use bowline_dev_stack::{Error, Folders, Owner, process_table};
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use super::args::DoctorArgs;
use super::finding::{Finding, Subject};
use crate::fleet::Places;

const AREA: &str = "this machine";
/// With less than this the log of PostgreSQL alone may fill the disk.
const DISK_WANTED: u64 = 8 << 30;
const DISK_NEEDED: u64 = 1 << 30;
/// PostgreSQL, Kafka and one process of each service, with what the system needs beside them.
const MEMORY_WANTED: u64 = 2 << 30;
const MEMORY_NEEDED: u64 = 1 << 30;
/// What every further process of each service adds, all four together.
const MEMORY_PER_REPLICA: u64 = 256 << 20;
/// Kafka opens files for every segment and a connection for every client.
const FILES_WANTED: u64 = 4096;
const FILES_NEEDED: u64 = 1024;
/// The servers that a stack of ours starts take one port and two.
const PORTS_OF_SERVERS: u16 = 3;

/// Looks at everything. Ports are not looked at while a stack runs: they are its own.
pub(super) async fn examine(args: &DoctorArgs, stack_runs: bool) -> anyhow::Result<Vec<Finding>> {
    let folders = args.stack.folders.of("up")?;
    let mut findings = programs(args, &folders);
    findings.extend([
        kept(&folders.state),
        disk(&folders.state),
        memory(args.replicas),
        files(),
        leftovers(&folders.state, &args.stack.folders.hint()).await?,
    ]);
    if let Some(base) = args.stack.port_base.filter(|_| !stack_runs) {
        findings.push(ports(base, args));
    }
    Ok(findings)
}

fn of(check: &str) -> Subject {
    Finding::of(AREA, check)
}

fn programs(args: &DoctorArgs, folders: &Folders) -> Vec<Finding> {
    let mut findings = vec![
        tool("Rust", &["cargo"], "get it from https://rustup.rs"),
        tool(
            "C compiler",
            &["cc", "gcc", "clang"],
            "install one (Debian: apt-get install gcc g++ libc6-dev)",
        ),
        tool("make", &["make"], "install it (Debian: apt-get install make)"),
    ];
    if args.stack.postgres_url.is_none() {
        let found = machine::postgres();
        findings.push(judged("PostgreSQL", found, |it| format!("{} at {}", it.version, it.place.display())));
    }
    if args.stack.kafka.is_none() {
        findings
            .push(judged("Java", machine::java(), |it| format!("{} at {}", it.version, it.place.display())));
        findings.push(judged("Kafka", machine::kafka_parts(&folders.cache), |parts| match parts {
            KafkaParts::Fetched(jars) => format!("in {}", jars.display()),
            KafkaParts::ToFetch(maven) => format!("Maven {} fetches it at the first start", maven.version),
        }));
    }
    findings
}

/// A program that only building needs: this one is built already.
fn tool(check: &str, names: &[&str], mend: &str) -> Finding {
    let answers = |name: &&&str| {
        let command = Command::new(name).arg("--version").stdin(Stdio::null()).output();
        command.is_ok_and(|out| out.status.success())
    };
    match names.iter().find(answers) {
        Some(name) => of(check).ok(format!("{name} is there")),
        None => of(check).warn("it is missing; ./bowline cannot build the programs".to_owned(), mend),
    }
}

fn judged<T>(check: &str, found: Result<T, Error>, tell: impl FnOnce(T) -> String) -> Finding {
    match found {
        Ok(found) => of(check).ok(tell(found)),
        Err(error) => of(check).broken(&error),
    }
}

/// The folder for the data, and the data that is there.
fn kept(folder: &Path) -> Finding {
    let usable = machine::check_folder(folder).and_then(|()| match machine::check_kept_data(folder) {
        // That is said of PostgreSQL itself.
        Err(Error::PostgresMissing | Error::PostgresTooOld { .. }) => Ok(()),
        judged => judged,
    });
    match usable {
        Ok(()) => of("data folder").ok(format!("{} can be used", folder.display())),
        Err(error @ Error::File { .. }) => {
            let says = bowline_kernel::error_text(&error);
            of("data folder").fail(says, "give another folder with --data-dir, or change its mode")
        }
        Err(error) => of("data folder").broken(&error),
    }
}

fn disk(folder: &Path) -> Finding {
    let mend = "make room, or give a folder on another disk with --data-dir";
    match machine::free_bytes(folder) {
        Ok(free) => judge_amount(of("disk"), free, [DISK_NEEDED, DISK_WANTED], "free for the data", mend),
        Err(error) => of("disk").broken(&error),
    }
}

fn memory(replicas: u8) -> Finding {
    let what = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let Ok(system) = System::new_with_specifics(what) else {
        return of("memory").ok("this system does not tell".to_owned());
    };
    // In a container its limit counts too. How much of that is free it does not tell: files that are kept at hand count as used.
    let limit = system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory);
    let available = system.available_memory().min(limit);
    let further = u64::from(replicas.saturating_sub(1)) * MEMORY_PER_REPLICA;
    let limits = [MEMORY_NEEDED + further, MEMORY_WANTED + further];
    judge_amount(of("memory"), available, limits, "available", "close programs, or take a larger machine")
}

/// Fails below the first limit and warns below the second.
fn judge_amount(subject: Subject, have: u64, [needed, wanted]: [u64; 2], what: &str, mend: &str) -> Finding {
    let gib = |bytes: u64| format!("{}.{} GiB", bytes >> 30, ((bytes % (1 << 30)) * 10) >> 30);
    if have >= wanted {
        return subject.ok(format!("{} {what}", gib(have)));
    }
    let says = format!("{} {what}, a stack wants {}", gib(have), gib(wanted));
    if have < needed { subject.fail(says, mend) } else { subject.warn(says, mend) }
}

fn files() -> Finding {
    let subject = of("open files");
    let mend = format!("raise the limit in this shell: ulimit -n {FILES_WANTED}");
    match machine::open_files_max() {
        Some(max) if max < FILES_NEEDED => subject.fail(format!("at most {max} at a time"), mend),
        Some(max) if max < FILES_WANTED => subject.warn(format!("at most {max} at a time"), mend),
        Some(max) => subject.ok(format!("{max} at a time")),
        None => subject.ok("no limit".to_owned()),
    }
}

/// Processes whose owner is gone.
async fn leftovers(folder: &Path, here: &str) -> anyhow::Result<Finding> {
    let subject = of("earlier runs");
    if Owner::of(folder).await?.is_some() {
        return Ok(subject.ok("what runs has its owner".to_owned()));
    }
    let left = process_table::living(folder)?;
    if left.is_empty() {
        return Ok(subject.ok("nothing is left of them".to_owned()));
    }
    let names: Vec<String> =
        left.iter().map(|process| format!("{} (pid {})", process.name, process.pid)).collect();
    Ok(subject
        .warn(format!("still running: {}", names.join(", ")), format!("stop them with `bowline down{here}`")))
}

fn ports(base: u16, args: &DoctorArgs) -> Finding {
    let of_servers = PORTS_OF_SERVERS
        - u16::from(args.stack.postgres_url.is_some())
        - 2 * u16::from(args.stack.kafka.is_some());
    let count = of_servers + Places::ports(args.replicas);
    match Ports::new(Some(base)).check_run(count) {
        Ok(()) => of("ports").ok(format!("{base} to {} are free", base.saturating_add(count - 1))),
        Err(error) => of("ports").broken(&error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Status;

    #[test]
    fn amounts_are_enough_or_scarce_or_too_small() {
        let judged = |have| judge_amount(of("disk"), have, [1 << 30, 2 << 30], "free", "make room");
        let statuses = [2 << 30, (3 << 30) / 2, 1 << 20].map(|have| judged(have).status);
        assert_eq!(statuses, [Status::Ok, Status::Warn, Status::Fail]);
        assert_eq!(judged((3 << 30) / 2).says, "1.5 GiB free, a stack wants 2.0 GiB");
    }

    #[test]
    fn a_tool_that_is_missing_is_a_warning_with_its_mend() {
        let finding = tool("C compiler", &["no-such-compiler"], "install one");
        assert_eq!((finding.status, finding.mend.as_deref()), (Status::Warn, Some("install one")));
    }
}
