/**
 * The DDL of a log in `schema`, written to and read by `role`. Run by the owner, who alone may change it.
 *
 * The log is partitioned by `period`: `-infinity` for what is kept for good, the first day of a month for bulk events
 * (uses), so that an old month can be detached and moved away whole. A stream lies in one period, so the unique key
 * over period, stream and version is the expected-version check.
 */
export function createLog(schema: string, role: string): string[] {
  return [
    `CREATE TABLE ${schema}.events (
      position bigint GENERATED ALWAYS AS IDENTITY,
      transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
      id uuid NOT NULL DEFAULT uuidv7(),
      stream text NOT NULL,
      version integer NOT NULL CHECK (version > 0),
      type text NOT NULL,
      entity uuid NOT NULL,
      data jsonb NOT NULL,
      metadata jsonb NOT NULL,
      recorded_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
      period date NOT NULL DEFAULT '-infinity',
      PRIMARY KEY (transaction_id, position, period),
      UNIQUE (stream, version, period)
    ) PARTITION BY LIST (period)`,
    `CREATE INDEX events_entity ON ${schema}.events (entity, transaction_id, position)`,
    `CREATE TABLE ${schema}.events_kept PARTITION OF ${schema}.events FOR VALUES IN ('-infinity')`,
    `CREATE TABLE ${schema}.checkpoints (
      subscription text PRIMARY KEY,
      transaction_id xid8 NOT NULL,
      position bigint NOT NULL
    )`,
    `CREATE FUNCTION ${schema}.refuse_change() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'the log is append-only: % refused', TG_OP; END $$`,
    `CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON ${schema}.events
      FOR EACH ROW EXECUTE FUNCTION ${schema}.refuse_change()`,
    `CREATE TRIGGER events_append_only_whole BEFORE TRUNCATE ON ${schema}.events
      FOR EACH STATEMENT EXECUTE FUNCTION ${schema}.refuse_change()`,
    // The service's role may not create tables; this function lets it make the coming months' partitions and no more.
    `CREATE FUNCTION ${schema}.ensure_periods() RETURNS void
      LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
      DECLARE month date; name text;
      BEGIN
        FOR ahead IN 0..2 LOOP
          month := date_trunc('month', now() AT TIME ZONE 'UTC')::date + make_interval(months => ahead);
          name := 'events_' || to_char(month, 'YYYY_MM');
          IF to_regclass('${schema}.' || name) IS NULL THEN
            PERFORM pg_advisory_xact_lock(hashtext('${schema}.ensure_periods'));
            EXECUTE format('CREATE TABLE IF NOT EXISTS ${schema}.%I PARTITION OF ${schema}.events FOR VALUES IN (%L)', name, month);
          END IF;
        END LOOP;
      END $$`,
    `SELECT ${schema}.ensure_periods()`,
    `GRANT USAGE ON SCHEMA ${schema} TO ${role}`,
    `GRANT SELECT, INSERT ON ${schema}.events TO ${role}`,
    `GRANT SELECT, INSERT, UPDATE ON ${schema}.checkpoints TO ${role}`,
    `REVOKE ALL ON FUNCTION ${schema}.ensure_periods() FROM PUBLIC`,
    `GRANT EXECUTE ON FUNCTION ${schema}.ensure_periods() TO ${role}`,
  ];
}

/**
 * What came to a log later: checkpoints are snapshots (those from before are carried over when they are read), events of a
 * type that nobody knew yet are remembered, and so is the history that this log is.
 */
export function placesInLog(schema: string, role: string): string[] {
  return [
    `ALTER TABLE ${schema}.checkpoints ADD COLUMN seen pg_snapshot, ADD COLUMN reading pg_snapshot,
      ALTER COLUMN transaction_id DROP NOT NULL, ALTER COLUMN position DROP NOT NULL`,
    `CREATE TABLE ${schema}.left_events (
      subscription text NOT NULL,
      transaction_id xid8 NOT NULL,
      position bigint NOT NULL,
      type text NOT NULL,
      PRIMARY KEY (subscription, transaction_id, position)
    )`,
    // Epochs are milliseconds, so that one which begins after a restore is later than all that a lost history had.
    `CREATE TABLE ${schema}.history (
      epoch bigint PRIMARY KEY DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
      reason text NOT NULL
    )`,
    `INSERT INTO ${schema}.history (reason) VALUES ('the log was made, or brought up to date')`,
    `GRANT SELECT, INSERT, DELETE ON ${schema}.left_events TO ${role}`,
    `GRANT SELECT, INSERT ON ${schema}.history TO ${role}`,
  ];
}

/**
 * How transactions are numbered in a log. A dump that was restored into another cluster has events of transactions that this
 * cluster's counter has yet to reach: `continue_log()` finds them, and from then on the log's numbers are the counter's and so
 * many more. No event, checkpoint or cursor changes, and what comes later is later. It answers by how many it moved them.
 */
export function numbersInLog(schema: string, role: string): string[] {
  return [
    `CREATE FUNCTION ${schema}.log_transaction() RETURNS xid8
      LANGUAGE sql AS 'SELECT pg_catalog.pg_current_xact_id()'`,
    `CREATE FUNCTION ${schema}.log_snapshot() RETURNS pg_snapshot
      LANGUAGE sql STABLE AS 'SELECT pg_catalog.pg_current_snapshot()'`,
    `ALTER TABLE ${schema}.events ALTER transaction_id SET DEFAULT ${schema}.log_transaction()`,
    `CREATE FUNCTION ${schema}.numbers_ahead() RETURNS numeric
      LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
      SELECT greatest(
        (SELECT transaction_id::text::numeric + 1 FROM ${schema}.events ORDER BY transaction_id DESC LIMIT 1),
        (SELECT max(transaction_id)::text::numeric + 1 FROM ${schema}.checkpoints),
        (SELECT max(greatest(pg_snapshot_xmax(seen), pg_snapshot_xmax(reading)))::text::numeric FROM ${schema}.checkpoints)
      ) - pg_snapshot_xmax(${schema}.log_snapshot())::text::numeric $$`,
    `CREATE FUNCTION ${schema}.continue_log() RETURNS numeric
      LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
      DECLARE moved numeric; ahead numeric;
      BEGIN
        IF coalesce(${schema}.numbers_ahead(), 0) <= 0 THEN RETURN 0; END IF;
        LOCK TABLE ${schema}.events IN SHARE ROW EXCLUSIVE MODE;
        ahead := ${schema}.numbers_ahead();
        IF ahead <= 0 THEN RETURN 0; END IF;
        moved := pg_snapshot_xmax(${schema}.log_snapshot())::text::numeric
          - pg_snapshot_xmax(pg_current_snapshot())::text::numeric + ahead;
        EXECUTE format($definition$
          CREATE OR REPLACE FUNCTION ${schema}.log_transaction() RETURNS xid8
          LANGUAGE sql AS 'SELECT (pg_catalog.pg_current_xact_id()::text::numeric + %1$s)::text::xid8'
          $definition$, moved);
        EXECUTE format($definition$
          CREATE OR REPLACE FUNCTION ${schema}.log_snapshot() RETURNS pg_snapshot
          LANGUAGE sql STABLE SET search_path = pg_catalog AS $body$
            SELECT format('%%s:%%s:%%s',
              pg_snapshot_xmin(now)::text::numeric + %1$s, pg_snapshot_xmax(now)::text::numeric + %1$s,
              (SELECT string_agg((xip::text::numeric + %1$s)::text, ',' ORDER BY xip) FROM pg_snapshot_xip(now) AS xip)
            )::pg_snapshot FROM pg_current_snapshot() AS now
          $body$ $definition$, moved);
        RETURN ahead;
      END $$`,
    `REVOKE ALL ON FUNCTION ${schema}.continue_log() FROM PUBLIC`,
    `GRANT EXECUTE ON FUNCTION ${schema}.continue_log() TO ${role}`,
  ];
}

/**
 * Makes a service's role where it is missing. It cannot log in: a service becomes it when it connects, and so holds
 * only its grants.
 */
export function createRole(role: string): string {
  return `DO $$ BEGIN
    CREATE ROLE ${role} NOLOGIN;
  EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
  END $$`;
}
