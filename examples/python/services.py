"""Where Bowline's services are, how they are called, and what they say when they refuse."""

import os
from pathlib import Path
from typing import NoReturn

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

# What may be tried again. A write goes with the same request_id each time, so it takes effect once.
RETRIES = (Path(__file__).parent.parent / "retries.json").read_text()


def fail(reason: str) -> NoReturn:
    raise SystemExit(f"error: {reason}")


def addresses() -> dict[str, str]:
    """The gRPC addresses by service, from the variable that Bowline's own command-line tool reads."""
    given = os.environ.get("BOWLINE_SERVICE_URLS", "")
    named = dict(pair.split("=", 1) for pair in given.split(",") if "=" in pair)
    if missing := {"orders", "projection"} - named.keys():
        fail(
            f"no address of {' and '.join(sorted(missing))} is known: give them as `./bowline up` printed them, "
            "BOWLINE_SERVICE_URLS=orders=http://HOST:PORT,projection=http://HOST:PORT"
        )
    return {name: url.removeprefix("http://") for name, url in named.items()}


def channel(address: str) -> grpc.Channel:
    return grpc.insecure_channel(address, options=[("grpc.service_config", RETRIES)])


def refusal(error: grpc.RpcError) -> str:
    """Code and reason of a refusal, for programs, and each field that is wrong."""
    status = rpc_status.from_call(error)
    said = []
    for detail in status.details if status else []:
        info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        if detail.Unpack(info):
            said.insert(0, info.reason)
        elif detail.Unpack(request):
            said += [f"{violation.field}: {violation.description}" for violation in request.field_violations]
    return f"{error.code().name} {'; '.join(said) or error.details()}"
