//! What the services say to each other, and nothing else.
//!
//! - [`common`], [`orders`], [`inventory`], [`payment`], [`projection`]: the types generated from `proto/`.
//! - [`topics`] and [`events`]: the registry of every topic and of every type of message on it.
//! - [`health`]: the names under which services tell the health of what they depend on.
//! - [`partition`]: which partition a key belongs to, for every producer and every consumer alike.
//! - [`payloads`]: messages as JSON, also those whose type is known only by name.
//! - [`envelope`]: what travels in the headers of a message (CloudEvents in binary mode, lane, sequence).
//!
//! **Guarantees.** A topic or a message type exists if and only if the registry lists it. An order has the same
//! partition in every topic. An envelope that was encoded is decoded to the same envelope.
//!
//! **Does not.** It sends and receives nothing.
//!
//! **How to add one more message type.** Declare the message in the owner's `events.proto` (or the receiver's
//! `commands.proto`), add it to the list in [`events`] with its topic; the compiler leads on from there.

pub mod convert;
pub mod envelope;
pub mod events;
pub mod health;
pub mod partition;
pub mod payloads;
pub mod topics;

/// Every service, message and enum of `proto/`, as an encoded `FileDescriptorSet` for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Declares the module of one generated protobuf package.
macro_rules! package {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub mod $name {
            /// Version 1.
            #[allow(clippy::all, clippy::pedantic, clippy::allow_attributes, clippy::allow_attributes_without_reason, missing_docs, reason = "generated code: which lints it meets differs from package to package")]
            pub mod v1 {
                include!(concat!(env!("OUT_DIR"), "/bowline.", stringify!($name), ".v1.rs"));
            }
        }
    };
}

package! {
    /// Shared by all.
    common
}
package! {
    /// The orders service: its gRPC API and its events.
    orders
}
package! {
    /// The inventory service: catalogue and stock API, events, and the commands it receives.
    inventory
}
package! {
    /// The payment service: its gRPC API, its events, and the commands it receives.
    payment
}
package! {
    /// The projection service: the query API.
    projection
}
