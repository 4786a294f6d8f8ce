//! Seven ways in which outboxes go wrong, one file each: the naive mechanism is shown to do its damage, and the lanes in
//! the same interleaving not to. Nothing is left to chance: transactions are interleaved by hand, processes stand still
//! where they are told to.
#![expect(clippy::unwrap_used, reason = "what a test prepares works, or the test has failed")]

#[path = "../it/broker.rs"]
#[expect(dead_code, reason = "shared with the other tests, which need more of it")]
mod broker;
#[path = "../it/ledger.rs"]
#[expect(dead_code, reason = "shared with the other tests, which need more of it")]
mod ledger;
#[path = "../it/stage.rs"]
#[expect(dead_code, reason = "shared with the other tests, which need more of it")]
mod stage;
#[path = "../it/wiring.rs"]
mod wiring;

mod naive;
mod process;

mod trap_1_late_committer;
mod trap_2_transaction_order;
mod trap_3_many_relays;
mod trap_4_stale_relay;
mod trap_5_forgetful_window;
mod trap_6_dead_letter;
mod trap_7_sequences_used_again;
