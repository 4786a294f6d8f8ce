/** A shop on Bowline: places an order and follows it, cancels another, and sees what was done and undone for both. */
import { randomUUID } from "node:crypto";
import { credentials, type ServiceError } from "@grpc/grpc-js";
import type { Money } from "./generated/bowline/common/v1/money.js";
import type { Order, OrderStatus } from "./generated/bowline/orders/v1/order.js";
import { OrdersServiceClient, PlaceOrderRequest } from "./generated/bowline/orders/v1/orders_service.js";
import {
  ListOrdersRequest,
  type OrderView,
  PaymentState,
  QueryServiceClient,
  StockStatus,
  type WatchOrderResponse,
} from "./generated/bowline/projection/v1/query_service.js";
import { address, call, isServiceError, options, refusal } from "./services.js";

const followMs = 60_000;

const orders = new OrdersServiceClient(address("orders"), credentials.createInsecure(), options);
const queries = new QueryServiceClient(address("projection"), credentials.createInsecure(), options);

const placeOrder = orders.placeOrder.bind(orders);
const cancelOrder = orders.cancelOrder.bind(orders);

function money(amount: Money | undefined): string {
  const minor = amount?.amountMinor ?? 0n;
  return `${minor / 100n}.${(minor % 100n).toString().padStart(2, "0")} ${amount?.currencyCode ?? ""}`;
}

function word(status: OrderStatus): string {
  return status.replace("ORDER_STATUS_", "").toLowerCase();
}

/** Where an order stands, and what stock and payment have reported for it. */
function standing({ status, stockStatus, paymentState, finished }: OrderView): string {
  const words = [word(status)];
  if (stockStatus !== StockStatus.STOCK_STATUS_UNSPECIFIED) words.push(stockStatus.replace("_STATUS_", " ").toLowerCase());
  if (paymentState !== PaymentState.PAYMENT_STATE_UNSPECIFIED) words.push(paymentState.replace("_STATE_", " ").toLowerCase());
  return [...words, ...(finished ? ["finished"] : [])].join(", ");
}

/** The caller chooses the id of a request and keeps it for every try of it. */
function orderOf(customerId: string, sku: string, quantity: number): PlaceOrderRequest {
  return PlaceOrderRequest.fromPartial({
    requestId: randomUUID(),
    customerId,
    lines: [{ sku, quantity }],
    paymentToken: "tok_visa",
  });
}

async function place(request: PlaceOrderRequest): Promise<Order> {
  const { order } = await call(placeOrder, request);
  if (order === undefined) throw new Error("orders answered without the order");
  console.log(`placed ${order.orderId} for ${money(order.total)}`);
  return order;
}

async function cancel(orderId: string): Promise<void> {
  await call(cancelOrder, { requestId: randomUUID(), orderId });
}

/** Prints every change of an order until it is finished. */
async function follow(orderId: string): Promise<void> {
  let last: OrderView | undefined;
  const stream = queries.watchOrder({ orderId }, { deadline: Date.now() + followMs });
  for await (const answer of stream as AsyncIterable<WatchOrderResponse>) {
    last = answer.order;
    if (last) console.log(`  ${standing(last)}`);
  }
  if (!last?.finished) throw new Error(`order ${orderId} was not followed to its end`);
}

async function printHistory(orderId: string): Promise<void> {
  const { entries } = await call(queries.getOrderTimeline.bind(queries), { orderId });
  for (const { compensation, service, type, summary } of entries) {
    const step = type.split(".").at(-1) ?? type;
    console.log(`  ${(compensation ? "undo" : "do").padEnd(4)} ${service.padEnd(9)} ${step.padEnd(18)} ${summary}`);
  }
}

/** What a service answers to what it has to refuse. */
async function refused(what: string, answer: Promise<unknown>): Promise<string> {
  const error: unknown = await answer.then(
    () => new Error(`${what}: it was accepted`),
    (error: unknown) => error,
  );
  if (isServiceError(error)) return `${what}: ${refusal(error)}`;
  throw error;
}

async function main(sku: string): Promise<void> {
  const customer = `typescript-${randomUUID().slice(0, 8)}`;

  const request = orderOf(customer, sku, 2);
  const sold = await place(request);
  const again = await call(placeOrder, request);
  console.log(`sent again it is ${again.order?.orderId === sold.orderId ? "the same" : "another"} order`);

  const other = await place(orderOf(customer, sku, 1));
  // The saga may be faster than the customer.
  const answer = await cancel(other.orderId).then(
    () => "cancelled it",
    (error: ServiceError) => `not cancelled: ${refusal(error)}`,
  );
  console.log(answer);

  for (const { orderId } of [sold, other]) {
    console.log(`following ${orderId}`);
    await follow(orderId);
    await printHistory(orderId);
  }

  console.log(`orders of ${customer}, newest first`);
  const list = ListOrdersRequest.fromPartial({ customerId: customer });
  for (const view of (await call(queries.listOrders.bind(queries), list)).orders) {
    console.log(`  ${view.orderId} ${word(view.status)} ${money(view.total)}`);
  }

  console.log(await refused("an order of nothing", call(placeOrder, orderOf(customer, sku, 0))));
  console.log(await refused("a cancellation too late", cancel(sold.orderId)));
}

try {
  await main(process.argv[2] ?? "85123A");
} catch (error) {
  console.error(`error: ${isServiceError(error) ? refusal(error) : error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
} finally {
  orders.close();
  queries.close();
}
