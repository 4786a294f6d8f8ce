//! Names for the SQLSTATE codes that the code base decides by (PostgreSQL documentation, appendix A).

/// A row with this key is there already.
pub const UNIQUE_VIOLATION: &str = "23505";
/// A statement waited longer than `lock_timeout`.
pub const LOCK_NOT_AVAILABLE: &str = "55P03";
/// Two transactions waited for each other, and this one was chosen to give way.
pub const DEADLOCK_DETECTED: &str = "40P01";
/// A serialisable transaction could not be placed in any order.
pub const SERIALIZATION_FAILURE: &str = "40001";
/// A statement was sent after another one of the same transaction had failed.
pub const IN_FAILED_SQL_TRANSACTION: &str = "25P02";
/// The transaction was idle for longer than `idle_in_transaction_session_timeout`.
pub const IDLE_IN_TRANSACTION_SESSION_TIMEOUT: &str = "25P03";
/// A write was sent to a server that is a standby.
pub const READ_ONLY_SQL_TRANSACTION: &str = "25006";
/// The server is not in a state for this: it is shutting down, starting, or the database takes no connections.
pub const OBJECT_NOT_IN_PREREQUISITE_STATE: &str = "55000";
/// The statement ran longer than `statement_timeout`, or an operator cancelled it.
pub const QUERY_CANCELED: &str = "57014";
/// The role is not known or the password is wrong.
pub const INVALID_AUTHORIZATION: &str = "28000";
/// The password is wrong.
pub const INVALID_PASSWORD: &str = "28P01";
/// There is no such database.
pub const INVALID_CATALOG_NAME: &str = "3D000";
