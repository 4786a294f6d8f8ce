//! Stacks as people run them: in the background, beside one another, interrupted on the way, and ended.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use bowline_dev_stack::ports::Ports;
use bowline_dev_stack::process_table::living;
use bowline_dev_stack::{Owner, StackDescription};
use bowline_test_support::{binary, eventually};
use serde_json::Value;

use crate::bench::{PATIENCE, open_folder, programs};

/// Somebody with the command-line tool and a folder for a stack.
struct Desk {
    folder: PathBuf,
}

/// What came of a command: its status, what it printed, and what it said beside that.
#[derive(Debug)]
struct Ran {
    status: Option<i32>,
    printed: String,
    said: String,
}

impl Desk {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("bowline"));
        command.args(arguments).arg("--data-dir").arg(&self.folder).stdin(Stdio::null());
        command.env_remove("BOWLINE_POSTGRES_URL").env_remove("BOWLINE_KAFKA");
        command
    }

    fn runs(&self, arguments: &[&str]) -> Ran {
        let output = tokio::task::block_in_place(|| self.command(arguments).output()).expect("the tool runs");
        Ran {
            status: output.status.code(),
            printed: String::from_utf8(output.stdout).expect("people read it"),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// What a command that must succeed prints.
    fn does(&self, arguments: &[&str]) -> String {
        let ran = self.runs(arguments);
        assert_eq!(ran.status, Some(0), "{arguments:?}: {ran:?}");
        ran.printed
    }

    fn starts(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the tool runs")
    }

    fn state(&self) -> PathBuf {
        self.folder.join("up")
    }

    fn pid(&self, name: &str) -> Option<u32> {
        let processes = living(&self.state()).expect("the table can be read");
        processes.into_iter().find(|process| process.name == name).map(|process| process.pid)
    }

    async fn owner(&self) -> Option<u32> {
        Owner::of(&self.state()).await.expect("the lock can be read").map(|owner| owner.pid())
    }

    /// Nothing runs, and nobody is in the way of the next start.
    async fn assert_at_rest(&self) {
        assert_eq!(living(&self.state()).expect("the table can be read"), []);
        assert_eq!(self.owner().await, None);
    }
}

/// A stack that is left in the background when a test fails would stay there.
impl Drop for Desk {
    fn drop(&mut self) {
        let _ended = self.command(&["down"]).output();
    }
}

fn kill(signal: &str, pid: u32) {
    let sent = Command::new("kill").args([signal, &pid.to_string()]).status();
    assert!(sent.expect("there is a kill").success());
}

/// The first of so many free ports, in a range that other tests and outgoing connections do not take.
fn free_run(count: u16) -> u16 {
    let free = |base: &u16| Ports::new(Some(*base)).check_run(count).is_ok();
    (30_100..32_000).step_by(usize::from(count)).find(free).expect("there is room")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stacks_run_in_the_background_beside_each_other_until_each_is_ended() {
    let (_programs, _alone) = programs().await;
    let folder = open_folder();
    let first = Desk { folder: folder.path().join("first") };
    let second = Desk { folder: folder.path().join("second") };

    let up = first.does(&["up", "--detach", "--empty", "--replicas", "2"]);
    let owner = first.owner().await.expect("it goes on in the background");
    let hint = format!("`bowline down --data-dir {}`", first.folder.display());
    assert!(up.contains("orders-2 ") && up.contains("projection-2 ") && up.contains(&hint), "{up}");
    let stack = StackDescription::load(&first.state()).expect("it runs");
    assert!(stack.addresses.contains_key("payment-2.grpc"), "{:?}", stack.addresses);
    let again = first.runs(&["up", "--detach", "--empty"]);
    assert_eq!(again.status, Some(1), "{again:?}");
    let refusal = format!("runs in {}, started by process {owner}: ", first.state().display());
    assert!(again.said.contains(&refusal) && again.said.contains(&hint), "{again:?}");
    assert!(!again.said.contains("starting PostgreSQL"), "{again:?}");

    second_beside(&second);
    an_order_is_placed(&first, folder.path());
    assert!(second.does(&["catalog", "show"]).contains("the catalogue is empty"), "they share nothing");
    all_is_well(&first);
    what_dies_comes_back(&first).await;

    let down = first.does(&["down"]);
    for name in ["postgres", "kafka", "payment-simulator", "orders", "orders-2", "projection-2"] {
        assert!(down.starts_with("stopped ") && down.contains(name), "{name}: {down}");
    }
    first.assert_at_rest().await;
    assert!(first.state().join("postgres").exists(), "data is kept");
    assert!(first.does(&["down"]).starts_with("no stack runs in "));

    assert!(second.does(&["catalog", "show"]).contains("the catalogue is empty"), "it goes on");
    let down = second.does(&["down", "--remove-data"]);
    assert!(down.contains(&format!("removed {}", second.state().join("postgres").display())), "{down}");
    assert!(!second.folder.exists(), "nothing else lay in it");
}

/// Starts a second stack on a run of ports; a third finds them taken.
fn second_beside(second: &Desk) {
    let base = free_run(12);
    let port_base = base.to_string();
    let up = second.does(&["up", "-d", "--empty", "--port-base", &port_base]);
    for port in [base, base + 1, base + 3, base + 11] {
        assert!(up.contains(&format!("127.0.0.1:{port}")), "{port}: {up}");
    }
    let third = Desk { folder: second.folder.with_file_name("third") };
    let refused = third.runs(&["up", "--detach", "--empty", "--port-base", &port_base]);
    assert_eq!(refused.status, Some(1), "{refused:?}");
    let expected = format!("error: port {base} for a stack, which needs {base} to {}, is taken: ", base + 11);
    assert!(refused.said.contains(&expected) && refused.said.contains("another --port-base"), "{refused:?}");
    let doctor = third.runs(&["doctor", "--port-base", &port_base]);
    assert!(doctor.status == Some(1) && doctor.printed.contains(&format!("port {base} for")), "{doctor:?}");
}

fn an_order_is_placed(desk: &Desk, folder: &Path) {
    let file = folder.join("products.csv");
    std::fs::write(&file, "sku,name,price,currency,stock\nMUG,A mug,4.95,GBP,100\n").expect("written");
    desk.does(&["catalog", "import", file.to_str().expect("text")]);
    let told = desk.does(&["order", "place", "--customer", "c-1", "MUG=1", "--watch", "--output", "json"]);
    let documents: Vec<Value> =
        serde_json::Deserializer::from_str(&told).into_iter().collect::<Result<_, _>>().expect("JSON");
    assert_eq!(documents.last().expect("it is told")["order"]["finished"], true, "{told}");
}

/// The doctor finds every process, database and topic in order.
fn all_is_well(desk: &Desk) {
    let told = desk.does(&["doctor", "--output", "json"]);
    let told: Value = serde_json::from_str(&told).expect("it is JSON");
    let findings = told["findings"].as_array().expect("a list");
    let of = |area: &str| -> Vec<(String, String)> {
        let those = findings.iter().filter(|finding| finding["area"] == area);
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        those.map(|finding| (text(&finding["check"]), text(&finding["status"]))).collect()
    };
    let processes = ["inventory", "orders", "payment", "projection"].into_iter();
    let services = of("services");
    let is_ok = |check: &str| services.contains(&(check.to_owned(), "ok".to_owned()));
    for name in processes.flat_map(|service| [service.to_owned(), format!("{service}-2")]) {
        assert!(is_ok(&name), "{name}: {services:?}");
    }
    assert!(is_ok("payment's provider"), "{services:?}");
    let well = |area: &str| of(area).iter().filter(|(_, status)| status == "ok").count();
    assert_eq!(well("PostgreSQL"), 4, "{findings:#?}");
    assert_eq!(well("Kafka"), 6, "{findings:#?}");
}

/// In the background as well.
async fn what_dies_comes_back(desk: &Desk) {
    let killed = desk.pid("orders-2").expect("it runs");
    kill("-KILL", killed);
    eventually("it is started again", PATIENCE, async || desk.pid("orders-2").filter(|pid| *pid != killed))
        .await;
    let log = std::fs::read_to_string(desk.state().join("logs/up.log")).expect("there is a log");
    assert!(log.contains("it died and is started again"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_interrupts_a_start_leaves_nothing_running() {
    let (_programs, _alone) = programs().await;
    let folder = open_folder();
    let desk = Desk { folder: folder.path().to_owned() };
    for arguments in [&["up", "--empty"][..], &["up", "--empty", "--detach"]] {
        let up = desk.starts(arguments);
        eventually("a server runs", PATIENCE, async || desk.pid("postgres")).await;
        kill("-INT", up.id());
        let output = tokio::task::block_in_place(|| up.wait_with_output()).expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("stopping what was started") && said.contains("stopped on request"), "{said}");
        assert_eq!(output.stdout, b"");
        desk.assert_at_rest().await;
    }
    // One in the background whose caller dies without a word has nobody to be ready for.
    let mut caller = desk.starts(&["up", "--empty", "--detach"]);
    eventually("a server runs", PATIENCE, async || desk.pid("postgres")).await;
    caller.kill().expect("it is ours");
    caller.wait().expect("it is ours");
    eventually("it gives up", PATIENCE, async || desk.owner().await.is_none().then_some(())).await;
    eventually("nothing is left", PATIENCE, async || {
        living(&desk.state()).expect("the table can be read").is_empty().then_some(())
    })
    .await;
}

/// The process that would stop everything in its owner's place.
fn guardian_of(desk: &Desk) -> u32 {
    let processes =
        Command::new("ps").args(["-axww", "-o", "pid=,command="]).output().expect("there is a ps");
    let processes = String::from_utf8_lossy(&processes.stdout).into_owned();
    let table = desk.state().join("processes").display().to_string();
    let guards = |line: &&str| line.contains("bowline-guardian") && line.contains(&table);
    let guardian = processes.lines().find(guards).expect("it has one");
    guardian.split_whitespace().next().and_then(|pid| pid.parse().ok()).expect("a line begins with a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_run_left_behind_is_ended_and_its_data_removed() {
    let (_programs, _alone) = programs().await;
    let folder = open_folder();
    let desk = Desk { folder: folder.path().to_owned() };
    desk.does(&["up", "--detach", "--empty"]);
    let refused = bowline_dev_stack::remove_data(&desk.state()).expect_err("it runs").to_string();
    assert!(refused.contains("`bowline down`"), "{refused}");
    // Neither it nor its guardian can do anything any more.
    let owner = desk.owner().await.expect("it runs");
    kill("-KILL", guardian_of(&desk));
    kill("-KILL", owner);
    eventually("it is gone", PATIENCE, async || desk.owner().await.is_none().then_some(())).await;
    assert!(desk.pid("orders").is_some(), "nobody has stopped the services");
    let doctor = desk.does(&["doctor"]);
    assert!(
        doctor.contains("still running: ") && doctor.contains("stop them with `bowline down --data-dir "),
        "{doctor}"
    );

    let down = desk.does(&["down", "--remove-data"]);
    assert!(down.contains("stopped orders (pid ") && down.contains("stopped postgres (pid "), "{down}");
    assert!(!desk.state().exists());
}
