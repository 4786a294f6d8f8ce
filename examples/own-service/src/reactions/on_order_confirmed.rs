//! `OrderConfirmed`: the points may be spent.

use crate::points::{Points, Step};

pub(super) const POINTS: Points = Points { worth: None, step: Step::Granted };
