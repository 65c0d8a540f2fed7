"""Where the shop keeps things: PostgreSQL for what must last, redis for sessions."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

# Debian's python3-psycopg2 and python3-redis, there on the host only
import psycopg2  # type: ignore[import-not-found, import-untyped, unused-ignore]
import redis  # type: ignore[import-not-found, import-untyped, unused-ignore]

Row = tuple[Any, ...]


class DatabaseDown(Exception):
    """The database cannot be reached or refuses us."""


class Database:
    """One lasting connection in each worker, made again when it breaks."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.connection: Any = None

    @classmethod
    def from_environment(cls) -> Database:
        """Reads the settings once: a changed environment needs a restart."""
        return cls(
            host=os.environ["DB_HOST"],
            port=int(os.environ.get("DB_PORT", "5432")),
            dbname=os.environ["DB_NAME"],
            user=os.environ["DB_USER"],
            password=os.environ["DB_PASSWORD"],
            connect_timeout=5,
            application_name="shop",
            options="-c statement_timeout=20000",
        )

    def products(self, count: int) -> list[Row]:
        """The newest products with their prices."""
        return self.ask("SELECT name, price FROM products ORDER BY id LIMIT %s", count)

    def place_order(self, product: str, customer: str) -> None:
        """Take an order."""
        self.ask(
            "INSERT INTO orders (product, customer, amount) VALUES (%s, %s, 1) RETURNING id",
            product,
            customer,
        )

    def note_look_at_orders(self) -> None:
        """Count a look at the orders, as the owner of the shop wishes."""
        self.ask("UPDATE counters SET value = value + 1 WHERE name = 'order_views' RETURNING value")

    def latest_orders(self, count: int) -> list[dict[str, Any]]:
        """The last orders, newest first."""
        rows = self.ask("SELECT id, product, customer FROM orders ORDER BY id DESC LIMIT %s", count)
        return [{"id": row[0], "product": row[1], "customer": row[2]} for row in rows]

    def sales_of_slice(self, number: int, slices: int) -> int:
        """How much was ordered in one slice."""
        rows = self.ask(
            "SELECT coalesce(sum(amount), 0) FROM orders WHERE id %% %s = %s", slices, number
        )
        return int(rows[0][0])

    def state(self) -> str:
        """'ok', or why not."""
        try:
            self.ask("SELECT 1")
        except DatabaseDown as error:
            return f"down: {error}"
        return "ok"

    def ask(self, query: str, *values: object) -> list[Row]:
        """Run one statement in a transaction of its own; once more on a fresh connection
        where the old one had died."""
        fresh = self.connection is None
        try:
            return self.attempt(query, values)
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            self.drop()
            if fresh or isinstance(error, psycopg2.errors.QueryCanceled):
                raise DatabaseDown(str(error).strip()) from error
        try:
            return self.attempt(query, values)
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            self.drop()
            raise DatabaseDown(str(error).strip()) from error

    def attempt(self, query: str, values: tuple[object, ...]) -> list[Row]:
        """Run it on the lasting connection, made first where there is none."""
        if self.connection is None:
            self.connection = psycopg2.connect(**self.settings)
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(query, values)
            rows: list[Row] = cursor.fetchall()
            return rows

    def drop(self) -> None:
        """Forget a broken connection."""
        if self.connection is not None:
            self.connection.close()
        self.connection = None


class Cache:
    """Sessions in redis. The shop goes on without it, after a wait."""

    def __init__(self, host: str, port: int, wait: float) -> None:
        self.wait = wait
        self.client = redis.Redis(
            host=host,
            port=port,
            socket_connect_timeout=wait,
            socket_timeout=wait,
            retry_on_timeout=False,
        )

    @classmethod
    def from_environment(cls) -> Cache:
        """Reads the settings once: a changed environment needs a restart."""
        return cls(
            os.environ["CACHE_HOST"],
            int(os.environ.get("CACHE_PORT", "6379")),
            float(os.environ.get("CACHE_WAIT_SECONDS", "1")),
        )

    def count_visit(self, visitor: str) -> int:
        """Visits in this session, or 0 where nobody can say."""
        deadline = time.monotonic() + self.wait
        while True:
            try:
                return int(self.client.incr(f"sess:{visitor}"))
            except redis.RedisError as error:
                if time.monotonic() >= deadline:
                    print(f"cache: {error}", file=sys.stderr, flush=True)
                    return 0
                time.sleep(min(0.2, self.wait))

    def state(self) -> str:
        """'ok', or why not."""
        try:
            self.client.ping()
        except redis.RedisError as error:
            return f"down: {error}"
        return "ok"
