//! Asking a broker, one question on a connection of its own.

use std::time::Duration;

use bytes::{Buf as _, BufMut as _, BytesMut};
use kafka_protocol::messages::{ApiKey, MetadataRequest, MetadataResponse, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, StrBytes};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Known to every broker since Kafka 2.8 and still to 4.x.
pub(super) const METADATA_VERSION: i16 = 9;
const ANSWER_MAX: Duration = Duration::from_secs(3);
const ANSWER_BYTES_MAX: u32 = 16 << 20;

/// Whether one of `brokers` (a comma-separated list of host:port) answers that the cluster has a broker at work. A
/// broker answers before the controller lets it work; then it lists none.
pub(crate) async fn answers(brokers: &str) -> bool {
    // No topics asked for: the answer is about the brokers alone.
    let question = MetadataRequest::default().with_topics(Some(Vec::new()));
    for address in brokers.split(',').map(str::trim) {
        let answer = ask(address, ApiKey::Metadata, &question, METADATA_VERSION).await;
        if answer.is_ok_and(|answer: MetadataResponse| !answer.brokers.is_empty()) {
            return true;
        }
    }
    false
}

/// Puts a question to the broker at `address` and reads the answer that belongs to it.
pub(super) async fn ask<Q, A>(address: &str, key: ApiKey, question: &Q, version: i16) -> std::io::Result<A>
where
    Q: Encodable + HeaderVersion,
    A: Decodable + HeaderVersion,
{
    let answer = tokio::time::timeout(ANSWER_MAX, ask_patiently(address, key, question, version)).await;
    answer.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
}

async fn ask_patiently<Q, A>(address: &str, key: ApiKey, question: &Q, version: i16) -> std::io::Result<A>
where
    Q: Encodable + HeaderVersion,
    A: Decodable + HeaderVersion,
{
    let header = RequestHeader::default()
        .with_request_api_key(key as i16)
        .with_request_api_version(version)
        .with_correlation_id(1)
        .with_client_id(Some(StrBytes::from_static_str("bowline-dev-stack")));
    let mut body = BytesMut::new();
    header.encode(&mut body, Q::header_version(version)).map_err(bad)?;
    question.encode(&mut body, version).map_err(bad)?;
    let mut frame = BytesMut::with_capacity(body.len() + 4);
    frame.put_u32(u32::try_from(body.len()).map_err(bad)?);
    frame.put(body);

    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&frame).await?;
    let length = stream.read_u32().await?;
    if length > ANSWER_BYTES_MAX {
        return Err(bad("not a Kafka broker"));
    }
    let mut answer = vec![0; length as usize];
    stream.read_exact(&mut answer).await?;
    let mut answer = bytes::Bytes::from(answer);
    ResponseHeader::decode(&mut answer, A::header_version(version)).map_err(bad)?;
    let response = A::decode(&mut answer, version).map_err(bad)?;
    debug_assert!(!answer.has_remaining(), "the answer was read to its end");
    Ok(response)
}

fn bad(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, error)
}
