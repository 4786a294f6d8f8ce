//! Gaps: noticed, asked for at their source, filled in, reported.

use tokio::time::Instant;

use super::{Executor, Handler};
use crate::healing::{Answer, HealedGap, Outcome, Question};
use crate::inbox::{Incoming, InputId};
use crate::lane_reader::{LaneHead, LaneMessage};
use crate::tracker::{Followed, Missing, Verdict};

/// A lane that waits for missing messages.
pub(super) struct Gap {
    since: Instant,
    asked: bool,
    alarmed: bool,
    healing: Option<Healing>,
}

/// What a source has brought of a gap.
struct Healing {
    missing: Missing,
    first: i64,
    last: i64,
}

/// A gap that is filled in; its messages may not be applied yet.
pub(super) struct Filled {
    input: InputId,
    gap: HealedGap,
}

impl<H: Handler> Executor<H> {
    /// Notices gaps, asks for those that have lasted, and reports those that are gone. Returns what is missing, in words.
    pub(super) fn watch_gaps(&mut self) -> Vec<String> {
        let now = Instant::now();
        let missing = self.tracker.missing();
        self.close_gaps(&missing);
        for missing in &missing {
            let fresh = Gap { since: now, asked: false, alarmed: false, healing: None };
            let gap = self.gaps.entry(missing.input).or_insert(fresh);
            let age = now.duration_since(gap.since);
            if age >= self.parts.options.gap_heal_after {
                if !gap.asked {
                    gap.asked = true;
                    announce(missing, self.healer.knows(&missing.source));
                }
                self.healer.ask(Question::Range(missing.clone()));
            }
            if !gap.alarmed && age >= self.parts.options.gap_alarm_after {
                gap.alarmed = true;
                tracing::error!(gap = %missing, "a message is missing, its lane waits for it");
            }
        }
        self.report_healed();
        missing.iter().map(ToString::to_string).collect()
    }

    /// What is no longer missing need not be watched; what of it the source has brought is worth a report.
    fn close_gaps(&mut self, missing: &[Missing]) {
        let now = Instant::now();
        let closed = self.gaps.extract_if(|input, _| !missing.iter().any(|missing| missing.input == *input));
        for (input, gap) in closed {
            let Some(Healing { missing, first, last }) = gap.healing else { continue };
            let Missing { topic, partition, source, .. } = missing;
            let gap =
                HealedGap { topic, partition, source, first, last, found_at: gap.since, healed_at: now };
            self.filled.push(Filled { input, gap });
        }
    }

    /// Gaps are healed once their messages are committed. What another owner has to commit, it reports.
    pub(super) fn report_healed(&mut self) {
        let mut healed = Vec::new();
        self.filled.retain_mut(|filled| match self.tracker.applied(filled.input) {
            None => false,
            Some(applied) if applied < filled.gap.last => true,
            Some(_) => {
                filled.gap.healed_at = Instant::now();
                healed.push(filled.gap.clone());
                false
            }
        });
        self.healer.report(healed);
    }

    /// Asks all sources now and then how far they have published, and finds out which lanes end too early. A topic that
    /// is being read is not at its end, so what is on its way is never taken for lost.
    pub(super) fn watch_ends(&mut self) {
        let now = Instant::now();
        if now >= self.heads_at {
            self.heads_at = now + self.parts.options.lane_heads_every;
            self.heads_due = self.tracker.followed();
            self.heads_due.retain(|followed| self.healer.knows(&followed.source));
        }
        // Asked with what is scheduled now; a question that waits would compare with the past.
        let due = |of: &Followed| {
            self.heads_due.iter().any(|due| due.source == of.source && due.topic.name == of.topic.name)
        };
        for followed in self.tracker.followed().into_iter().filter(due) {
            self.healer.ask(Question::Heads(followed));
        }
        let behind = self.tracker.behind();
        if !behind.is_empty() {
            self.parts.consumer.measure(behind);
        }
    }

    /// A source has answered.
    pub(super) fn take_answer(&mut self, Answer { question, outcome }: Answer) {
        match (question, outcome) {
            (_, Outcome::Failed(_)) => {}
            (Question::Range(missing), Outcome::Messages(messages)) => self.fill(&missing, messages),
            (Question::Range(missing), Outcome::Gone) => {
                let reason = format!(
                    "the source no longer has sequence {}, which the topic has lost: bring the topic's records back, or \
                     restore this consumer from a backup that is older than the loss",
                    missing.after + 1
                );
                self.give_up(missing.input, &missing.source, &reason);
            }
            (Question::History(topic, source), Outcome::History(history)) => {
                self.take_history(topic, &source, history);
            }
            (Question::Range(missing), Outcome::Ahead { last, incarnation }) => {
                if self.hear_of(missing.topic, &missing.source, incarnation) {
                    // What was seen may be what the source has forgotten: then nothing is missing.
                    return;
                }
                let reason = format!("sequence {} was seen, {}", missing.seen, forgotten(last));
                self.give_up(missing.input, &missing.source, &reason);
            }
            (Question::Heads(followed), Outcome::Heads(incarnation, heads)) => {
                if !self.hear_of(followed.topic, &followed.source, incarnation) {
                    self.take_heads(&followed, &heads);
                }
            }
            (question, outcome) => {
                tracing::error!(?question, ?outcome, "a source answered another question");
            }
        }
    }

    fn take_heads(&mut self, followed: &Followed, heads: &[LaneHead]) {
        self.heads_due.retain(|due| due.source != followed.source || due.topic.name != followed.topic.name);
        for LaneHead { partition, last, published } in heads {
            let scheduled = followed.scheduled.get(partition).copied().unwrap_or(0);
            if scheduled > *last {
                let reason = format!("sequence {scheduled} was applied, {}", forgotten(*last));
                if let Some(input) = self.tracker.input(followed.topic, *partition, &followed.source) {
                    self.give_up(input, &followed.source, &reason);
                }
            }
            self.tracker.note_published(followed.topic, *partition, &followed.source, *published);
        }
    }

    /// Messages that a source has brought take the way of those that were read.
    fn fill(&mut self, missing: &Missing, messages: Vec<LaneMessage>) {
        for LaneMessage { key, envelope, payload } in messages {
            let (verdict, offset) = self.tracker.heal(missing.input, &envelope);
            match verdict {
                Verdict::Drop => {}
                Verdict::Hold => break,
                Verdict::Doubt => {
                    self.ask_histories();
                    break;
                }
                Verdict::Stop(reason) => {
                    tracing::error!(gap = %missing, reason, "lane stopped");
                    break;
                }
                Verdict::Apply(input) | Verdict::ApplyAndReread(input, _) => {
                    self.note_healing(missing, envelope.sequence);
                    let (topic, partition) = (missing.topic, missing.partition);
                    self.schedule(Incoming { input, topic, partition, offset, key, envelope, payload });
                }
            }
        }
        if let Some(rest) = self.tracker.missing_of(missing.input) {
            // There is room for the next page, or this one would not have been taken.
            self.healer.ask(Question::Range(rest));
        } else {
            let assignment = self.tracker.close_gap(missing.input);
            self.parts.consumer.assign(assignment.into_iter().collect());
        }
    }

    fn note_healing(&mut self, missing: &Missing, sequence: i64) {
        if let Some(gap) = self.gaps.get_mut(&missing.input) {
            let begun = Healing { missing: missing.clone(), first: sequence, last: sequence };
            gap.healing.get_or_insert(begun).last = sequence;
        }
    }

    fn give_up(&mut self, input: InputId, source: &str, reason: &str) {
        tracing::error!(input, source, reason, "lane stopped");
        self.tracker.stop_lane(input, reason);
    }
}

fn announce(missing: &Missing, asked: bool) {
    let up_to = missing.up_to;
    if asked {
        tracing::warn!(gap = %missing, up_to, "a message is missing, asking its source for it");
    } else {
        tracing::warn!(
            gap = %missing, up_to,
            "a message is missing and no address of its source is known: give it with --lane-sources {}=http://host:port",
            missing.source
        );
    }
}

fn forgotten(last: i64) -> String {
    format!(
        "but the source has given out only {last}: find out which commits it has lost, and whether their effects here are \
         to be kept, before anything is restored"
    )
}
