#!/bin/sh
# Makes the cluster and its database at the first start, as the public image does, from POSTGRES_USER, POSTGRES_DB and
# POSTGRES_PASSWORD_FILE. The cluster is whole before it has its name: a start that is cut off begins again.
set -eu
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
  rm -rf "$PGDATA.new"
  initdb --pgdata="$PGDATA.new" --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" \
    --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --locale=C
  echo "CREATE DATABASE \"$POSTGRES_DB\"" | postgres --single -D "$PGDATA.new" postgres
  echo "host all all all scram-sha-256" >> "$PGDATA.new/pg_hba.conf"
  echo "unix_socket_directories = '/var/run/postgresql'" >> "$PGDATA.new/postgresql.conf"
  echo "listen_addresses = '*'" >> "$PGDATA.new/postgresql.conf"
  mkdir -p "$(dirname "$PGDATA")"
  mv "$PGDATA.new" "$PGDATA"
fi
exec "$@"
