//! Asking a broker whether it is ready.

use std::time::Duration;

use bytes::{Buf as _, BufMut as _, BytesMut};
use kafka_protocol::messages::{ApiKey, MetadataRequest, MetadataResponse, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable as _, Encodable as _, StrBytes};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Known to every broker since Kafka 2.8 and still to 4.x.
const VERSION: i16 = 9;
const ANSWER_MAX: Duration = Duration::from_secs(3);
const ANSWER_BYTES_MAX: u32 = 16 << 20;

/// Whether one of `brokers` (a comma-separated list of host:port) answers that the cluster has a broker at work. A
/// broker answers before the controller lets it work; then it lists none.
pub(crate) async fn answers(brokers: &str) -> bool {
    for address in brokers.split(',').map(str::trim) {
        if let Ok(Ok(count)) = tokio::time::timeout(ANSWER_MAX, brokers_at_work(address)).await
            && count > 0
        {
            return true;
        }
    }
    false
}

async fn brokers_at_work(address: &str) -> std::io::Result<usize> {
    let header = RequestHeader::default()
        .with_request_api_key(ApiKey::Metadata as i16)
        .with_request_api_version(VERSION)
        .with_correlation_id(1)
        .with_client_id(Some(StrBytes::from_static_str("bowline-dev-stack")));
    let mut body = BytesMut::new();
    header.encode(&mut body, ApiKey::Metadata.request_header_version(VERSION)).map_err(bad)?;
    // No topics asked for: the answer is about the brokers alone.
    MetadataRequest::default().with_topics(Some(Vec::new())).encode(&mut body, VERSION).map_err(bad)?;
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
    ResponseHeader::decode(&mut answer, ApiKey::Metadata.response_header_version(VERSION)).map_err(bad)?;
    let metadata = MetadataResponse::decode(&mut answer, VERSION).map_err(bad)?;
    debug_assert!(!answer.has_remaining(), "the answer was read to its end");
    Ok(metadata.brokers.len())
}

fn bad(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, error)
}
