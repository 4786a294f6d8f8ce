//! What was found out about one thing.

use bowline_kernel::error_text;
use serde::Serialize;

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Ok,
    /// It works, but may not for long or not for everything.
    Warn,
    /// It does not work.
    Fail,
}

/// What was found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What it belongs to.
    pub(super) area: &'static str,
    /// What was looked at.
    pub(super) check: String,
    pub(super) status: Status,
    /// What was seen.
    pub(super) says: String,
    /// What to do; there is something unless all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mend: Option<String>,
}

/// What is looked at.
pub(super) struct Subject {
    area: &'static str,
    check: String,
}

impl Finding {
    pub(super) fn of(area: &'static str, check: impl Into<String>) -> Subject {
        Subject { area, check: check.into() }
    }
}

impl Subject {
    pub(super) fn ok(self, says: String) -> Finding {
        self.found(Status::Ok, says, None)
    }

    pub(super) fn warn(self, says: String, mend: impl Into<String>) -> Finding {
        self.found(Status::Warn, says, Some(mend.into()))
    }

    pub(super) fn fail(self, says: String, mend: impl Into<String>) -> Finding {
        self.found(Status::Fail, says, Some(mend.into()))
    }

    /// What an error of the stack says. Its messages name what is wrong, a colon, and the mend.
    pub(super) fn broken(self, error: &bowline_dev_stack::Error) -> Finding {
        let (said, whole) = (error.to_string(), error_text(error));
        match said.split_once(": ") {
            Some((says, mend)) => {
                let reason = whole.strip_prefix(&said).unwrap_or_default();
                self.fail(format!("{says}{reason}"), mend)
            }
            None => self.fail(whole, "see to what the system says"),
        }
    }

    fn found(self, status: Status, says: String, mend: Option<String>) -> Finding {
        let Self { area, check } = self;
        Finding { area, check, status, says, mend }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_apart_from_its_mend() {
        let finding =
            Finding::of("this machine", "PostgreSQL").broken(&bowline_dev_stack::Error::PostgresMissing);
        assert_eq!(finding.status, Status::Fail);
        assert_eq!(finding.says, "PostgreSQL 15 or newer is not on this machine");
        assert_eq!(
            finding.mend.as_deref(),
            Some("install it (Debian: apt-get install postgresql) or give --postgres-url")
        );
    }
}
