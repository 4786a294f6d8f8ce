//! What can be ordered, and at which price.

use bowline_kernel::{Money, Sku};

use crate::InvalidField;

/// A product of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    sku: Sku,
    name: String,
    price: Money,
    image_uri: String,
}

impl Product {
    /// The longest name, in characters.
    pub const NAME_MAX_CHARS: usize = 200;
    /// The longest address of a picture, in bytes.
    pub const IMAGE_URI_MAX_BYTES: usize = 2_000;

    /// Checks a product; all faults at once, with the names that the fields have in a product message. An empty
    /// `image_uri` stands for no picture.
    pub fn new(
        sku: Sku,
        name: impl Into<String>,
        price: Money,
        image_uri: impl Into<String>,
    ) -> Result<Self, Vec<InvalidField>> {
        let (name, image_uri) = (name.into(), image_uri.into());
        let mut faults = Vec::new();
        if name.trim().is_empty()
            || name.chars().count() > Self::NAME_MAX_CHARS
            || name.chars().any(char::is_control)
        {
            faults.push(InvalidField::new(
                "name",
                "1 to 200 characters, not all white space and without control characters",
            ));
        }
        if price.minor < 1 {
            faults.push(InvalidField::new("price.amount_minor", "at least 1"));
        }
        if image_uri.len() > Self::IMAGE_URI_MAX_BYTES
            || image_uri.chars().any(|c| c.is_control() || c.is_whitespace())
        {
            faults.push(InvalidField::new(
                "image_uri",
                "empty or an address of at most 2,000 bytes without spaces",
            ));
        }
        if faults.is_empty() { Ok(Self { sku, name, price, image_uri }) } else { Err(faults) }
    }

    /// The stock-keeping unit.
    pub const fn sku(&self) -> &Sku {
        &self.sku
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The list price of one unit, at least one minor unit.
    pub const fn price(&self) -> Money {
        self.price
    }

    /// Address of a picture, empty when there is none.
    pub fn image_uri(&self) -> &str {
        &self.image_uri
    }
}

#[cfg(test)]
mod tests {
    use bowline_kernel::Currency;

    use super::*;

    fn product(name: &str, minor: i64, image_uri: &str) -> Result<Product, Vec<InvalidField>> {
        Product::new("85123A".parse().unwrap(), name, Money::new(minor, Currency::GBP), image_uri)
    }

    #[test]
    fn a_product_keeps_what_it_was_given() {
        let lantern = product("WHITE METAL LANTERN", 339, "https://example.com/lantern.jpg").unwrap();
        assert_eq!(lantern.sku().as_str(), "85123A");
        assert_eq!(lantern.name(), "WHITE METAL LANTERN");
        assert_eq!(lantern.price(), Money::new(339, Currency::GBP));
        assert_eq!(lantern.image_uri(), "https://example.com/lantern.jpg");
    }

    #[test]
    fn the_limits_belong_to_what_is_allowed() {
        assert!(product(&"ü".repeat(200), 1, &"x".repeat(2_000)).is_ok());
        assert!(product("x", i64::MAX, "").is_ok());
    }

    #[test]
    fn every_malformed_field_is_named() {
        let faults = product("", 0, "a b").unwrap_err();
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["name", "price.amount_minor", "image_uri"]);
        for name in ["  ", "a\0b", &"x".repeat(201)] {
            assert_eq!(product(name, 1, "").unwrap_err()[0].field, "name");
        }
        assert_eq!(product("x", 1, &"x".repeat(2_001)).unwrap_err()[0].field, "image_uri");
    }
}
