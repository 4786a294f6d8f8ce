//! What makes two requests the same.

use sha2::{Digest as _, Sha256};

/// The SHA-256 of a method and its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a call of `method` with `request`: the canonical bytes of the request without its key, so
    /// that equal requests have equal bytes. The method is part of it, followed by a zero byte, because one key may be
    /// sent to two methods.
    pub fn of(method: &str, request: &[u8]) -> Self {
        Self(Sha256::new().chain_update(method).chain_update([0]).chain_update(request).finalize().into())
    }

    /// The bytes of the hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn method_and_request_do_not_run_into_each_other() {
        assert_eq!(Fingerprint::of("Place", b"x"), Fingerprint::of("Place", b"x"));
        assert_ne!(Fingerprint::of("Place", b"x"), Fingerprint::of("Placex", b""));
        assert_ne!(Fingerprint::of("Place", b"x"), Fingerprint::of("Cancel", b"x"));
    }

    #[test]
    fn the_form_is_that_of_stored_ones() {
        // Of "a", a zero byte and "b".
        let expected = [
            0x59, 0xb2, 0x71, 0xae, 0x1b, 0xbc, 0xb1, 0xd3, 0x1d, 0x41, 0x92, 0x98, 0x17, 0xf4, 0xb1, 0x6f,
            0xb4, 0x39, 0xeb, 0x4f, 0x31, 0x52, 0x0b, 0x5a, 0xd1, 0xd5, 0xce, 0x98, 0x92, 0x0a, 0x71, 0x38,
        ];
        assert_eq!(Fingerprint::of("a", b"b").as_bytes(), &expected);
    }
}
