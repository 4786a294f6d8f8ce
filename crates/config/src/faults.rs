use std::fmt::{self, Display};
use std::ops::RangeInclusive;
use std::time::Duration;

use clap::Command;

use crate::{ByteSize, Given};

/// Everything that is wrong with the options of one start.
#[derive(Debug)]
pub struct Faults {
    command: Box<Command>,
    faults: Vec<Fault>,
}

/// One option that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The flag with its dashes, such as `--grpc-listen`.
    pub flag: String,
    /// The environment variable that sets the same option.
    pub environment: Option<String>,
    /// What was given, secrets hidden; `None` if nothing was.
    pub given: Option<String>,
    /// What is expected.
    pub expected: String,
}

impl Faults {
    /// No faults yet; the command knows which environment variable belongs to which flag.
    pub fn new(command: Command) -> Self {
        Self { command: Box::new(command), faults: Vec::new() }
    }

    /// The value of an option, or `None` and a fault. `flag` is its long name without dashes.
    pub fn take<T>(&mut self, flag: &str, given: Given<T>) -> Option<T> {
        self.take_if(flag, given, "", |_| true)
    }

    /// The value of an option that has no default but must be given.
    pub fn require<T>(&mut self, flag: &str, given: Option<Given<T>>, expected: &str) -> Option<T> {
        if let Some(given) = given {
            return self.take(flag, given);
        }
        self.add(flag, None, expected);
        None
    }

    /// The value of an option that may be left out. The outer `None` stands for a fault.
    pub fn optional<T>(&mut self, flag: &str, given: Option<Given<T>>) -> Option<Option<T>> {
        match given {
            None => Some(None),
            Some(given) => self.take(flag, given).map(Some),
        }
    }

    /// The value of an option that must be a time above zero.
    pub fn positive(&mut self, flag: &str, given: Given<Duration>) -> Option<Duration> {
        self.take_if(flag, given, "a time above zero", |time| !time.is_zero())
    }

    /// The value of an option that must also satisfy `holds`; `expected` says what that means.
    pub fn take_if<T>(
        &mut self,
        flag: &str,
        given: Given<T>,
        expected: &str,
        holds: impl FnOnce(&T) -> bool,
    ) -> Option<T> {
        let (shown, outcome) = given.into_parts();
        match outcome {
            Ok(value) if holds(&value) => return Some(value),
            Ok(_) => self.add(flag, Some(shown), expected),
            Err(expected) => self.add(flag, Some(shown), &expected),
        }
        None
    }

    /// The value of an option that must lie in a range, both ends included.
    pub fn within<T: PartialOrd + Display>(
        &mut self,
        flag: &str,
        given: Given<T>,
        range: RangeInclusive<T>,
    ) -> Option<T> {
        let expected = format!("between {} and {}", range.start(), range.end());
        self.take_if(flag, given, &expected, |value| range.contains(value))
    }

    /// A size that must lie in a range of bytes, both ends included.
    pub fn bytes_within(
        &mut self,
        flag: &str,
        given: Given<ByteSize>,
        range: RangeInclusive<usize>,
    ) -> Option<usize> {
        self.within(flag, given, ByteSize(*range.start())..=ByteSize(*range.end())).map(|size| size.0)
    }

    /// Names a fault that concerns several options, or that the other functions cannot see. `given` must hold no
    /// secret.
    pub fn add(&mut self, flag: &str, given: Option<String>, expected: &str) {
        let environment = self
            .command
            .get_arguments()
            .find(|argument| argument.get_long() == Some(flag))
            .and_then(|argument| argument.get_env())
            .map(|name| name.to_string_lossy().into_owned());
        self.faults.push(Fault { flag: format!("--{flag}"), environment, given, expected: expected.into() });
    }

    /// The faults in the order in which the options were checked.
    pub fn list(&self) -> &[Fault] {
        &self.faults
    }

    /// The settings, if there was no fault.
    ///
    /// # Panics
    /// If `settings` is `None` without a fault: a `check` function then drops a value without naming why.
    pub fn finish<C>(self, settings: Option<C>) -> Result<C, Self> {
        if !self.faults.is_empty() {
            return Err(self);
        }
        Ok(settings.expect("a check function that returns nothing names a fault"))
    }
}

impl Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.faults.len() {
            1 => writeln!(f, "1 option cannot be used:")?,
            count => writeln!(f, "{count} options cannot be used:")?,
        }
        for fault in &self.faults {
            writeln!(f, "  {fault}")?;
        }
        f.write_str("Run with --help for all options.")
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.flag)?;
        if let Some(environment) = &self.environment {
            write!(f, " (environment {environment})")?;
        }
        match &self.given {
            Some(given) => write!(f, ": given {given}, expected {}", self.expected),
            None => write!(f, ": not given, expected {}", self.expected),
        }
    }
}

impl std::error::Error for Faults {}
