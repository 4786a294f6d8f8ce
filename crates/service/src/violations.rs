use std::fmt::Display;
use std::ops::RangeInclusive;

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::{ApiError, decode_page_token};

/// One field of a request that is not valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The path of the field, such as `lines[3].quantity`.
    pub field: String,
    /// What was expected, and what was there.
    pub description: String,
}

/// Characters of a description that a caller is shown; it may quote what the caller sent.
const DESCRIPTION_SHOWN: usize = 200;

/// Collects everything that is wrong with a request, so that the caller hears of all of it at once.
///
/// The checks return the value when it is good, so that the request is read and checked in one go:
///
/// ```
/// # use bowline_service::Violations;
/// let mut violations = Violations::new();
/// let order_id = violations.uuid("order_id", "no uuid");
/// violations.within("lines[0]", |line| { line.range("quantity", 0, 1..=100_000); });
/// let error = violations.finish().expect_err("two fields are wrong");
/// assert_eq!(error.violations()[1].field, "lines[0].quantity");
/// assert_eq!(error.violations()[1].description, "must be between 1 and 100000, was 0");
/// ```
#[derive(Debug, Default)]
pub struct Violations {
    prefix: String,
    found: Vec<Violation>,
}

impl Violations {
    /// Nothing found yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names a field that is not valid. A long description is cut, and of very many fields an answer names the first 20.
    pub fn add(&mut self, field: &str, description: impl Into<String>) {
        let field = if self.prefix.is_empty() || field.is_empty() {
            format!("{}{field}", self.prefix)
        } else {
            format!("{}.{field}", self.prefix)
        };
        let mut description = description.into();
        if let Some((end, _)) = description.char_indices().nth(DESCRIPTION_SHOWN) {
            description.truncate(end);
            description.push('…');
        }
        self.found.push(Violation { field, description });
    }

    /// Checks a nested message; the fields named inside lie below `field`.
    pub fn within<T>(&mut self, field: &str, check: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.prefix.len();
        if length > 0 {
            self.prefix.push('.');
        }
        self.prefix.push_str(field);
        let checked = check(self);
        self.prefix.truncate(length);
        checked
    }

    /// The value, or its error as the description.
    pub fn take<T, E: Display>(&mut self, field: &str, outcome: Result<T, E>) -> Option<T> {
        outcome.map_err(|error| self.add(field, error.to_string())).ok()
    }

    /// A nested message that must be there.
    pub fn required<T>(&mut self, field: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.add(field, "must be given");
        }
        value
    }

    /// A UUID in its hyphenated form.
    pub fn uuid(&mut self, field: &str, text: &str) -> Option<Uuid> {
        match Uuid::try_parse(text) {
            Ok(id) if text.len() == 36 => Some(id),
            _ if text.is_empty() => {
                self.add(field, "must be a UUID, was empty");
                None
            }
            _ => {
                self.add(field, format!("must be a UUID, was \"{}\"", shortened(text)));
                None
            }
        }
    }

    /// A text whose number of characters lies in a range.
    pub fn text<'a>(
        &mut self,
        field: &str,
        text: &'a str,
        lengths: RangeInclusive<usize>,
    ) -> Option<&'a str> {
        let length = text.chars().count();
        if lengths.contains(&length) {
            return Some(text);
        }
        let (least, most) = lengths.into_inner();
        self.add(field, format!("must have between {least} and {most} characters, had {length}"));
        None
    }

    /// A number, or any other ordered value, in a range.
    pub fn range<T: PartialOrd + Display>(
        &mut self,
        field: &str,
        value: T,
        range: RangeInclusive<T>,
    ) -> Option<T> {
        if range.contains(&value) {
            return Some(value);
        }
        self.add(field, format!("must be between {} and {}, was {value}", range.start(), range.end()));
        None
    }

    /// The field `page_size` (AIP-158): 0 means the default, more than the most is cut to the most, below 0 is wrong.
    pub fn page_size(&mut self, page_size: i32, default: u32, most: u32) -> Option<u32> {
        match u32::try_from(page_size) {
            Ok(0) => Some(default),
            Ok(size) => Some(size.min(most)),
            Err(_) => {
                self.add("page_size", format!("must not be negative, was {page_size}"));
                None
            }
        }
    }

    /// The field `page_token` (AIP-158): empty means the first page. See [`decode_page_token`] for the rest.
    pub fn page_token<F: Serialize, C: DeserializeOwned>(
        &mut self,
        token: &str,
        method: &str,
        filters: &F,
    ) -> Option<C> {
        if token.is_empty() {
            return None;
        }
        let cursor = decode_page_token(token, method, filters);
        self.take("page_token", cursor)
    }

    /// Whether nothing has been found so far.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Fails with all that was found, if anything was.
    pub fn finish(self) -> Result<(), ApiError> {
        if self.found.is_empty() { Ok(()) } else { Err(ApiError::malformed(self.found)) }
    }

    /// The request as read, or all that was found.
    ///
    /// # Panics
    /// If `value` is `None` although nothing was found: the caller then drops a value without naming why.
    pub fn finish_with<T>(self, value: Option<T>) -> Result<T, ApiError> {
        self.finish()?;
        Ok(value.expect("a request without violations could be read"))
    }
}

/// Enough of a wrong text to recognise it.
fn shortened(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use tonic::{Code, Status};
    use tonic_types::StatusExt as _;

    use super::*;

    #[test]
    fn all_fields_reach_the_caller() {
        let mut violations = Violations::new();
        assert_eq!(violations.uuid("request_id", ""), None);
        assert!(violations.uuid("order_id", "67e55044-10b1-426f-9247-bb680e5fe0c8").is_some());
        assert_eq!(violations.uuid("customer_id", &"x".repeat(50)), None);
        violations.within("order", |order| {
            order.within("lines[3]", |line| {
                assert_eq!(line.range("quantity", 0, 1..=100_000), None);
                assert_eq!(line.text("sku", "é", 1..=1), Some("é"));
            });
            assert_eq!(order.text("note", "", 1..=5), None);
            assert_eq!(order.required::<()>("price", None), None);
        });
        let status = Status::from(violations.finish().expect_err("five are wrong"));
        assert_eq!(status.code(), Code::InvalidArgument);
        let found = status.get_details_bad_request().expect("has violations").field_violations;
        let fields: Vec<_> = found.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(
            fields,
            ["request_id", "customer_id", "order.lines[3].quantity", "order.note", "order.price"]
        );
        assert_eq!(found[2].description, "must be between 1 and 100000, was 0");
        assert_eq!(found[1].description, format!("must be a UUID, was \"{}…\"", "x".repeat(40)));
        assert!(status.message().contains("request_id must be a UUID, was empty; customer_id"), "{status}");
    }

    #[test]
    fn an_answer_names_the_first_violations_and_counts_the_others() {
        let found = |count: usize, description: &str| {
            let mut violations = Violations::new();
            for index in 0..count {
                violations.add(&format!("lines[{index}]"), description);
            }
            violations.finish().expect_err("some are wrong").violations().to_vec()
        };
        assert_eq!(found(20, "must be good").len(), 20);
        let many = found(1_000, "must be good");
        assert_eq!((many.len(), many[19].field.as_str()), (21, "lines[19]"));
        assert_eq!((many[20].field.as_str(), &*many[20].description), ("request", "has 980 more violations"));

        let long = found(3, &"é".repeat(100_000));
        assert_eq!(long[0].description, format!("{}…", "é".repeat(200)));
        assert!(found(20, &"é".repeat(100_000)).len() < 10, "their text is bounded as well");
    }

    #[test]
    fn pages_have_a_default_and_a_most() {
        let mut violations = Violations::new();
        let sizes = [0, 7, 5_000].map(|size| violations.page_size(size, 50, 1_000));
        assert_eq!(sizes, [Some(50), Some(7), Some(1_000)]);
        assert!(violations.is_empty());
        assert_eq!(violations.page_size(-1, 50, 1_000), None);
        assert_eq!(violations.page_token::<_, u64>("", "ListOrders", &()), None);
        assert_eq!(violations.page_token::<_, u64>("garbage", "ListOrders", &()), None);
        let error = violations.finish().expect_err("two are wrong");
        assert_eq!(error.violations()[1].field, "page_token");
    }
}
