//! What a run has come to so far, for the bar and for the report.

use std::sync::Mutex;

use bowline_faults::Record;

use super::recovery::Measured;

/// Notes of a run, readable at any time.
#[derive(Debug, Default)]
pub(super) struct Journal {
    notes: Mutex<Notes>,
}

/// What a run has come to.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes {
    /// What happens now.
    pub(super) phase: String,
    /// Every fault of the schedule that is over.
    pub(super) records: Vec<Record>,
    /// Every recovery that was measured.
    pub(super) recoveries: Vec<Measured>,
    /// Who has applied what follows a message that nobody can apply; see [`bowline_faults::Hands::poison`].
    pub(super) passed_parked: Option<String>,
    /// What has not come back when everything was healed.
    pub(super) not_healed: Option<String>,
}

impl Journal {
    /// Notes something.
    pub(super) fn note(&self, note: impl FnOnce(&mut Notes)) {
        note(&mut self.notes.lock().expect("no holder of this lock panics"));
    }

    /// What happens now, and how many faults are over.
    pub(super) fn now(&self) -> String {
        let notes = self.notes.lock().expect("no holder of this lock panics");
        format!("{}, {} faults over", notes.phase, notes.records.len())
    }

    /// Everything that was noted.
    pub(super) fn into_notes(self) -> Notes {
        self.notes.into_inner().expect("no holder of this lock panics")
    }
}
