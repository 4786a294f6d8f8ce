//! Properties that are handed to librdkafka as they are given, checked before anything is started.

use bowline_config::Setting;
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;

/// What librdkafka speaks when it is built without OpenSSL, which this program does not link (deny.toml).
const PROTOCOLS: [&str; 2] = ["PLAINTEXT", "SASL_PLAINTEXT"];
const MECHANISM: &str = "PLAIN";

/// `name=value` pairs for librdkafka.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(pub Vec<(String, String)>);

impl std::fmt::Debug for Properties {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Setting for Properties {
    fn parse(text: &str) -> Result<Self, String> {
        let pairs = text.split(',').map(|pair| {
            let (name, value) = pair.split_once('=').ok_or("pairs name=value separated by commas")?;
            let (name, value) = (name.trim(), value.trim());
            understood(name, value)?;
            Ok((name.to_owned(), value.to_owned()))
        });
        pairs.collect::<Result<_, String>>().map(Self)
    }

    fn redact(_text: &str) -> String {
        "***".into()
    }
}

/// Whether librdkafka, as it is built here, can do something with it. What is expected instead repeats no value, and no
/// name that librdkafka does not know: it may be the rest of a secret that holds a comma.
fn understood(name: &str, value: &str) -> Result<(), String> {
    let is = |known: &str| known.eq_ignore_ascii_case(value);
    let speaks_tls = name.starts_with("ssl.") || name.starts_with("enable.ssl.");
    match name {
        "security.protocol" if PROTOCOLS.into_iter().any(is) => Ok(()),
        _ if speaks_tls || name == "security.protocol" => Err(format!(
            "{} as security.protocol, without properties of TLS: this build speaks none; for brokers that do, run a proxy \
             beside the service",
            PROTOCOLS.join(" or ")
        )),
        "sasl.mechanism" | "sasl.mechanisms" if !is(MECHANISM) => {
            Err(format!("{MECHANISM} as {name}: this build knows no other"))
        }
        _ => match ClientConfig::new().set(name, value).create_native_config() {
            Ok(_) => Ok(()),
            Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_INVALID, ..)) => {
                Err(format!("another value of {name}"))
            }
            Err(_) => Err("names of properties of librdkafka; a value holds no comma".into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::consumer::BaseConsumer;

    use super::*;

    fn refused(text: &str) -> String {
        Properties::parse(text).expect_err(text)
    }

    #[test]
    fn a_login_without_tls_is_taken_and_a_client_can_be_made_of_it() {
        let given =
            "security.protocol=sasl_plaintext, sasl.mechanism=PLAIN,sasl.username=a,sasl.password=b=c";
        let properties = Properties::parse(given).expect("librdkafka knows them");
        assert_eq!(properties.0[3], ("sasl.password".to_owned(), "b=c".to_owned()));
        let mut config = ClientConfig::new();
        for (name, value) in &properties.0 {
            config.set(name, value);
        }
        assert!(config.create::<BaseConsumer>().is_ok());
        assert_eq!(
            format!("{properties:?}"),
            r#"["security.protocol", "sasl.mechanism", "sasl.username", "sasl.password"]"#
        );
    }

    /// Should this fail because librdkafka is built with more, then let the options say so too.
    #[test]
    fn what_is_refused_is_what_librdkafka_cannot_do() {
        for given in ["security.protocol=SSL", "security.protocol=SASL_SSL", "ssl.ca.location=/ca.pem"] {
            let told = refused(given);
            assert!(told.starts_with("PLAINTEXT or SASL_PLAINTEXT as security.protocol"), "{told}");
        }
        assert!(refused("sasl.mechanism=SCRAM-SHA-512").contains("PLAIN as sasl.mechanism"));
        let built =
            ClientConfig::new().create_native_config().and_then(|config| config.get("builtin.features"));
        let built = built.expect("it tells");
        let features: Vec<&str> = built.trim_end_matches('\0').split(',').collect();
        assert!(features.contains(&"sasl_plain"), "{features:?}");
        for absent in ["ssl", "sasl_scram", "sasl_gssapi", "sasl_oauthbearer"] {
            assert!(!features.contains(&absent), "{absent} is in {features:?}");
        }
    }

    #[test]
    fn what_nobody_knows_is_refused_without_a_word_of_it() {
        assert_eq!(
            refused("sasl.password=se,cret=7"),
            "names of properties of librdkafka; a value holds no comma"
        );
        assert_eq!(refused("sasl.password=se,cret"), "pairs name=value separated by commas");
        assert_eq!(refused("acks=none"), "another value of acks");
    }
}
