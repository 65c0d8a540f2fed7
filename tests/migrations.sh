#!/bin/sh
# The database of DATABASE_URL: up from nothing, equal to the models, down again, up again.
set -eu
: "${DATABASE_URL:?names the database that is taken down; never the default one}"
bin="$(dirname "$0")/../.venv/bin"
"$bin/alembic" upgrade head
"$bin/alembic" check
"$bin/alembic" downgrade base
"$bin/alembic" upgrade head
