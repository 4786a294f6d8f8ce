//! Errors for the log.

use std::error::Error;

/// An error with its causes, on one line.
pub fn error_text(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the order was not read")]
    struct NotRead(#[source] std::num::ParseIntError);

    #[test]
    fn causes_follow_what_they_led_to() {
        let error = NotRead("x".parse::<u8>().expect_err("not a number"));
        assert_eq!(error_text(&error), "the order was not read: invalid digit found in string");
    }
}
