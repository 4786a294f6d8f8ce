//! Asking sources for what their topics have lost, and for their histories. Every question runs in a task of its own: the executor hears of the
//! answers and never waits for one.

mod report;
mod source;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use bowline_contracts::topics::Topic;
use bowline_database::Database;
use bowline_resilience::{Retry, RetrySettings};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

pub(crate) use self::report::HealedGap;
use self::report::Report;
use self::source::Source;
use crate::inbox::InputId;
use crate::lane_reader::{LaneHead, LaneMessage, LaneReader};
use crate::tracker::{Followed, History, Missing};
use crate::{Error, KafkaOptions, LaneOptions};

/// How long a source that gave no answer is left alone: at first, and at the most (plus jitter).
const REST_MIN: Duration = Duration::from_millis(200);
const REST_MAX: Duration = Duration::from_secs(10);

/// What has been healed since the start of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Healed {
    /// How many gaps.
    pub gaps: u64,
    /// How many messages were missing in them.
    pub messages: u64,
}

/// What a source is asked.
#[derive(Debug)]
pub(crate) enum Question {
    /// For the messages that are missing; it brings a page of them.
    Range(Missing),
    /// How far it has come on the lanes that are followed.
    Heads(Followed),
    /// In which histories it has numbered its lanes of this topic.
    History(&'static Topic, String),
}

/// What it says.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The first messages of the range.
    Messages(Vec<LaneMessage>),
    /// How far the lanes have come, and in which history.
    Heads(Uuid, Vec<LaneHead>),
    /// Its histories.
    History(History),
    /// It no longer has the range.
    Gone,
    /// It has never given out the end of the range.
    Ahead {
        /// The last sequence that it has given out.
        last: i64,
        /// The history in which it has.
        incarnation: Uuid,
    },
    /// No answer that helps; asked again later.
    Failed(String),
}

/// A question with its answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) question: Question,
    pub(crate) outcome: Outcome,
}

/// What a question is about; one is under way at a time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    Lane(InputId),
    Heads(&'static str, String),
    History(&'static str, String),
}

/// A source that gave no answer is left alone for growing times.
struct Rest {
    until: Instant,
    waits: Box<dyn Iterator<Item = Duration> + Send + Sync>,
}

/// Asks the sources.
pub(crate) struct Healer {
    sources: HashMap<String, Source>,
    questions_max: usize,
    asked: HashSet<Subject>,
    resting: HashMap<Subject, Rest>,
    tasks: JoinSet<Answer>,
    rests: Retry,
    report: Report,
}

impl Healer {
    /// Connects lazily: sources need not be there yet.
    pub(crate) fn new(
        consumer: &'static str,
        kafka: &KafkaOptions,
        lanes: &LaneOptions,
        hears: &[&'static Topic],
        database: Database,
    ) -> Result<(Self, watch::Receiver<Healed>), Error> {
        let mut sources = HashMap::new();
        for (name, address) in &lanes.lane_sources.0 {
            let source = Source::new(address, lanes.lane_source_timeout, kafka.message_bytes_max)?;
            sources.insert(name.clone(), source);
        }
        let unknown: HashSet<&str> = hears
            .iter()
            .flat_map(|topic| topic.sources)
            .copied()
            .filter(|source| !sources.contains_key(*source))
            .collect();
        if !unknown.is_empty() {
            tracing::info!(sources = ?unknown, "no address given with --lane-sources: their gaps are not healed");
        }
        Ok(Self::asking(consumer, sources, lanes.lane_questions_max, database))
    }

    /// Asks sources of this very process, which answer as they would over gRPC.
    pub(crate) fn by_hand(
        consumer: &'static str,
        readers: Vec<LaneReader>,
        database: Database,
    ) -> (Self, watch::Receiver<Healed>) {
        let source = |reader: LaneReader| (reader.source().to_owned(), Source::Near(reader));
        // One question at a time, so that answers come in one order.
        Self::asking(consumer, readers.into_iter().map(source).collect(), 1, database)
    }

    fn asking(
        consumer: &'static str,
        sources: HashMap<String, Source>,
        questions_max: usize,
        database: Database,
    ) -> (Self, watch::Receiver<Healed>) {
        let (report, counts) = Report::new(consumer, database);
        let healer = Self {
            sources,
            questions_max,
            asked: HashSet::new(),
            resting: HashMap::new(),
            tasks: JoinSet::new(),
            rests: Retry::new(RetrySettings {
                attempts_max: None,
                backoff_min: REST_MIN,
                backoff_max: REST_MAX,
            }),
            report,
        };
        (healer, counts)
    }

    /// Whether a question is under way.
    pub(crate) fn is_asking(&self) -> bool {
        !self.tasks.is_empty()
    }

    /// Whether the source's address is known.
    pub(crate) fn knows(&self, source: &str) -> bool {
        self.sources.contains_key(source)
    }

    /// Asks, unless the same is being asked already, the source rests, or too many questions are under way: then it is
    /// for the caller to come again. True when the question is on its way.
    pub(crate) fn ask(&mut self, question: Question) -> bool {
        let subject = question.subject();
        let rests = self.resting.get(&subject).is_some_and(|rest| Instant::now() < rest.until);
        if rests || self.tasks.len() >= self.questions_max || self.asked.contains(&subject) {
            return false;
        }
        let Some(source) = self.sources.get(question.source()).cloned() else { return false };
        self.asked.insert(subject);
        self.tasks.spawn(async move {
            let outcome = source.answer(&question).await;
            Answer { question, outcome }
        });
        true
    }

    /// The next answer. May be given up and called again.
    pub(crate) async fn answered(&mut self) -> Answer {
        loop {
            match self.tasks.join_next().await {
                None => return std::future::pending().await,
                Some(Ok(answer)) => {
                    self.settle(&answer);
                    return answer;
                }
                // What was asked cannot be told any more, so everything may be asked again.
                Some(Err(error)) => {
                    tracing::error!(%error, "a question to a source panicked");
                    self.asked.clear();
                }
            }
        }
    }

    fn settle(&mut self, Answer { question, outcome }: &Answer) {
        let subject = question.subject();
        self.asked.remove(&subject);
        let Outcome::Failed(error) = outcome else {
            self.resting.remove(&subject);
            return;
        };
        let source = question.source();
        let first = !self.resting.contains_key(&subject);
        let waits = self.rests.waits();
        let rest = self
            .resting
            .entry(subject)
            .or_insert_with(|| Rest { until: Instant::now(), waits: Box::new(waits) });
        let wait = rest.waits.next().unwrap_or(REST_MAX);
        rest.until = Instant::now() + wait;
        if first {
            tracing::warn!(source, error, "a source does not answer, it is asked again and again");
        } else {
            tracing::debug!(source, error, ?wait, "a source does not answer");
        }
    }

    /// Counts gaps whose messages are all applied, and writes them down in the background.
    pub(crate) fn report(&mut self, healed: Vec<HealedGap>) {
        self.report.add(healed);
    }

    /// Gives reports that are still to be written a last chance.
    pub(crate) async fn finish(mut self) {
        self.report.finish().await;
    }
}

impl Question {
    fn source(&self) -> &str {
        match self {
            Self::Range(missing) => &missing.source,
            Self::Heads(followed) => &followed.source,
            Self::History(_, source) => source,
        }
    }

    fn subject(&self) -> Subject {
        match self {
            Self::Range(missing) => Subject::Lane(missing.input),
            Self::Heads(followed) => Subject::Heads(followed.topic.name, followed.source.clone()),
            Self::History(topic, source) => Subject::History(topic.name, source.clone()),
        }
    }
}
