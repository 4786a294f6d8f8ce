//! Mechanisms that can be broken.

use std::str::FromStr;

use crate::UnknownName;

/// A mechanism that a build for proving can leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sabotage {
    /// Consumers apply whatever they read, as it comes, without a look at its sequence.
    SkipWatermark,
    /// The same, and every replica reads every partition, whoever holds its lease.
    SkipOwnership,
    /// orders has nothing undone.
    DropCompensation,
    /// Messages are numbered by a SEQUENCE of the database, which no transaction waits for or gives back to.
    NumberBySequence,
    /// The keys of requests are not remembered.
    ForgetKeys,
    /// A snapshot is taken for the state of its stream, whatever happened since.
    TrustSnapshots,
    /// Messages go to the broker before the commit that they belong to.
    PublishBeforeCommit,
    /// Later messages of a key with a parked one are applied.
    PassParked,
}

impl Sabotage {
    /// Every mechanism that can be broken.
    pub const ALL: [Self; 8] = [
        Self::SkipWatermark,
        Self::SkipOwnership,
        Self::DropCompensation,
        Self::NumberBySequence,
        Self::ForgetKeys,
        Self::TrustSnapshots,
        Self::PublishBeforeCommit,
        Self::PassParked,
    ];

    /// The environment variable that names the mechanism to break.
    pub const VARIABLE: &str = "BOWLINE_SABOTAGE";

    /// Its name on command lines, in reports and in the environment.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SkipWatermark => "skip-watermark",
            Self::SkipOwnership => "skip-ownership",
            Self::DropCompensation => "drop-compensation",
            Self::NumberBySequence => "number-by-sequence",
            Self::ForgetKeys => "forget-keys",
            Self::TrustSnapshots => "trust-snapshots",
            Self::PublishBeforeCommit => "publish-before-commit",
            Self::PassParked => "pass-parked",
        }
    }
}

impl FromStr for Sabotage {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|sabotage| sabotage.name() == name)
            .ok_or_else(|| UnknownName { name: name.to_owned(), known: Self::ALL.map(Self::name).into() })
    }
}

/// Whether this mechanism is to be left out.
#[cfg(not(feature = "armed"))]
#[inline]
pub const fn is_broken(_: Sabotage) -> bool {
    false
}

/// Whether this mechanism is to be left out.
///
/// # Panics
/// If the environment names a mechanism that does not exist: a proof without the sabotage would be worth nothing.
#[cfg(feature = "armed")]
pub fn is_broken(sabotage: Sabotage) -> bool {
    use std::sync::LazyLock;
    static BROKEN: LazyLock<Option<Sabotage>> = LazyLock::new(|| {
        #[expect(
            clippy::disallowed_methods,
            reason = "no setting of a service: it exists in builds for proving alone"
        )]
        let name = std::env::var(Sabotage::VARIABLE).ok()?;
        Some(name.parse().unwrap_or_else(|error| panic!("{}: {error}", Sabotage::VARIABLE)))
    });
    *BROKEN == Some(sabotage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mechanism_has_one_name_and_is_whole() {
        for sabotage in Sabotage::ALL {
            assert_eq!(sabotage.name().parse(), Ok(sabotage));
            assert!(!is_broken(sabotage));
        }
        assert!("everything".parse::<Sabotage>().is_err());
    }
}
