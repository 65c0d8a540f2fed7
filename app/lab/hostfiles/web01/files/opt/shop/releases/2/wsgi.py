"""The shop: a small web application on PostgreSQL and redis.

Every request is written to the journal before its answer leaves: an order that nobody
could trace later must not be taken. A journal that cannot be written therefore means 500.
"""

import html
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import store
from journal import Journal

INDEX = Path("/srv/www/shop/index.html")
MAINTENANCE = Path("/var/lib/shop/maintenance.lock")
UPLOADS = Path("/var/lib/shop/uploads")

Request = dict[str, Any]  # the WSGI environment
Page = tuple[str, str]  # content type and text

CONFIG = json.loads(Path(os.environ["SHOP_CONFIG"]).read_text(encoding="utf-8"))
JOURNAL = Journal(os.environ["SHOP_LOG"])
DATABASE = store.Database.from_environment()
CACHE = store.Cache.from_environment()


class Answer(Exception):
    """An answer other than 200, raised where it is decided."""

    def __init__(self, status: str, text: str) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text


def home(request: Request) -> Page:
    """The start page: what is on sale, and how often the visitor came."""
    visits = CACHE.count_visit(request.get("REMOTE_ADDR", "?"))
    products = DATABASE.products(CONFIG["page_size"])
    items = "\n".join(
        f"<li>{html.escape(name)}: {price} {CONFIG['currency']}</li>" for name, price in products
    )
    page = page_shell().replace("{products}", items)
    return "text/html; charset=utf-8", page.replace("{visits}", str(visits))


def page_shell() -> str:
    """The page's frame, which the marketing team edits."""
    if not os.path.isfile(INDEX):  # noqa: PTH113 - false too where a folder may not be entered
        raise Answer("404 Not Found", f"no page at {INDEX}\n")
    try:
        return INDEX.read_text(encoding="utf-8")
    except PermissionError as error:
        raise Answer("403 Forbidden", "Forbidden\n") from error


def healthz(_request: Request) -> Page:
    """Whether all that the shop needs is there."""
    state = {"status": "ok", "db": DATABASE.state(), "cache": CACHE.state()}
    if state["db"] == state["cache"] == "ok":
        return "application/json", json.dumps(state)
    state["status"] = "error"
    raise Answer("503 Service Unavailable", json.dumps(state))


def orders(request: Request) -> Page:
    """The latest orders; POST places one."""
    if request["REQUEST_METHOD"] == "POST":
        length = int(request.get("CONTENT_LENGTH") or 0)
        form = parse_qs(request["wsgi.input"].read(length).decode())
        DATABASE.place_order(form.get("product", ["tea"])[0], form.get("customer", ["guest"])[0])
    else:
        DATABASE.note_look_at_orders()
    return "application/json", json.dumps({"orders": DATABASE.latest_orders(CONFIG["page_size"])})


def report(_request: Request) -> Page:
    """Sales by slice of the day: slow by design, about five seconds."""
    lines = []
    for number in range(CONFIG["report_slices"]):
        lines.append(f"{number}\t{DATABASE.sales_of_slice(number, CONFIG['report_slices'])}")
        time.sleep(CONFIG["report_seconds"] / CONFIG["report_slices"])
    return "text/plain; charset=utf-8", "report-ok\n" + "\n".join(lines) + "\n"


def upload(request: Request) -> Page:
    """Keep a picture that a customer sends."""
    length = int(request.get("CONTENT_LENGTH") or 0)
    UPLOADS.mkdir(exist_ok=True)
    (UPLOADS / f"{time.time_ns()}.bin").write_bytes(request["wsgi.input"].read(length))
    return "application/json", json.dumps({"stored": length})


PAGES = {
    "/": home,
    "/healthz": healthz,
    "/orders": orders,
    "/report": report,
    "/upload": upload,
}


def maintenance() -> str | None:
    """The first line of the maintenance lock, or None while there is no lock."""
    try:
        with MAINTENANCE.open(encoding="utf-8") as lock:
            return lock.readline() or "maintenance\n"
    except FileNotFoundError:
        return None


def answer(request: Request) -> tuple[str, str, str]:
    """Status, content type and text for a request."""
    notice = maintenance()
    if notice is not None:
        return "503 Service Unavailable", "text/plain; charset=utf-8", notice
    page = PAGES.get(request.get("PATH_INFO", "/"))
    if page is None:
        return "404 Not Found", "text/plain; charset=utf-8", "no such page\n"
    try:
        kind, text = page(request)
    except Answer as other:
        kind = "application/json" if other.text.startswith("{") else "text/plain; charset=utf-8"
        return other.status, kind, other.text
    except store.DatabaseDown as error:
        JOURNAL.write(f"ERROR database: {error}")
        return "503 Service Unavailable", "text/plain; charset=utf-8", f"database: {error}\n"
    except Exception:  # noqa: BLE001 - whatever it is, the visitor gets an answer
        JOURNAL.write("ERROR " + traceback.format_exc().replace("\n", " | "))
        return "500 Internal Server Error", "text/plain; charset=utf-8", "internal error\n"
    return "200 OK", kind, text


def application(request: Request, start_response: Callable[..., Any]) -> list[bytes]:
    """The WSGI entry point that gunicorn calls."""
    began = time.monotonic()
    try:
        status, kind, text = answer(request)
        JOURNAL.request(request, status, time.monotonic() - began)
    except OSError as error:
        print(f"journal not writable: {error}", file=sys.stderr, flush=True)
        status, kind = "500 Internal Server Error", "text/plain; charset=utf-8"
        text = "the request journal cannot be written\n"
    body = text.encode()
    size = ('Content-Length', str(len(body)))  # fmt: skip
    start_response(status, [("Content-Type", kind), size])
    return [body]
