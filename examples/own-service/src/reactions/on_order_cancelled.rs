//! `OrderCancelled`: the points are taken back, promised or granted.

use crate::points::{Points, Step};

pub(super) const POINTS: Points = Points { worth: None, step: Step::Withdrawn };
