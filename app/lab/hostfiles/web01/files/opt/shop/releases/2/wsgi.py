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
from urllib.parse import parse_qs

import store
from journal import Journal

INDEX = "/srv/www/shop/index.html"
MAINTENANCE = "/var/lib/shop/maintenance.lock"
UPLOADS = "/var/lib/shop/uploads"

with open(os.environ["SHOP_CONFIG"], encoding="utf-8") as config_file:
    CONFIG = json.load(config_file)
JOURNAL = Journal(os.environ["SHOP_LOG"])
DATABASE = store.Database.from_environment()
CACHE = store.Cache.from_environment()


class Answer(Exception):
    """An answer other than 200, raised where it is decided."""

    def __init__(self, status, text):
        super().__init__(status, text)
        self.status = status
        self.text = text


def home(request):
    visits = CACHE.count_visit(request.get("REMOTE_ADDR", "?"))
    products = DATABASE.products(CONFIG["page_size"])
    items = "\n".join(
        f"<li>{html.escape(name)}: {price} {CONFIG['currency']}</li>" for name, price in products
    )
    page = page_shell().replace("{products}", items)
    return "text/html; charset=utf-8", page.replace("{visits}", str(visits))


def page_shell():
    if not os.path.isfile(INDEX):
        raise Answer("404 Not Found", f"no page at {INDEX}\n")
    try:
        with open(INDEX, encoding="utf-8") as page:
            return page.read()
    except PermissionError as error:
        raise Answer("403 Forbidden", "Forbidden\n") from error


def healthz(_request):
    state = {"status": "ok", "db": DATABASE.state(), "cache": CACHE.state()}
    if state["db"] == state["cache"] == "ok":
        return "application/json", json.dumps(state)
    state["status"] = "error"
    raise Answer("503 Service Unavailable", json.dumps(state))


def orders(request):
    if request["REQUEST_METHOD"] == "POST":
        length = int(request.get("CONTENT_LENGTH") or 0)
        form = parse_qs(request["wsgi.input"].read(length).decode())
        DATABASE.place_order(form.get("product", ["tea"])[0], form.get("customer", ["guest"])[0])
    else:
        DATABASE.note_look_at_orders()
    return "application/json", json.dumps({"orders": DATABASE.latest_orders(CONFIG["page_size"])})


def report(_request):
    """Sales by slice of the day: slow by design, about five seconds."""
    lines = []
    for number in range(CONFIG["report_slices"]):
        lines.append(f"{number}\t{DATABASE.sales_of_slice(number, CONFIG['report_slices'])}")
        time.sleep(CONFIG["report_seconds"] / CONFIG["report_slices"])
    return "text/plain; charset=utf-8", "report-ok\n" + "\n".join(lines) + "\n"


def upload(request):
    length = int(request.get("CONTENT_LENGTH") or 0)
    os.makedirs(UPLOADS, exist_ok=True)
    name = os.path.join(UPLOADS, f"{time.time_ns()}.bin")
    with open(name, "wb") as target:
        target.write(request["wsgi.input"].read(length))
    return "application/json", json.dumps({"stored": length})


PAGES = {
    "/": home,
    "/healthz": healthz,
    "/orders": orders,
    "/report": report,
    "/upload": upload,
}


def maintenance():
    """The first line of the maintenance lock, or None while there is no lock."""
    try:
        with open(MAINTENANCE, encoding="utf-8") as lock:
            return lock.readline() or "maintenance\n"
    except FileNotFoundError:
        return None


def answer(request):
    notice = maintenance()
    if notice is not None:
        return "503 Service Unavailable", "text/plain; charset=utf-8", notice
    page = PAGES.get(request.get("PATH_INFO", "/"))
    if page is None:
        return "404 Not Found", "text/plain; charset=utf-8", "no such page\n"
    try:
        kind, text = page(request)
        return "200 OK", kind, text
    except Answer as other:
        kind = "application/json" if other.text.startswith("{") else "text/plain; charset=utf-8"
        return other.status, kind, other.text
    except store.DatabaseDown as error:
        JOURNAL.write(f"ERROR database: {error}")
        return "503 Service Unavailable", "text/plain; charset=utf-8", f"database: {error}\n"
    except Exception:
        JOURNAL.write("ERROR " + traceback.format_exc().replace("\n", " | "))
        return "500 Internal Server Error", "text/plain; charset=utf-8", "internal error\n"


def application(request, start_response):
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
    start_response(status, [("Content-Type", kind), ('Content-Length', str(len(body)))])
    return [body]
