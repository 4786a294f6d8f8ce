//! The kinds of faults.

use std::fmt;
use std::str::FromStr;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A service process dies by SIGKILL.
    Kill,
    /// A service process hangs beyond the time of its leases (SIGSTOP), then goes on (SIGCONT).
    Pause,
    /// PostgreSQL stops without a checkpoint and recovers from its log.
    PostgresRestart,
    /// All sessions of one database are ended.
    Sessions,
    /// Kafka dies by SIGKILL.
    KafkaRestart,
    /// The leases of one service are taken away again and again, and its members forgotten.
    Leases,
    /// The connections of one process to one of its parties break, and no new one comes about.
    Cut,
    /// What one process and one of its parties say to each other vanishes, and nobody is told.
    Blackhole,
    /// What one process and one of its parties say to each other comes late.
    Delay,
    /// The payment provider answers with errors, before and after the effect.
    ProviderErrors,
    /// The payment provider charges and does not answer.
    ProviderTimeouts,
    /// A service process aborts at a named point of its work.
    FaultPoints,
}

/// A name that no kind has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no fault {name:?}; known are {}", Kind::names())]
pub struct UnknownKind {
    /// The name.
    pub name: String,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Kill,
        Self::Pause,
        Self::PostgresRestart,
        Self::Sessions,
        Self::KafkaRestart,
        Self::Leases,
        Self::Cut,
        Self::Blackhole,
        Self::Delay,
        Self::ProviderErrors,
        Self::ProviderTimeouts,
        Self::FaultPoints,
    ];

    /// The name on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::PostgresRestart => "postgres-restart",
            Self::Sessions => "sessions",
            Self::KafkaRestart => "kafka-restart",
            Self::Leases => "leases",
            Self::Cut => "cut",
            Self::Blackhole => "blackhole",
            Self::Delay => "delay",
            Self::ProviderErrors => "provider-errors",
            Self::ProviderTimeouts => "provider-timeouts",
            Self::FaultPoints => "fault-points",
        }
    }

    /// What happens, for people.
    pub const fn what(self) -> &'static str {
        match self {
            Self::Kill => "SIGKILL of a service process",
            Self::Pause => "SIGSTOP of a service process beyond its leases, then SIGCONT",
            Self::PostgresRestart => "PostgreSQL stops without a checkpoint and recovers",
            Self::Sessions => "all sessions of a service's database are ended",
            Self::KafkaRestart => "SIGKILL of Kafka",
            Self::Leases => "the leases of a service expire again and again",
            Self::Cut => "connections between a process and a party of its break",
            Self::Blackhole => "bytes between a process and a party of its vanish",
            Self::Delay => "bytes between a process and a party of its come late",
            Self::ProviderErrors => "the provider fails, before or after the effect",
            Self::ProviderTimeouts => "the provider charges and does not answer",
            Self::FaultPoints => "a service process aborts at a point of its work",
        }
    }

    /// Whether it happens between a process and a party of its.
    pub const fn is_of_the_network(self) -> bool {
        matches!(self, Self::Cut | Self::Blackhole | Self::Delay)
    }

    /// Whether it needs a server that is ours to stop.
    pub const fn stops_a_server(self) -> bool {
        matches!(self, Self::PostgresRestart | Self::KafkaRestart)
    }

    /// All names, for people.
    pub fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| UnknownKind { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back_and_others_are_refused_with_the_list() {
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        let refused = "meteor".parse::<Kind>().unwrap_err().to_string();
        assert!(
            refused.contains("\"meteor\"") && refused.contains("kill, pause, postgres-restart"),
            "{refused}"
        );
    }
}
