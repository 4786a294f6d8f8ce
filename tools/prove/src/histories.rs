//! Histories of event-sourced services, one whole stream after the other.

use bowline_kernel::stored::Stored;
use futures::TryStreamExt as _;
use uuid::Uuid;

use crate::access::Database;
use crate::{Error, Invariant};

/// A stream of events as it is stored.
pub(crate) struct History<E> {
    pub(crate) id: Uuid,
    pub(crate) events: Vec<E>,
    next_version: i32,
    fault: Option<String>,
}

impl<E> History<E> {
    fn new(id: Uuid) -> Self {
        Self { id, events: Vec::new(), next_version: 1, fault: None }
    }

    fn add(&mut self, version: i32, decoded: Result<E, String>) {
        if version != self.next_version && self.fault.is_none() {
            self.fault =
                Some(format!("{}: version {} is followed by {version}", self.id, self.next_version - 1));
        }
        self.next_version = version.saturating_add(1);
        match decoded {
            Ok(event) => self.events.push(event),
            Err(reason) => self.fault = Some(format!("{}: version {version}: {reason}", self.id)),
        }
    }
}

/// Reads every stream of a service, hands it to `each`, and checks that its versions run from 1 without a gap and
/// that each event can be read.
pub(crate) async fn read<E: Stored>(
    database: &Database,
    mut contiguous: Invariant,
    mut each: impl FnMut(&History<E>),
) -> Result<Invariant, Error> {
    let mut rows = sqlx::query_as::<_, (Uuid, i32, String, i16, Vec<u8>)>(
        "SELECT stream_id, version, type, schema_version, payload FROM event_store.events ORDER BY stream_id, version",
    )
    .fetch(&database.pool);
    let mut current: Option<History<E>> = None;
    let mut finish = |history: History<E>| {
        each(&history);
        contiguous.check(history.fault);
    };
    while let Some((id, version, kind, schema_version, payload)) =
        rows.try_next().await.map_err(|source| database.failed(source))?
    {
        if current.as_ref().is_some_and(|history| history.id != id) {
            current.take().into_iter().for_each(&mut finish);
        }
        let decoded =
            E::decode(&kind, schema_version.cast_unsigned(), &payload).map_err(|error| error.to_string());
        current.get_or_insert_with(|| History::new(id)).add(version, decoded);
    }
    current.into_iter().for_each(finish);
    Ok(contiguous)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault_of(versions: &[i32]) -> Option<String> {
        let mut history = History::new(Uuid::nil());
        for version in versions {
            history.add(*version, Ok(()));
        }
        history.fault
    }

    #[test]
    fn a_gap_a_late_start_and_a_repetition_are_faults() {
        assert_eq!(fault_of(&[1, 2, 3]), None);
        for (versions, said) in [
            (vec![2], "0 is followed by 2"),
            (vec![1, 3, 4], "1 is followed by 3"),
            (vec![1, 1], "1 is followed by 1"),
        ] {
            let fault = fault_of(&versions).expect("it is broken");
            assert!(fault.ends_with(said), "{fault}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_a_fault() {
        let mut history: History<()> = History::new(Uuid::nil());
        history.add(1, Err("no such type".to_owned()));
        assert!(history.fault.is_some_and(|fault| fault.ends_with("version 1: no such type")));
    }
}
