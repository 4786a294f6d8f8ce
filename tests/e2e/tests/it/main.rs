//! Real PostgreSQL, real Kafka, the payment simulator and the four services as processes, on a stack for each test,
//! because these tests kill what they stand on. They run one after the other.
#![expect(clippy::print_stderr, reason = "whoever sees a test fail needs to know where the logs are")]

mod bench;
mod broken_books;
mod cancelling;
mod dead_letters;
mod deleted_records;
mod everyday;
mod kills;
mod pauses;
mod provider_trouble;
mod proving;
mod reconciling;
mod replicas;
mod secrets;
mod servers;
mod stacks;
mod status;
mod traces;
