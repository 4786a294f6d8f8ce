//! Histories of sources: asked for when a lane meets one that it does not know, followed when nothing was lost.

use bowline_contracts::topics::Topic;
use bowline_kernel::error_text;
use tokio::time::Instant;

use super::{Executor, Handler};
use crate::batch::Step;
use crate::healing::Question;
use crate::tracker::{History, InDoubt, Standstill};
use crate::{Error, LaneOptions};

/// How lanes have come through the failovers of their sources, since the start of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failovers {
    /// How often a lane has gone on by itself, because nothing was lost that it had applied.
    pub survived: u64,
    /// How often a lane has stopped, because its source had lost what it had applied.
    pub stopped: u64,
}

/// A lane that waits to be told.
pub(super) struct Doubted {
    since: Instant,
    alarmed: bool,
}

impl Doubted {
    /// True once, when it has lasted too long.
    fn is_alarming(&mut self, options: &LaneOptions) -> bool {
        let alarming = !self.alarmed && self.since.elapsed() >= options.gap_alarm_after;
        self.alarmed |= alarming;
        alarming
    }
}

/// What there is to say of lanes that are in doubt.
pub(super) struct Doubts {
    /// Those that are told soon, if all goes well.
    pub(super) waiting: Vec<String>,
    /// Those that somebody has to help.
    pub(super) stopped: Vec<String>,
}

impl<H: Handler> Executor<H> {
    /// Asks the sources of lanes that are in doubt for their histories, unless they are being asked already.
    pub(super) fn ask_histories(&mut self) {
        for InDoubt { topic, source, .. } in self.tracker.in_doubt() {
            self.healer.ask(Question::History(topic, source));
        }
    }

    /// A source has spoken of this history: if it is news, it is asked what went before. True if so.
    pub(super) fn hear_of(&mut self, topic: &'static Topic, source: &str, incarnation: uuid::Uuid) -> bool {
        let is_news = self.tracker.is_news(topic, source, incarnation);
        if is_news {
            self.healer.ask(Question::History(topic, source.to_owned()));
        }
        is_news
    }

    /// A source has told its histories.
    pub(super) fn take_history(&mut self, topic: &'static Topic, source: &str, history: History) {
        if self.tracker.is_news(topic, source, history.current()) {
            // What the source has published in its present history shows lost messages as well.
            self.heads_at = Instant::now();
        }
        let (assignments, stopped) = self.tracker.learn(topic, source, history);
        let tracker = &mut self.tracker;
        self.pending.retain(|message| !tracker.take_back_forgotten(message));
        for lane in &stopped {
            let (input, reason) = (lane.input, &lane.reason);
            tracing::error!(topic = topic.name, source, input, reason, "lane stopped");
        }
        let lost = stopped.iter().filter(|lane| matches!(lane.state, Standstill::Forgotten(_))).count();
        if lost > 0 {
            self.parts.failovers.send_modify(|failovers| failovers.stopped += lost as u64);
        }
        self.parts.consumer.assign(assignments);
    }

    /// These lanes have advanced: those that came from another history have survived a failover.
    pub(super) fn note_survivors<'a>(&mut self, steps: impl Iterator<Item = &'a Step>) {
        for step in steps {
            let Some(before) = step.from_incarnation.filter(|before| *before != step.incarnation) else {
                continue;
            };
            let (input, from, now) = (step.input, step.from, step.incarnation);
            tracing::warn!(input, behind = from, %before, %now, "lane goes on under another incarnation, nothing was lost");
            self.parts.failovers.send_modify(|failovers| failovers.survived += 1);
        }
    }

    /// Looks after the lanes that are in doubt.
    pub(super) fn watch_doubts(&mut self) -> Doubts {
        self.ask_histories();
        let in_doubt = self.tracker.in_doubt();
        self.doubted.retain(|input, _| in_doubt.iter().any(|lane| lane.input == *input));
        let mut doubts = Doubts { waiting: Vec::new(), stopped: Vec::new() };
        for InDoubt { input, source, name, is_denied, reason, .. } in in_doubt {
            let fresh = Doubted { since: Instant::now(), alarmed: false };
            let mut text = format!("{name}: {reason}");
            let known = self.healer.knows(&source);
            if !known {
                text = format!(
                    "{text}; no address of it is known: give it with --lane-sources {source}=http://host:port"
                );
            }
            let doubted = self.doubted.entry(input).or_insert_with(|| {
                tracing::warn!(lane = text, "a lane waits to be told the history of its source");
                fresh
            });
            if doubted.is_alarming(&self.parts.options) {
                tracing::error!(lane = text, "a lane still waits to be told the history of its source");
            }
            let list = if known && !is_denied { &mut doubts.waiting } else { &mut doubts.stopped };
            list.push(text);
        }
        doubts
    }

    /// Begins again with lanes that have stopped and whose watermark somebody has moved: an operator who has accepted what
    /// was forgotten, or mended a row.
    pub(super) async fn follow_operators(&mut self) {
        let marks = self.tracker.stopped_marks();
        if marks.is_empty() {
            return;
        }
        let moved = async {
            let mut connection = self.parts.database.acquire().await?;
            let moved = self.parts.inbox.moved(&mut connection, &marks).await?;
            Ok::<_, Error>(moved)
        };
        match moved.await {
            Ok(moved) if moved.is_empty() => {}
            Ok(moved) => {
                tracing::info!(inputs = ?moved, "watermarks of stopped lanes were moved, beginning again with them");
                self.begin_again(&moved).await;
            }
            Err(error) => tracing::debug!(error = error_text(&error), "stopped lanes could not be looked at"),
        }
    }
}
