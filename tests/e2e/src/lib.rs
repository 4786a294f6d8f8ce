//! Nothing but tests: the whole stack, from PlaceOrder to the ledger of invariants, while its parts are killed.
