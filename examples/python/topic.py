"""Hears what orders publishes, exactly once: the rule that every consumer of Bowline's topics can keep."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from bowline.orders.v1 import events_pb2
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

TOPIC = "orders.events.v1"
TYPES = {
    message.DESCRIPTOR.full_name: message
    for message in (
        events_pb2.OrderPlaced,
        events_pb2.OrderConfirmed,
        events_pb2.OrderCancelled,
        events_pb2.OrderFinished,
    )
}


@dataclass
class Event:
    """A message: what its headers say, and what it holds."""

    type: str
    source: str
    sequence: int
    key: str
    message: object


def events(brokers: str, wait_seconds: float) -> Iterator[Event]:
    """Every event from the beginning of the topic on; ends when nothing has come for so long."""
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            # Positions are kept by whoever applies the messages, beside what they lead to; here nobody does.
            "group.id": "bowline-example",
            "enable.auto.commit": False,
        }
    )
    partitions = consumer.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions
    consumer.assign([TopicPartition(TOPIC, number, OFFSET_BEGINNING) for number in partitions])
    applied: dict[tuple[str, int], int] = {}
    try:
        last = time.monotonic()
        while time.monotonic() - last < wait_seconds:
            record = consumer.poll(0.2)
            if record is None:
                continue
            if record.error():
                raise KafkaException(record.error())
            headers = {name: value.decode() for name, value in record.headers() or []}
            # A relay that was interrupted publishes again: what is not above the last sequence was applied before. The
            # announcement of a lane's head, which has no key, and types that only a newer sender knows are passed over.
            lane, sequence = (headers["ce_source"], record.partition()), int(headers["ce_sequence"])
            known = TYPES.get(headers["ce_type"])
            if record.key() is None or sequence <= applied.get(lane, 0):
                continue
            applied[lane] = sequence
            if known is not None:
                last = time.monotonic()
                message = known.FromString(record.value())
                yield Event(headers["ce_type"], lane[0], sequence, record.key().decode(), message)
    finally:
        consumer.close()
