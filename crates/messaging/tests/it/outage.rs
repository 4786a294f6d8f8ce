//! Kafka is not there yet.

use std::net::SocketAddr;

use bowline_messaging::KafkaOptions;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::stage::{Service, in_order, kafka, key, steady};

/// An address at which nobody listens until [`open`].
async fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// Lets connections to `address` through to the broker, for as long as the result lives.
async fn open(address: SocketAddr, broker: String) -> JoinSet<()> {
    let listener = TcpListener::bind(address).await.unwrap();
    let mut doors = JoinSet::new();
    doors.spawn(async move {
        let mut passing = JoinSet::new();
        loop {
            let (mut inside, _) = listener.accept().await.unwrap();
            let broker = broker.clone();
            passing.spawn(async move {
                let mut outside = TcpStream::connect(broker).await.unwrap();
                // Either side may hang up.
                let _ = tokio::io::copy_bidirectional(&mut inside, &mut outside).await;
            });
        }
    });
    doors
}

#[tokio::test]
async fn commands_are_executed_while_kafka_is_away_and_messages_flow_when_it_comes() {
    let (orders, inventory, real) = (Service::orders().await, Service::inventory().await, kafka().await);
    let address = closed().await;
    let kafka = KafkaOptions::new(vec![address.to_string()], real.namespace.clone());
    let speaker = orders.start(&kafka, steady()).await;
    let listener = inventory.start(&kafka, steady()).await;
    speaker.say((0..50).map(key)).await;
    assert_eq!(orders.number("SELECT sum(sequence)::bigint FROM messaging.published").await, 0);

    let doors = open(address, real.brokers[0].clone()).await;
    let applied = inventory.applies(50).await;
    assert!(in_order(&applied), "{applied:?}");
    speaker.drain().await;
    listener.drain().await;
    drop(doors);
}
