//! What people see beside the results: log lines, notes and progress on standard error.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::LazyLock;
use std::time::Duration;

use bowline_load::generator::{Progress, Snapshot};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing_subscriber::EnvFilter;

/// How often a bar is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(100);
/// How often a line is printed where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Everything on standard error goes through here, so that lines and a bar do not get mixed up.
static SCREEN: LazyLock<MultiProgress> =
    LazyLock::new(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));

/// Shows warnings of the parts, such as that of a service that died and is started again, unless `deaths_are_wanted`.
/// `RUST_LOG` shows more. Who looks on needs no times, `with_times` is for those who look later.
pub(crate) fn start_log(deaths_are_wanted: bool, with_times: bool) {
    let filter = EnvFilter::builder().with_default_directive(tracing::Level::WARN.into()).from_env_lossy();
    // A slow statement of ours is nobody's concern: the ledger reads whole tables.
    let mut filter = filter.add_directive("sqlx=error".parse().expect("a sound directive"));
    if deaths_are_wanted {
        filter = filter.add_directive("bowline_dev_stack=error".parse().expect("a sound directive"));
    }
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    let lines = lines.with_ansi(false).with_writer(|| Lines);
    if with_times {
        lines.init();
    } else {
        lines.without_time().init();
    }
}

/// Prints a note.
pub(crate) fn say(note: &str) {
    SCREEN.suspend(|| line(note));
}

/// Unlike `eprintln!`, it does not panic when nobody reads any more.
fn line(text: &str) {
    let _nobody_reads = writeln!(io::stderr().lock(), "{text}");
}

/// Shows how far a replay of `orders` orders is, for as long as it is polled: a bar on a terminal, else lines.
pub(crate) async fn show(progress: &Progress, orders: usize) {
    let orders = orders as u64;
    if !io::stderr().is_terminal() {
        loop {
            tokio::time::sleep(LINE_EVERY).await;
            let snapshot = progress.snapshot();
            line(&format!("{} of {orders} orders done: {}", snapshot.done(), details(snapshot)));
        }
    }
    let bar = bar(orders, "{wide_bar} {pos}/{len}  {per_sec}  {msg}");
    loop {
        let snapshot = progress.snapshot();
        bar.0.set_position(snapshot.done());
        bar.0.set_message(details(snapshot));
        tokio::time::sleep(DRAW_EVERY).await;
    }
}

/// Shows how far a run that ends about `length` from now is, for as long as it is polled, with what `now` says.
pub(crate) async fn show_time(progress: &Progress, length: Duration, now: impl Fn() -> String) {
    let begun = std::time::Instant::now();
    if !io::stderr().is_terminal() {
        loop {
            tokio::time::sleep(LINE_EVERY).await;
            let snapshot = progress.snapshot();
            let seconds = begun.elapsed().as_secs();
            line(&format!("{seconds} s: {}; {} orders done: {}", now(), snapshot.done(), details(snapshot)));
        }
    }
    let bar = bar(length.as_secs(), "{wide_bar} {elapsed}  {msg}");
    loop {
        let snapshot = progress.snapshot();
        bar.0.set_position(begun.elapsed().as_secs());
        bar.0.set_message(format!("{}; {} orders done: {}", now(), snapshot.done(), details(snapshot)));
        tokio::time::sleep(DRAW_EVERY).await;
    }
}

fn details(snapshot: Snapshot) -> String {
    let Snapshot { confirmed, cancelled, rejected, resent, .. } = snapshot;
    let in_flight = snapshot.sent.saturating_sub(snapshot.done());
    let mut text = format!("{confirmed} confirmed, {cancelled} cancelled, {in_flight} in flight");
    for (count, what) in [(rejected, "rejected"), (resent, "calls resent")] {
        if count > 0 {
            write!(text, ", {count} {what}").expect("a String takes all text");
        }
    }
    text
}

/// A bar that goes when it is no longer shown.
pub(crate) struct Bar(ProgressBar);

/// A bar with `length` steps, which shows on a terminal alone.
///
/// # Panics
/// If the template is none of indicatif's.
pub(crate) fn bar(length: u64, template: &str) -> Bar {
    let style = ProgressStyle::with_template(template).expect("the template is sound");
    Bar(SCREEN.add(ProgressBar::new(length).with_style(style)))
}

impl Bar {
    pub(crate) fn set_position(&self, position: u64) {
        self.0.set_position(position);
    }

    pub(crate) fn position(&self) -> u64 {
        self.0.position()
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
        SCREEN.remove(&self.0);
    }
}

/// Standard error, around a bar.
struct Lines;

impl io::Write for Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        SCREEN.suspend(|| io::stderr().write(text))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
