//! Messages: protobuf, to which later releases add fields.

/// A field of every wire type, with numbers that no message has: 1001 to 1004.
const LATER_FIELDS: &[&[u8]] = &[
    &[0xc8, 0x3e, 7],
    &[0xd1, 0x3e, 7, 7, 7, 7, 7, 7, 7, 7],
    &[0xda, 0x3e, 3, b'n', b'e', b'w'],
    &[0xe5, 0x3e, 7, 7, 7, 7],
];

/// A protobuf message as a release would send it that has added fields to it.
pub fn with_later_fields(payload: &[u8]) -> Vec<u8> {
    [payload, &LATER_FIELDS.concat()].concat()
}
