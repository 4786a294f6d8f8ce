"""A shop on Bowline: places an order and follows it, cancels another, and sees what was done and undone for both."""

import os
import sys
import uuid

import grpc
from bowline.orders.v1 import order_pb2, orders_service_pb2 as orders, orders_service_pb2_grpc as orders_grpc
from bowline.projection.v1 import query_service_pb2 as queries, query_service_pb2_grpc as queries_grpc

import services
import topic

CALL_SECONDS = 10
FOLLOW_SECONDS = 60


def money(amount) -> str:
    return f"{amount.amount_minor // 100}.{amount.amount_minor % 100:02} {amount.currency_code}"


def status(view) -> str:
    return order_pb2.OrderStatus.Name(view.status).removeprefix("ORDER_STATUS_").lower()


def standing(view: queries.OrderView) -> str:
    """Where an order stands, and what stock and payment have reported for it."""
    words = [status(view)]
    if view.stock_status:
        words.append(queries.StockStatus.Name(view.stock_status).replace("_STATUS_", " ").lower())
    if view.payment_state:
        words.append(queries.PaymentState.Name(view.payment_state).replace("_STATE_", " ").lower())
    return ", ".join(words + ["finished"] * view.finished)


def order_of(customer: str, sku: str, quantity: int) -> orders.PlaceOrderRequest:
    # The caller chooses the id of a request and keeps it for every try of it.
    return orders.PlaceOrderRequest(
        request_id=str(uuid.uuid4()),
        customer_id=customer,
        lines=[orders.PlaceOrderLine(sku=sku, quantity=quantity)],
        payment_token="tok_visa",
    )


def place(stub: orders_grpc.OrdersServiceStub, request: orders.PlaceOrderRequest) -> order_pb2.Order:
    order = stub.PlaceOrder(request, timeout=CALL_SECONDS).order
    print(f"placed {order.order_id} for {money(order.total)}")
    return order


def follow(stub: queries_grpc.QueryServiceStub, order_id: str) -> queries.OrderView:
    """Prints every change of an order until it is finished."""
    view = None
    for answer in stub.WatchOrder(queries.WatchOrderRequest(order_id=order_id), timeout=FOLLOW_SECONDS):
        view = answer.order
        print(f"  {standing(view)}")
    if view is None or not view.finished:
        services.fail(f"order {order_id} was not followed to its end")
    return view


def print_history(stub: queries_grpc.QueryServiceStub, order_id: str) -> None:
    request = queries.GetOrderTimelineRequest(order_id=order_id)
    for entry in stub.GetOrderTimeline(request, timeout=CALL_SECONDS).entries:
        mark = "undo" if entry.compensation else "do"
        print(f"  {mark:4} {entry.service:9} {entry.type.rsplit('.', 1)[1]:18} {entry.summary}")


def print_refusal(what: str, call) -> None:
    try:
        call()
    except grpc.RpcError as error:
        print(f"{what}: {services.refusal(error)}")
    else:
        services.fail(f"{what}: it was accepted")


def shop(customer: str, sku: str) -> str:
    """Everything that goes over gRPC. Returns the order that was sold."""
    addresses = services.addresses()
    with services.channel(addresses["orders"]) as to_orders, services.channel(addresses["projection"]) as to_queries:
        stub, reads = orders_grpc.OrdersServiceStub(to_orders), queries_grpc.QueryServiceStub(to_queries)

        request = order_of(customer, sku, 2)
        sold = place(stub, request)
        again = stub.PlaceOrder(request, timeout=CALL_SECONDS).order
        print(f"sent again it is {'the same' if again.order_id == sold.order_id else 'another'} order")

        other = place(stub, order_of(customer, sku, 1))
        cancel = orders.CancelOrderRequest(request_id=str(uuid.uuid4()), order_id=other.order_id)
        try:
            stub.CancelOrder(cancel, timeout=CALL_SECONDS)
            print("cancelled it")
        except grpc.RpcError as error:
            # The saga may be faster than the customer.
            print(f"not cancelled: {services.refusal(error)}")

        for order_id in (sold.order_id, other.order_id):
            print(f"following {order_id}")
            follow(reads, order_id)
            print_history(reads, order_id)

        print(f"orders of {customer}, newest first")
        for view in reads.ListOrders(queries.ListOrdersRequest(customer_id=customer), timeout=CALL_SECONDS).orders:
            print(f"  {view.order_id} {status(view)} {money(view.total)}")

        print_refusal("an order of nothing", lambda: stub.PlaceOrder(order_of(customer, sku, 0), timeout=CALL_SECONDS))
        late = orders.CancelOrderRequest(request_id=str(uuid.uuid4()), order_id=sold.order_id)
        print_refusal("a cancellation too late", lambda: stub.CancelOrder(late, timeout=CALL_SECONDS))
    return sold.order_id


def hear(brokers: str, order_id: str) -> None:
    """What orders has published about one order."""
    print(f"heard on {topic.TOPIC}")
    for event in topic.events(brokers, wait_seconds=10):
        if event.key == order_id:
            print(f"  {event.type.rsplit('.', 1)[1]} from {event.source}")
            if event.type.endswith(".OrderFinished"):
                return
    services.fail(f"the end of order {order_id} is not on the topic")


def main() -> None:
    sku = sys.argv[1] if len(sys.argv) > 1 else "85123A"
    order_id = shop(f"python-{uuid.uuid4().hex[:8]}", sku)
    if brokers := os.environ.get("BOWLINE_KAFKA_BROKERS"):
        hear(brokers, order_id)


if __name__ == "__main__":
    try:
        main()
    except grpc.RpcError as error:
        services.fail(services.refusal(error))
