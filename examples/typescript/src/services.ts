/** Where Bowline's services are, how they are called, and what they say when they refuse. */
import { readFileSync } from "node:fs";
import {
  type CallOptions,
  type ClientOptions,
  type ClientUnaryCall,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { BadRequest, ErrorInfo } from "./generated/google/rpc/error_details.js";
import { Status } from "./generated/google/rpc/status.js";

/** What may be tried again. A write goes with the same request_id each time, so it takes effect once. */
const retries = readFileSync(new URL("../../retries.json", import.meta.url), "utf8");

export const options: ClientOptions = { "grpc.service_config": retries };

const callMs = 10_000;

/** The gRPC address of a service, from the variable that Bowline's own command-line tool reads. */
export function address(service: string): string {
  const pairs = (process.env["BOWLINE_SERVICE_URLS"] ?? "").split(",").map((pair) => pair.split("="));
  const url = pairs.find(([name]) => name === service)?.[1];
  if (url === undefined) {
    throw new Error(
      `no address of ${service} is known: give them as \`./bowline up\` printed them, ` +
        "BOWLINE_SERVICE_URLS=orders=http://HOST:PORT,projection=http://HOST:PORT",
    );
  }
  return url.replace(/^http:\/\//, "");
}

type Unary<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

/** Calls with a deadline, and waits for the answer. */
export function call<Request, Response>(unary: Unary<Request, Response>, request: Request): Promise<Response> {
  return new Promise((resolve, reject) => {
    const deadline = new Date(Date.now() + callMs);
    unary(request, new Metadata(), { deadline }, (error, response) => (error ? reject(error) : resolve(response)));
  });
}

export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && "details" in error && "metadata" in error;
}

/** Code and reason of a refusal, for programs, and each field that is wrong. */
export function refusal(error: ServiceError): string {
  const said: string[] = [];
  const encoded = error.metadata.get("grpc-status-details-bin")[0];
  for (const detail of Buffer.isBuffer(encoded) ? Status.decode(encoded).details : []) {
    if (detail.typeUrl.endsWith("/google.rpc.ErrorInfo")) {
      said.unshift(ErrorInfo.decode(detail.value).reason);
    } else if (detail.typeUrl.endsWith("/google.rpc.BadRequest")) {
      const { fieldViolations } = BadRequest.decode(detail.value);
      said.push(...fieldViolations.map(({ field, description }) => `${field}: ${description}`));
    }
  }
  return `${status[error.code]} ${said.join("; ") || error.details}`;
}
