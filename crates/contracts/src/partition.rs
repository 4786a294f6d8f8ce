//! Which partition a key belongs to.

use uuid::Uuid;

/// The partition of `key` among `partitions`, as Kafka's default partitioner computes it for the key's text.
///
/// The text is the lower-case hyphenated UUID in UTF-8; the partition is `(murmur2(text) & 0x7fffffff) mod n`. Every
/// producer sets it explicitly, and `n` never changes for a topic, so that an order stays where it is.
pub fn of_key(key: Uuid, partitions: u16) -> u16 {
    let mut buffer = Uuid::encode_buffer();
    let text = key.hyphenated().encode_lower(&mut buffer);
    let hash = murmur2(text.as_bytes()) & 0x7fff_ffff;
    u16::try_from(hash % u32::from(partitions)).expect("a remainder is smaller than its u16 divisor")
}

/// MurmurHash2, 32 bits, with the seed of the Kafka clients (Austin Appleby, public domain algorithm).
fn murmur2(data: &[u8]) -> u32 {
    const MULTIPLIER: u32 = 0x5bd1_e995;
    const SEED: u32 = 0x9747_b28c;
    let length = u32::try_from(data.len()).expect("keys are far shorter than 4 GiB");
    let mut hash = SEED ^ length;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes(word.try_into().expect("chunks of exactly four bytes"));
        k = k.wrapping_mul(MULTIPLIER);
        k ^= k >> 24;
        hash = hash.wrapping_mul(MULTIPLIER) ^ k.wrapping_mul(MULTIPLIER);
    }
    let tail = words.remainder();
    if !tail.is_empty() {
        for (index, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of the Kafka clients' own tests.
    #[test]
    fn the_hash_is_the_one_of_kafka_clients() {
        let known: [(&str, i32); 6] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ];
        for (text, expected) in known {
            assert_eq!(murmur2(text.as_bytes()).cast_signed(), expected, "murmur2 of {text:?}");
        }
    }

    #[test]
    fn every_partition_is_used_about_equally() {
        let mut counts = [0_u32; 16];
        for number in 0..16_000_u64 {
            counts[usize::from(of_key(Uuid::from_u64_pair(number, !number), 16))] += 1;
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    }
}
