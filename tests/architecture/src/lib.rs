//! Nothing but tests: the rules of ARCHITECTURE.md that a compiler does not check.
