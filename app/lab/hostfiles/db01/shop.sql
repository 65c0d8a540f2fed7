CREATE TABLE products (id serial PRIMARY KEY, name text NOT NULL, price numeric(8,2) NOT NULL);
CREATE TABLE orders (
    id bigserial PRIMARY KEY,
    product text NOT NULL,
    customer text NOT NULL,
    amount integer NOT NULL,
    placed_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE counters (name text PRIMARY KEY, value bigint NOT NULL);
CREATE TABLE sessions (id serial PRIMARY KEY, visitor text, seen timestamptz DEFAULT now());
CREATE TABLE canary (id integer PRIMARY KEY, note text NOT NULL);
INSERT INTO products (name, price) VALUES
    ('tea', 4.20), ('coffee', 6.90), ('mug', 9.50), ('kettle', 39.00), ('sugar', 1.20);
INSERT INTO orders (product, customer, amount)
    SELECT (ARRAY['tea','coffee','mug','kettle','sugar'])[1 + n % 5], 'customer-' || n % 97, 1 + n % 3
    FROM generate_series(1, 500) AS n;
INSERT INTO counters VALUES ('order_views', 0);
INSERT INTO sessions (visitor) SELECT 'visitor-' || n FROM generate_series(1, 200) AS n;
INSERT INTO canary SELECT n, 'ledger entry ' || md5(n::text) FROM generate_series(1, 50) AS n;
GRANT SELECT, INSERT, UPDATE, DELETE ON products, orders, counters, sessions TO shop;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO shop;
