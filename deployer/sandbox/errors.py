"""
The two error bodies of Kibana, in one place (facts.md section 9.1).

* SandboxError        the sandbox itself cannot do what it was started for; a sentence for a person
* ApiError            an answer to one request
  + SiemError         raised inside the detection and lists handlers: `{"message", "status_code"}`
  + PlatformError     raised by Kibana's router and core: `{"statusCode", "error", "message"}`

A handler raises one of them; `app` turns it into the response.
"""

from __future__ import annotations

from http import HTTPStatus

from deployer.sandbox.messages import Body, Response, json_response

Headers = tuple[tuple[str, str], ...]


class SandboxError(Exception):
    """The sandbox cannot start or cannot do an offline task; the message says why and what to do."""


class ApiError(Exception):
    """An error answer: its JSON `body` comes from the kind of error. `headers` are added to the response."""

    def __init__(self, status: int, message: str | list[str], body: Body, headers: Headers) -> None:
        super().__init__(message if isinstance(message, str) else "; ".join(message))
        self.status = status
        self.body = body
        self.headers = headers

    def response(self) -> Response:
        """The whole answer."""
        return json_response(self.body, status=self.status, headers=self.headers)


class SiemError(ApiError):
    """
    An error of the detection or lists code; `message` is a list for the `validate*` functions (facts.md section 9.1).
    """

    def __init__(self, status: int, message: str | list[str], *, headers: Headers = ()) -> None:
        super().__init__(status, message, {"message": message, "status_code": status}, headers)


class PlatformError(ApiError):
    """
    An error of Kibana's core: schema 400, 401, route 403, 404, 413, 429, 503. `attributes` is rare and optional.
    """

    def __init__(self, status: int, message: str, *, attributes: Body | None = None, headers: Headers = ()) -> None:
        body: Body = {"statusCode": status, "error": reason(status), "message": message}
        super().__init__(status, message, body if attributes is None else {**body, "attributes": attributes}, headers)


def reason(status: int) -> str:
    """
    The reason phrase that Kibana prints for a status ("Request Time-out" is its own spelling, facts.md section 9.5).
    """
    spelling = {408: "Request Time-out", 413: "Request Entity Too Large"}
    if status in spelling:
        return spelling[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def not_found() -> PlatformError:
    """The answer to a path that no route has."""
    return PlatformError(404, "Not Found")


def request_body_error(text: str) -> PlatformError:
    """A schema error of the router about the body (facts.md section 9.2)."""
    return PlatformError(400, f"[request body]: {text}")


def request_query_error(text: str) -> PlatformError:
    """A schema error of the router about the query string."""
    return PlatformError(400, f"[request query]: {text}")
