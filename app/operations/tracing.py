"""Traces by OpenTelemetry: requests, deliveries and their statements. Imported only by app/operations/extras.py.

A span has the pattern of the route and the text of a statement with placeholders: no path, query string, value or
address.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask
from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from sqlalchemy import Engine, event

from app.lib import spans
from app.version import VERSION

LONGEST_STATEMENT = 2_000  # characters
FAILED = 500


def install(app: Flask) -> None:
    """Send traces of this application to OTEL_EXPORTER_OTLP_ENDPOINT.

    OpenTelemetry reads its own settings too, such as OTEL_TRACES_SAMPLER and OTEL_EXPORTER_OTLP_HEADERS.
    """
    endpoint = app.config["OTEL_EXPORTER_OTLP_ENDPOINT"].rstrip("/")
    provider = TracerProvider(resource=Resource.create({"service.name": "kaiwa", "service.version": VERSION}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")))
    app.extensions["traces"] = provider
    tracer = provider.get_tracer("kaiwa", VERSION)
    app.wsgi_app = _Traced(app.wsgi_app, tracer)  # type: ignore[method-assign]
    spans.use(_opener(tracer))
    _trace_statements(tracer)


class _Traced:
    """Outermost: the span begins before everything else, and ends with the line in the log."""

    def __init__(self, inner: WSGIApplication, tracer: Tracer) -> None:
        self.inner, self.tracer = inner, tracer

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # Not continued from `traceparent`: strangers could choose ids and sampling.
        span = self.tracer.start_span("request", context.Context(), kind=SpanKind.SERVER)
        span.set_attribute("kaiwa.internal", "kaiwa.page_cache" in environ)
        environ.setdefault("kaiwa.log", {})["ended"] = partial(_end, span)
        token = context.attach(trace.set_span_in_context(span))
        try:
            return self.inner(environ, start_response)
        finally:
            context.detach(token)


def _end(span: Span, about: dict[str, Any]) -> None:
    method, route, status = about["method"], about["route"], about["status"]
    span.update_name(f"{method} {route}".strip())
    span.set_attributes(
        {
            "http.request.method": method, "http.route": route, "http.response.status_code": status,
            "kaiwa.request_id": about["id"],
        }
    )  # fmt: skip
    if status >= FAILED:
        span.set_status(Status(StatusCode.ERROR))
    span.end()


def _opener(tracer: Tracer) -> spans.Opener:
    def begin(name: str, kind: str) -> AbstractContextManager[object]:
        return tracer.start_as_current_span(
            f"{name} {kind}", attributes={"kaiwa.kind": kind}, record_exception=False, set_status_on_exception=False
        )

    return begin


def _trace_statements(tracer: Tracer) -> None:
    def before(connection: Any, _cursor: Any, statement: str, _given: Any, execution: Any, _many: bool) -> None:
        """Only below a span: commands and periodic tasks have none."""
        if trace.get_current_span().is_recording():
            execution.span = tracer.start_span(
                statement.split(" ", 1)[0][:20], kind=SpanKind.CLIENT,
                attributes={"db.system.name": connection.dialect.name, "db.query.text": statement[:LONGEST_STATEMENT]},
            )  # fmt: skip

    def after(_connection: Any, _cursor: Any, _statement: str, _given: Any, execution: Any, _many: bool) -> None:
        if span := getattr(execution, "span", None):
            span.end()

    def failed(fault: Any) -> None:
        if span := getattr(fault.execution_context, "span", None):
            span.set_status(Status(StatusCode.ERROR, type(fault.original_exception).__name__))
            span.end()

    event.listen(Engine, "before_cursor_execute", before)
    event.listen(Engine, "after_cursor_execute", after)
    event.listen(Engine, "handle_error", failed)
