use super::*;

struct Bench {
    folder: tempfile::TempDir,
    supervisor: Supervisor,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let table = Arc::new(ProcessTable::create(folder.path()).expect("created"));
        Self { folder, supervisor: Supervisor::new(table) }
    }

    fn shell(&self, name: &str, script: &str) -> ProcessSpec {
        let mut spec = ProcessSpec::new(name, "/bin/sh", self.folder.path().join(format!("{name}.log")));
        spec.args = vec!["-c".into(), script.into()];
        spec.backoff_min = Duration::from_millis(1);
        spec
    }

    async fn status(&self, name: &str, wanted: impl FnMut(&crate::process::Status) -> bool) {
        let process = self.supervisor.process(name).expect("it was started");
        process.status().wait_for(wanted).await.expect("the process is held");
    }
}

fn table(folder: &Path) -> String {
    let table = std::fs::read_to_string(folder.join("processes")).expect("the table exists");
    table.split_once('\n').expect("its first line is its id").1.to_owned()
}

#[tokio::test]
async fn a_killed_service_is_started_again_and_counted() {
    let bench = Bench::new();
    let first = bench.supervisor.start(bench.shell("s", "exec sleep 600")).await.expect("started");
    assert!(table(bench.folder.path()).starts_with(&format!("s {first} ")));

    assert_eq!(bench.supervisor.kill("s").await.expect("known"), Some(first));

    bench.status("s", |now| now.pid.is_some_and(|pid| pid != first)).await;
    assert_eq!(bench.supervisor.restarts(), BTreeMap::from([("s".to_owned(), 1)]));
    let second = bench.supervisor.running()[0].pid;
    assert!(table(bench.folder.path()).starts_with(&format!("s {second} ")), "the table follows");

    assert_eq!(bench.supervisor.stop_all().await, [("s".to_owned(), Ending::Clean)]);
    assert_eq!(table(bench.folder.path()), "");
    assert_eq!(bench.supervisor.running(), []);
    assert_eq!(bench.supervisor.restarts()["s"], 1, "stopping is not dying");
}

#[tokio::test]
async fn a_service_may_finish_its_work_when_told_to_stop() {
    let bench = Bench::new();
    let script = "trap 'echo drained; exit 0' TERM; echo up; while :; do sleep 0.01; done";
    bench.supervisor.start(bench.shell("s", script)).await.expect("started");
    let log = bench.folder.path().join("s.log");
    while !std::fs::read_to_string(&log).expect("the log exists").contains("up") {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.supervisor.stop("s").await.expect("known"), Ending::Clean);
    assert!(std::fs::read_to_string(&log).expect("the log exists").ends_with("drained\n"));

    let again = bench.supervisor.start_again("s").await.expect("it may come back");
    assert_eq!(bench.supervisor.running(), [Running { name: "s".into(), pid: again }]);
    bench.supervisor.stop_all().await;
}

#[tokio::test]
async fn a_paused_service_hangs_until_it_goes_on_and_can_be_stopped() {
    let bench = Bench::new();
    let script = "trap 'echo told; exit 0' TERM; while :; do sleep 0.01; done";
    let pid = bench.supervisor.start(bench.shell("s", script)).await.expect("started");
    let paused = || {
        let mut ps = std::process::Command::new("ps");
        let out = ps.args(["-o", "stat=", "-p", &pid.to_string()]).output().expect("ps is everywhere");
        String::from_utf8_lossy(&out.stdout).trim_start().starts_with('T')
    };
    let until = async |wanted| {
        while paused() != wanted {
            tokio::task::yield_now().await;
        }
    };
    assert_eq!(bench.supervisor.pause("s").expect("known"), Some(pid));
    until(true).await;
    assert_eq!(bench.supervisor.go_on("s").expect("known"), Some(pid));
    until(false).await;
    bench.supervisor.pause("s").expect("known");
    until(true).await;
    assert_eq!(
        bench.supervisor.stop("s").await.expect("known"),
        Ending::Clean,
        "it was let go on to hear it"
    );

    bench.supervisor.start_again("s").await.expect("it may come back");
    bench.supervisor.kill_for_good("s").await.expect("known");
    assert_eq!(bench.supervisor.pid("s").expect("known"), None);
    assert_eq!(bench.supervisor.restarts()["s"], 0, "nobody started it again");
}

#[tokio::test]
async fn a_service_that_does_not_stop_is_killed() {
    let bench = Bench::new();
    let mut spec = bench.shell("s", "trap '' TERM; echo up; while :; do sleep 0.01; done");
    spec.stop_grace = Duration::from_millis(50);
    bench.supervisor.start(spec).await.expect("started");
    let log = bench.folder.path().join("s.log");
    while !std::fs::read_to_string(&log).expect("the log exists").contains("up") {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.supervisor.stop("s").await.expect("known"), Ending::Killed);
}

#[tokio::test]
async fn a_service_that_keeps_dying_is_given_up_with_its_log() {
    let bench = Bench::new();
    bench.supervisor.start(bench.shell("s", "echo no configuration; exit 3")).await.expect("started");
    let error = bench
        .supervisor
        .wait_ready("s", "http://127.0.0.1:9/readyz", Duration::from_mins(10))
        .await
        .expect_err("it never gets ready");
    assert!(error.to_string().contains("exit status: 3"), "{error}");
    assert!(error.to_string().contains("no configuration"), "{error}");
    bench.supervisor.stop_all().await;
}

#[tokio::test]
async fn readiness_is_the_answer_200() {
    let bench = Bench::new();
    bench.supervisor.start(bench.shell("s", "exec sleep 600")).await.expect("started");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/readyz", listener.local_addr().expect("bound"));
    let answers = async {
        for line in ["503 Service Unavailable", "200 OK"] {
            let (mut stream, _) = listener.accept().await.expect("a request");
            let answer = format!("HTTP/1.1 {line}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let mut request = [0; 1024];
            let _read = tokio::io::AsyncReadExt::read(&mut stream, &mut request).await.expect("a request");
            tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes()).await.expect("sent");
        }
    };
    let (ready, ()) = tokio::join!(bench.supervisor.wait_ready("s", &url, Duration::from_mins(10)), answers);
    ready.expect("the second answer is 200");
    bench.supervisor.stop_all().await;
}

#[tokio::test]
async fn a_missing_program_is_named() {
    let bench = Bench::new();
    let spec = ProcessSpec::new("s", "/nowhere/bowline-orders", bench.folder.path().join("s.log"));
    let error = bench.supervisor.start(spec).await.expect_err("no such program");
    assert_eq!(
        error.to_string(),
        "/nowhere/bowline-orders cannot be started: check that the file exists and may be executed"
    );
}

#[tokio::test]
async fn services_end_with_their_supervisor() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let supervisor = Supervisor::guarded(folder.path()).await.expect("an empty folder");
    // It restarts what dies, but not what the guardian has stopped.
    supervisor.start(bench.shell("s", "exec sleep 600")).await.expect("started");
    let mut status = supervisor.process("s").expect("it was started").status();

    drop(supervisor);

    status.wait_for(|now| now.settled && now.pid.is_none()).await.expect("its watcher tells");
    assert_eq!(status.borrow().restarts, 0);
}
