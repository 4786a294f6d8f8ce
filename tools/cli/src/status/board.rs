//! One picture in the place of the last one, on a terminal.

use std::fmt::Write as _;
use std::time::Duration;

use bowline_kernel::{Clock as _, SystemClock};
use console::Term;

use crate::output::put;

/// Back to the first place of the screen.
const HOME: &str = "\x1b[H";
/// Clears to the end of the line.
const REST_OF_LINE: &str = "\x1b[K";
/// Clears to the end of the screen.
const REST_OF_SCREEN: &str = "\x1b[J";

/// Where pictures are shown.
pub(super) struct Board {
    terminal: Term,
    is_first: bool,
}

impl Board {
    pub(super) fn new(terminal: Term) -> Self {
        Self { terminal, is_first: true }
    }

    /// Shows a picture: in the place of the one before if this is a terminal, below it if not.
    pub(super) fn show(&mut self, picture: &str, interval: Duration) -> anyhow::Result<()> {
        let is_first = std::mem::replace(&mut self.is_first, false);
        let time = SystemClock.now().format("%H:%M:%S");
        if !self.terminal.features().is_attended() {
            let gap = if is_first { "" } else { "\n" };
            return put(&format!("{gap}{time} UTC\n{picture}"));
        }
        if is_first {
            // What stands on the screen now can be scrolled back to.
            put(&"\n".repeat(usize::from(self.terminal.size().0)))?;
        }
        let every = humantime::format_duration(interval);
        let note = format!("{time} UTC, looking every {every}; Ctrl-C ends this");
        let (height, width) = self.terminal.size();
        put(&drawn(picture, &note, usize::from(height), usize::from(width)))
    }

    /// Leaves the last picture where it is.
    pub(super) fn leave(&self) -> anyhow::Result<()> {
        if self.terminal.features().is_attended() && !self.is_first { put("\n") } else { Ok(()) }
    }
}

/// A picture on a screen of that size, what goes beyond it left out, and a note below it.
fn drawn(picture: &str, note: &str, height: usize, width: usize) -> String {
    let mut screen = HOME.to_owned();
    let room = height.saturating_sub(1);
    let lines: Vec<&str> = picture.lines().collect();
    let cut = lines.len() > room;
    let shown = if cut { room.saturating_sub(1) } else { lines.len() };
    for line in &lines[..shown] {
        let line = console::truncate_str(line, width, "…");
        let _always_taken = writeln!(screen, "{line}{REST_OF_LINE}");
    }
    if cut {
        let more = lines.len() - shown;
        let _always_taken = writeln!(screen, "… {more} more lines{REST_OF_LINE}");
    }
    screen + note + REST_OF_LINE + REST_OF_SCREEN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_stays_within_its_screen() {
        let text = |picture: &str, height| {
            let drawn = drawn(picture, "note", height, 8);
            drawn.replace(HOME, "").replace(REST_OF_LINE, "").replace(REST_OF_SCREEN, "")
        };
        assert_eq!(text("a\nb\n", 3), "a\nb\nnote");
        assert_eq!(text("a\nb\nc\nd\n", 4), "a\nb\n… 2 more lines\nnote");
        assert_eq!(text("a long line\n", 3), "a long …\nnote");
        assert_eq!(text("a\nb\n", 1).lines().last(), Some("note"));
    }
}
