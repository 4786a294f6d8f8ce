use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The form of the tokens. A change of form takes the next number, so that older tokens are refused, not misread.
const VERSION: u8 = 1;
/// Far above any cursor, far below what hurts to decode.
const LENGTH_MAX: usize = 4_096;

/// A page token that this query did not hand out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the next_page_token of a previous answer to the same query with the same filters")]
pub struct PageTokenRefused;

#[derive(Serialize, Deserialize)]
struct Token<C> {
    v: u8,
    q: [u8; 8],
    c: C,
}

/// An opaque, url-safe token for the page after `cursor`. It is bound to the method and its filters (not to the page
/// size, which may change from page to page). It is not signed: a cursor may hold nothing that the caller must not
/// see or choose.
///
/// # Panics
/// If filters or cursor cannot be written as JSON.
pub fn encode_page_token<F: Serialize, C: Serialize>(method: &str, filters: &F, cursor: &C) -> String {
    let token = Token { v: VERSION, q: query_hash(method, filters), c: cursor };
    let json = serde_json::to_vec(&token).expect("a cursor is plain data");
    URL_SAFE_NO_PAD.encode(json)
}

/// The cursor in a token. A malformed token, and one of another method or other filters, is refused.
///
/// # Panics
/// If the filters cannot be written as JSON.
pub fn decode_page_token<F: Serialize, C: DeserializeOwned>(
    token: &str,
    method: &str,
    filters: &F,
) -> Result<C, PageTokenRefused> {
    if token.len() > LENGTH_MAX {
        return Err(PageTokenRefused);
    }
    let json = URL_SAFE_NO_PAD.decode(token).map_err(|_| PageTokenRefused)?;
    let token: Token<C> = serde_json::from_slice(&json).map_err(|_| PageTokenRefused)?;
    if token.v == VERSION && token.q == query_hash(method, filters) {
        Ok(token.c)
    } else {
        Err(PageTokenRefused)
    }
}

/// Binds a token to its query. Eight bytes tell queries apart; they protect nothing.
fn query_hash<F: Serialize>(method: &str, filters: &F) -> [u8; 8] {
    let query = serde_json::to_vec(&(method, filters)).expect("filters are plain data");
    let digest = Sha256::digest(query);
    let mut hash = [0; 8];
    hash.copy_from_slice(&digest[..8]);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    type Cursor = (String, u64);

    #[test]
    fn a_token_leads_back_to_its_cursor() {
        let cursor = ("2026-01-02T03:04:05Z".to_owned(), 42);
        let token = encode_page_token("ListOrders", &("customer", 7), &cursor);
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
        assert_eq!(decode_page_token("x", "ListOrders", &()), Err::<Cursor, _>(PageTokenRefused));
        assert_eq!(decode_page_token(&token, "ListOrders", &("customer", 7)), Ok(cursor));
    }

    #[test]
    fn a_foreign_or_broken_token_is_refused() {
        let token = encode_page_token("ListOrders", &"a", &7);
        let other_version = URL_SAFE_NO_PAD.encode(
            serde_json::to_vec(&Token { v: 2, q: query_hash("ListOrders", &"a"), c: 7 }).expect("plain data"),
        );
        let long = "A".repeat(LENGTH_MAX + 1);
        let refused = |token: &str, method: &str, filter: &str| {
            decode_page_token::<_, u64>(token, method, &filter) == Err(PageTokenRefused)
        };
        assert!(refused(&token, "ListOrders", "b"));
        assert!(refused(&token, "ListProducts", "a"));
        assert!(refused(&token[1..], "ListOrders", "a"));
        assert!(refused("%%%", "ListOrders", "a"));
        assert!(refused(&other_version, "ListOrders", "a"));
        assert!(refused(&long, "ListOrders", "a"));
        assert!(!refused(&token, "ListOrders", "a"));
    }
}
