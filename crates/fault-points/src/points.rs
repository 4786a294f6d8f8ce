//! Places where a process can be made to die.

use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{ARMED, UnknownName};

/// A place between two effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Point {
    /// A batch has its locks and has written nothing yet.
    MidBatch,
    /// Everything is written, `COMMIT` is not sent.
    BeforeCommit,
    /// The server has committed, and nobody has been told.
    AfterCommit,
    /// A batch has taken effect: neither its callers, nor the relay, nor the reading positions in memory know.
    AfterEffect,
    /// The broker has acknowledged messages, and the note of it is not written.
    AfterPublication,
    /// The payment provider has answered, and its answer is not stored.
    AfterProviderCall,
}

static DEADLY: [AtomicBool; Point::ALL.len()] = [const { AtomicBool::new(false) }; Point::ALL.len()];

impl Point {
    /// Every point there is.
    pub const ALL: [Self; 6] = [
        Self::MidBatch,
        Self::BeforeCommit,
        Self::AfterCommit,
        Self::AfterEffect,
        Self::AfterPublication,
        Self::AfterProviderCall,
    ];

    /// Its name on command lines and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MidBatch => "mid-batch",
            Self::BeforeCommit => "before-commit",
            Self::AfterCommit => "after-commit",
            Self::AfterEffect => "after-effect",
            Self::AfterPublication => "after-publication",
            Self::AfterProviderCall => "after-provider-call",
        }
    }
}

impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Point {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|point| point.name() == name)
            .ok_or_else(|| UnknownName { name: name.to_owned(), known: Self::ALL.map(Self::name).into() })
    }
}

/// Has the process die the next time it comes to this place. False in a build that cannot.
pub fn arm(point: Point) -> bool {
    DEADLY[point as usize].store(ARMED, Ordering::Relaxed);
    ARMED
}

/// The process is at this place. It dies here, without a word to anybody, if the point is armed.
#[inline]
pub fn reached(point: Point) {
    if ARMED && DEADLY[point as usize].load(Ordering::Relaxed) {
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_has_one_name() {
        for (index, point) in Point::ALL.into_iter().enumerate() {
            assert_eq!(point.name().parse(), Ok(point));
            assert_eq!(point as usize, index);
        }
        let unknown = "commit".parse::<Point>().unwrap_err().to_string();
        assert!(
            unknown.starts_with(r#""commit" is not known: one of mid-batch, before-commit"#),
            "{unknown}"
        );
    }

    #[test]
    fn nothing_dies_that_is_not_armed() {
        Point::ALL.into_iter().for_each(reached);
        if !ARMED {
            assert!(!Point::ALL.into_iter().any(arm));
            Point::ALL.into_iter().for_each(reached);
        }
    }
}
