"""Threads for programs."""

from flask import Blueprint, Response, jsonify, request

from app.api import shapes
from app.comments import reading
from app.forms.where import where

bp = Blueprint("threads", __name__)


@bp.get("/threads")
def thread() -> Response:
    here = where(request.args)
    page = reading.page_of(here.site, here.thread, sort=here.sort, after=request.args.get("after", ""))
    answer = jsonify(shapes.thread(page, here.words))
    answer.headers["Access-Control-Allow-Origin"] = "*"
    answer.headers["Cache-Control"] = "public, max-age=1, stale-while-revalidate=1"
    return answer
