//! The ledger of invariants in words.

use std::fmt::Write as _;

use bowline_prove::Invariant;

/// A line for every invariant, with the number of things checked and of those that break it.
pub(crate) fn lines(invariants: &[Invariant]) -> String {
    let width = invariants.iter().map(|invariant| invariant.name.chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for Invariant { name, checked, violations, .. } in invariants {
        let mark = match (violations, checked) {
            (0, 0) => '–',
            (0, _) => '✓',
            _ => '✗',
        };
        writeln!(text, "{mark} {name:<width$}  {checked:>10} checked  {violations:>6} violations")
            .expect("a String takes all text");
    }
    text
}

/// What is broken, in words; empty when nothing is.
pub(crate) fn examples(invariants: &[Invariant]) -> String {
    let mut text = String::new();
    for invariant in invariants.iter().filter(|invariant| invariant.violations > 0) {
        writeln!(text, "broken: {}", invariant.name).expect("a String takes all text");
        for example in &invariant.examples {
            writeln!(text, "  {example}").expect("a String takes all text");
        }
        let more = invariant.violations.saturating_sub(invariant.examples.len() as u64);
        if more > 0 {
            writeln!(text, "  and {more} more").expect("a String takes all text");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> [Invariant; 3] {
        let sound = Invariant { name: "a thing holds", checked: 12_467, violations: 0, examples: Vec::new() };
        let idle = Invariant { name: "nothing to look at", checked: 0, ..sound.clone() };
        let examples = vec!["order 1: it is reserved".to_owned(), "order 2: it is reserved".to_owned()];
        let broken = Invariant { name: "a third", checked: 5, violations: 3, examples };
        [sound, idle, broken]
    }

    #[test]
    fn every_invariant_has_a_line() {
        let expected = "✓ a thing holds            12467 checked       0 violations\n\
                        – nothing to look at           0 checked       0 violations\n\
                        ✗ a third                      5 checked       3 violations\n";
        assert_eq!(lines(&ledger()), expected);
    }

    #[test]
    fn what_is_broken_is_told_in_words() {
        let expected =
            "broken: a third\n  order 1: it is reserved\n  order 2: it is reserved\n  and 1 more\n";
        assert_eq!(examples(&ledger()), expected);
        assert_eq!(examples(&ledger()[..2]), "");
    }
}
