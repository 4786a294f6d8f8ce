use std::fmt;

use url::Url;

use crate::Setting;

const HIDDEN: &str = "***";

/// Text that no log line, message or debug output shows; only [`Secret::expose`] gives it away.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret<T>(T);

/// The address of a PostgreSQL database. `Debug` and `Display` show it without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(Url);

impl<T> Secret<T> {
    /// Wraps a value that must not be shown.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for the one place that needs it.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl<T: Setting> Setting for Secret<T> {
    fn parse(text: &str) -> Result<Self, String> {
        T::parse(text).map(Self)
    }

    fn redact(_text: &str) -> String {
        HIDDEN.into()
    }
}

impl DatabaseUrl {
    /// The whole address with its password, for the driver.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }

    /// The name of the database.
    pub fn database(&self) -> &str {
        self.0.path().trim_start_matches('/')
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_password(&self.0))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Setting for DatabaseUrl {
    fn parse(text: &str) -> Result<Self, String> {
        match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "postgres" | "postgresql") && url.path().len() > 1 => {
                Ok(Self(url))
            }
            _ => Err("postgres://user:password@host:port/database".into()),
        }
    }

    fn redact(text: &str) -> String {
        redact_url(text)
    }
}

/// Text that is no address is hidden as a whole: a password may stand anywhere in it.
pub(crate) fn redact_url(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) if url.has_host() => without_password(&url),
        _ => HIDDEN.into(),
    }
}

/// libpq also takes the password as a parameter, so parameters are hidden as well.
fn without_password(url: &Url) -> String {
    let mut shown = url.clone();
    if url.password().is_some() && shown.set_password(Some(HIDDEN)).is_err() {
        return HIDDEN.into();
    }
    let query = url.query().map(|_| HIDDEN);
    shown.set_query(query);
    shown.set_fragment(None);
    shown.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_url_hides_its_password_everywhere() {
        let text = "postgres://orders:s3cret@db.internal:5432/bowline_orders?password=s3cret";
        let url = DatabaseUrl::parse(text).expect("a valid address");
        for shown in [format!("{url}"), format!("{url:?}"), DatabaseUrl::redact(text)] {
            assert_eq!(shown, "postgres://orders:***@db.internal:5432/bowline_orders?***");
        }
        assert_eq!(url.expose(), text);
        assert_eq!(url.database(), "bowline_orders");
    }

    #[test]
    fn a_broken_address_is_hidden_as_a_whole() {
        assert_eq!(DatabaseUrl::redact("orders:s3cret@db"), "***");
        assert!(DatabaseUrl::parse("mysql://db/orders").is_err());
        assert!(DatabaseUrl::parse("postgres://db").is_err());
    }

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::<String>::parse("s3cret").expect("not empty");
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
        assert_eq!(secret.expose(), "s3cret");
    }
}
