//! The turns of [`Executor::run`], one at a time, for whoever decides himself when they come.

use super::{Executor, Handler};
use crate::consumer::Record;

impl<H: Handler> Executor<H> {
    /// The leases have changed.
    pub(crate) async fn turn_to_leases(&mut self) {
        self.follow_leases().await;
    }

    /// Something was read.
    pub(crate) fn hear(&mut self, record: Record) {
        self.take(vec![record]);
    }

    /// Executes what is due; false when nothing is.
    pub(crate) async fn turn(&mut self) -> bool {
        self.gather();
        let due = self.is_due();
        if due {
            self.execute_gathered().await;
        }
        due
    }

    /// Keeps house until there is no question left to ask of a source, and no answer to hear.
    pub(crate) async fn keep_house_to_the_end(&mut self) {
        self.keep_house().await;
        while self.healer.is_asking() {
            while self.healer.is_asking() {
                let answer = self.healer.answered().await;
                self.take_answer(answer);
            }
            // Those that had to wait for the others.
            self.watch_ends();
            self.watch_gaps();
        }
    }

    /// How many messages and callers wait for a turn.
    pub(crate) fn waiting(&self) -> usize {
        self.pending.len() + self.calls.len() + self.parts.calls.len()
    }

    /// The lanes that have stopped, in words.
    pub(crate) fn stopped(&self) -> Vec<String> {
        self.tracker.stopped()
    }
}
