//! W3C Trace Context in the text of version 00: `00-<trace>-<span>-<flags>`, 32, 16 and 2 hexadecimal digits.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// The length of the text, the same for all of them.
const LENGTH: usize = 55;

/// Whether somebody upstream has decided that this trace is recorded. It looks at the lowest bit of the flags.
pub fn is_sampled(traceparent: Option<&str>) -> bool {
    let flag =
        traceparent.map(str::as_bytes).filter(|text| text.len() == LENGTH).map(|text| text[LENGTH - 1]);
    flag.and_then(|digit| char::from(digit).to_digit(16)).is_some_and(|digit| digit & 1 == 1)
}

/// The context that a text stands for; `None` if it is none.
pub(crate) fn read(traceparent: &str) -> Option<SpanContext> {
    if traceparent.len() != LENGTH {
        return None;
    }
    let mut parts = traceparent.split('-');
    let mut next = |length: usize| {
        let hexadecimal = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        parts.next().filter(|part| part.len() == length && part.bytes().all(hexadecimal))
    };
    let (version, trace, span, flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let context = SpanContext::new(trace, span, flags, true, TraceState::default());
    // Ids of zeros are none by the standard.
    (version == "00" && context.is_valid()).then_some(context)
}

/// The text of a context.
pub(crate) fn write(context: &SpanContext) -> String {
    let flags = u8::from(context.trace_flags().is_sampled());
    format!("00-{:032x}-{:016x}-{flags:02x}", context.trace_id(), context.span_id())
}

/// The same place in the same trace, of which nothing is recorded any more.
pub(crate) fn unsampled(context: &SpanContext) -> String {
    format!("00-{:032x}-{:016x}-00", context.trace_id(), context.span_id())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn what_was_read_is_written_as_it_was() {
        let context = read(SAMPLED).expect("it is well-formed");
        assert!(context.is_remote() && context.is_sampled());
        assert_eq!(write(&context), SAMPLED);
        assert_eq!(unsampled(&context), SAMPLED.replace("-01", "-00"));
        let unsampled = SAMPLED.replace("-01", "-00");
        assert_eq!(read(&unsampled).as_ref().map(write), Some(unsampled));
    }

    #[test]
    fn ids_keep_their_zeros() {
        let text = "00-000000000000000000000000000000ff-000000000000000a-01";
        assert_eq!(read(text).as_ref().map(write).as_deref(), Some(text));
    }

    #[test]
    fn the_lowest_bit_of_the_flags_decides() {
        let with = |flags: &str| format!("{}{flags}", &SAMPLED[..53]);
        for sampled in ["01", "03", "ff", "0b"] {
            assert!(is_sampled(Some(&with(sampled))), "{sampled}");
        }
        for not in ["00", "02", "fe", "0z", "1"] {
            assert!(!is_sampled(Some(&with(not))), "{not}");
        }
        assert!(!is_sampled(None));
    }

    #[test]
    fn what_is_no_context_is_none() {
        let zeros = |length: usize| "0".repeat(length);
        for wrong in [
            String::new(),
            SAMPLED.to_uppercase(),
            SAMPLED.replacen("00-", "ff-", 1),
            format!("{SAMPLED}-"),
            SAMPLED.replace("0af7", "+af7"),
            format!("00-{}-b7ad6b7169203331-01", zeros(32)),
            format!("00-0af7651916cd43dd8448eb211c80319c-{}-01", zeros(16)),
        ] {
            assert_eq!(read(&wrong), None, "{wrong}");
        }
    }
}
