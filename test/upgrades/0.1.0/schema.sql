CREATE SCHEMA tokenlog;

CREATE SCHEMA identity;

CREATE SCHEMA tokens;

CREATE SEQUENCE identity.migrations_id_seq AS integer;

CREATE SEQUENCE tokens.migrations_id_seq AS integer;

CREATE TABLE identity.checkpoints (subscription text NOT NULL, transaction_id xid8, "position" bigint, seen pg_snapshot, reading pg_snapshot);

CREATE TABLE identity.events ("position" bigint GENERATED ALWAYS AS IDENTITY NOT NULL, transaction_id xid8 NOT NULL, id uuid NOT NULL, stream text NOT NULL, version integer NOT NULL, type text NOT NULL, entity uuid NOT NULL, data jsonb NOT NULL, metadata jsonb NOT NULL, recorded_at timestamp(3) with time zone NOT NULL, period date NOT NULL) PARTITION BY LIST (period);

CREATE TABLE identity.history (epoch bigint NOT NULL, reason text NOT NULL);

CREATE TABLE identity.left_events (subscription text NOT NULL, transaction_id xid8 NOT NULL, "position" bigint NOT NULL, type text NOT NULL);

CREATE TABLE identity.login_addresses (user_id uuid NOT NULL, network text NOT NULL, last_at timestamp(3) with time zone NOT NULL);

CREATE TABLE identity.mailed_events (event_id uuid NOT NULL, mailed_at timestamp(3) with time zone NOT NULL);

CREATE TABLE identity.migrations (id integer NOT NULL, name character varying(255) NOT NULL, executed_at timestamp(6) with time zone NOT NULL);

CREATE TABLE identity.users (id uuid NOT NULL, kind text NOT NULL, username text NOT NULL, password_hash text, must_change_password boolean NOT NULL, roles text[] NOT NULL, organization text, display_name text, email text, phone text, disabled boolean NOT NULL, last_login_at timestamp(3) with time zone, created_at timestamp(3) with time zone NOT NULL, version integer NOT NULL, external_issuer text, external_subject text);

CREATE TABLE identity.wrong_passwords (key character varying(255) NOT NULL, points double precision NOT NULL, expire bigint, since timestamp(3) with time zone NOT NULL);

CREATE TABLE tokenlog.deployment (id uuid NOT NULL, made_at timestamp(3) with time zone NOT NULL);

CREATE TABLE tokenlog.migration_steps (part text NOT NULL, name text NOT NULL, is_safe_for_earlier boolean NOT NULL);

CREATE TABLE tokens.checkpoints (subscription text NOT NULL, transaction_id xid8, "position" bigint, seen pg_snapshot, reading pg_snapshot);

CREATE TABLE tokens.events ("position" bigint GENERATED ALWAYS AS IDENTITY NOT NULL, transaction_id xid8 NOT NULL, id uuid NOT NULL, stream text NOT NULL, version integer NOT NULL, type text NOT NULL, entity uuid NOT NULL, data jsonb NOT NULL, metadata jsonb NOT NULL, recorded_at timestamp(3) with time zone NOT NULL, period date NOT NULL) PARTITION BY LIST (period);

CREATE TABLE tokens.expiries (token_id uuid NOT NULL, expires_at timestamp(3) with time zone, set_at timestamp(3) with time zone NOT NULL, warned_days integer);

CREATE TABLE tokens.guard_answers (name text NOT NULL, token_id uuid NOT NULL, first_at timestamp with time zone NOT NULL, last_at timestamp with time zone NOT NULL);

CREATE TABLE tokens.guard_leases (guard uuid NOT NULL, service text NOT NULL, version text NOT NULL, entries integer NOT NULL, hits bigint NOT NULL, misses bigint NOT NULL, expires_at timestamp with time zone NOT NULL, fenced boolean NOT NULL, name text, proven boolean NOT NULL);

CREATE TABLE tokens.guard_standing (name text NOT NULL, faults integer NOT NULL, barred_until timestamp with time zone NOT NULL);

CREATE TABLE tokens.history (epoch bigint NOT NULL, reason text NOT NULL);

CREATE TABLE tokens.identity_epoch (epoch bigint NOT NULL);

CREATE TABLE tokens.kept_answers (id bytea NOT NULL, fingerprint bytea NOT NULL, pepper text NOT NULL, holder uuid, answer bytea, ends_at timestamp with time zone NOT NULL);

CREATE TABLE tokens.left_events (subscription text NOT NULL, transaction_id xid8 NOT NULL, "position" bigint NOT NULL, type text NOT NULL);

CREATE TABLE tokens.left_messages (reader text NOT NULL, sequence bigint NOT NULL, subject text NOT NULL);

CREATE TABLE tokens.migrations (id integer NOT NULL, name character varying(255) NOT NULL, executed_at timestamp(6) with time zone NOT NULL);

CREATE TABLE tokens.pepper_holders (instance uuid NOT NULL, peppers text[] NOT NULL, renewed_at timestamp with time zone NOT NULL);

CREATE TABLE tokens.secret_graces (token_id uuid NOT NULL, generation integer NOT NULL, ends_at timestamp(3) with time zone NOT NULL);

CREATE TABLE tokens.secrets (owner uuid NOT NULL, generation integer NOT NULL, hash bytea NOT NULL, pepper text NOT NULL);

CREATE TABLE tokens.sessions (id uuid NOT NULL, user_id uuid NOT NULL, token_id uuid, started_at timestamp(3) with time zone NOT NULL, expires_at timestamp(3) with time zone NOT NULL, ended_at timestamp(3) with time zone, ip text, secret_generation integer, user_epoch bigint, user_version integer);

CREATE TABLE tokens.static_key_salt (salt bytea NOT NULL);

CREATE TABLE tokens.static_keys (token_id uuid NOT NULL, fingerprint bytea);

CREATE TABLE tokens.stream_places (reader text NOT NULL, stream_created text NOT NULL, sequence bigint NOT NULL);

CREATE TABLE tokens.token_refusals (token_id uuid NOT NULL, reason text NOT NULL, recorded_at timestamp(3) with time zone NOT NULL);

CREATE TABLE tokens.token_usage (token_id uuid NOT NULL, use_count bigint NOT NULL, last_used_at timestamp(3) with time zone NOT NULL) WITH (fillfactor=70);

CREATE TABLE tokens.tokens (id uuid NOT NULL, user_id uuid NOT NULL, description text NOT NULL, scopes text[] NOT NULL, status text NOT NULL, expires_at timestamp(3) with time zone, secret_generation integer NOT NULL, grace_generation integer, grace_ends_at timestamp(3) with time zone, created_at timestamp(3) with time zone NOT NULL, created_by text NOT NULL, updated_at timestamp(3) with time zone NOT NULL, updated_by text NOT NULL);

CREATE TABLE tokens.users (id uuid NOT NULL, version integer NOT NULL, deleted boolean NOT NULL, username text NOT NULL, kind text NOT NULL, roles text[] NOT NULL, disabled boolean NOT NULL, has_password boolean NOT NULL, must_change_password boolean NOT NULL, has_logged_in boolean NOT NULL, epoch bigint NOT NULL, applied_epoch bigint NOT NULL, applied_version integer NOT NULL, applied_event uuid);

CREATE TABLE identity.events_2026_12 PARTITION OF identity.events FOR VALUES IN ('2026-12-01');

CREATE TABLE identity.events_2027_01 PARTITION OF identity.events FOR VALUES IN ('2027-01-01');

CREATE TABLE identity.events_2027_02 PARTITION OF identity.events FOR VALUES IN ('2027-02-01');

CREATE TABLE identity.events_kept PARTITION OF identity.events FOR VALUES IN ('-infinity');

CREATE TABLE tokens.events_2026_12 PARTITION OF tokens.events FOR VALUES IN ('2026-12-01');

CREATE TABLE tokens.events_2027_01 PARTITION OF tokens.events FOR VALUES IN ('2027-01-01');

CREATE TABLE tokens.events_2027_02 PARTITION OF tokens.events FOR VALUES IN ('2027-02-01');

CREATE TABLE tokens.events_kept PARTITION OF tokens.events FOR VALUES IN ('-infinity');

CREATE OR REPLACE FUNCTION identity.continue_log()
 RETURNS numeric
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog'
AS $function$
      DECLARE moved numeric; ahead numeric;
      BEGIN
        IF coalesce(identity.numbers_ahead(), 0) <= 0 THEN RETURN 0; END IF;
        LOCK TABLE identity.events IN SHARE ROW EXCLUSIVE MODE;
        ahead := identity.numbers_ahead();
        IF ahead <= 0 THEN RETURN 0; END IF;
        moved := pg_snapshot_xmax(identity.log_snapshot())::text::numeric
          - pg_snapshot_xmax(pg_current_snapshot())::text::numeric + ahead;
        EXECUTE format($definition$
          CREATE OR REPLACE FUNCTION identity.log_transaction() RETURNS xid8
          LANGUAGE sql AS 'SELECT (pg_catalog.pg_current_xact_id()::text::numeric + %1$s)::text::xid8'
          $definition$, moved);
        EXECUTE format($definition$
          CREATE OR REPLACE FUNCTION identity.log_snapshot() RETURNS pg_snapshot
          LANGUAGE sql STABLE SET search_path = pg_catalog AS $body$
            SELECT format('%%s:%%s:%%s',
              pg_snapshot_xmin(now)::text::numeric + %1$s, pg_snapshot_xmax(now)::text::numeric + %1$s,
              (SELECT string_agg((xip::text::numeric + %1$s)::text, ',' ORDER BY xip) FROM pg_snapshot_xip(now) AS xip)
            )::pg_snapshot FROM pg_current_snapshot() AS now
          $body$ $definition$, moved);
        RETURN ahead;
      END $function$;

CREATE OR REPLACE FUNCTION identity.ensure_periods()
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog'
AS $function$
      DECLARE month date; name text;
      BEGIN
        FOR ahead IN 0..2 LOOP
          month := date_trunc('month', now() AT TIME ZONE 'UTC')::date + make_interval(months => ahead);
          name := 'events_' || to_char(month, 'YYYY_MM');
          IF to_regclass('identity.' || name) IS NULL THEN
            PERFORM pg_advisory_xact_lock(hashtext('identity.ensure_periods'));
            EXECUTE format('CREATE TABLE IF NOT EXISTS identity.%I PARTITION OF identity.events FOR VALUES IN (%L)', name, month);
          END IF;
        END LOOP;
      END $function$;

CREATE OR REPLACE FUNCTION identity.log_snapshot()
 RETURNS pg_snapshot
 LANGUAGE sql
 STABLE
AS $function$SELECT pg_catalog.pg_current_snapshot()$function$;

CREATE OR REPLACE FUNCTION identity.log_transaction()
 RETURNS xid8
 LANGUAGE sql
AS $function$SELECT pg_catalog.pg_current_xact_id()$function$;

CREATE OR REPLACE FUNCTION identity.numbers_ahead()
 RETURNS numeric
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog'
AS $function$
      SELECT greatest(
        (SELECT transaction_id::text::numeric + 1 FROM identity.events ORDER BY transaction_id DESC LIMIT 1),
        (SELECT max(transaction_id)::text::numeric + 1 FROM identity.checkpoints),
        (SELECT max(greatest(pg_snapshot_xmax(seen), pg_snapshot_xmax(reading)))::text::numeric FROM identity.checkpoints)
      ) - pg_snapshot_xmax(identity.log_snapshot())::text::numeric $function$;

CREATE OR REPLACE FUNCTION identity.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ BEGIN RAISE EXCEPTION 'the log is append-only: % refused', TG_OP; END $function$;

CREATE OR REPLACE FUNCTION tokens.continue_log()
 RETURNS numeric
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog'
AS $function$
      DECLARE moved numeric; ahead numeric;
      BEGIN
        IF coalesce(tokens.numbers_ahead(), 0) <= 0 THEN RETURN 0; END IF;
        LOCK TABLE tokens.events IN SHARE ROW EXCLUSIVE MODE;
        ahead := tokens.numbers_ahead();
        IF ahead <= 0 THEN RETURN 0; END IF;
        moved := pg_snapshot_xmax(tokens.log_snapshot())::text::numeric
          - pg_snapshot_xmax(pg_current_snapshot())::text::numeric + ahead;
        EXECUTE format($definition$
          CREATE OR REPLACE FUNCTION tokens.log_transaction() RETURNS xid8
          LANGUAGE sql AS 'SELECT (pg_catalog.pg_current_xact_id()::text::numeric + %1$s)::text::xid8'
          $definition$, moved);
        EXECUTE format($definition$
          CREATE OR REPLACE FUNCTION tokens.log_snapshot() RETURNS pg_snapshot
          LANGUAGE sql STABLE SET search_path = pg_catalog AS $body$
            SELECT format('%%s:%%s:%%s',
              pg_snapshot_xmin(now)::text::numeric + %1$s, pg_snapshot_xmax(now)::text::numeric + %1$s,
              (SELECT string_agg((xip::text::numeric + %1$s)::text, ',' ORDER BY xip) FROM pg_snapshot_xip(now) AS xip)
            )::pg_snapshot FROM pg_current_snapshot() AS now
          $body$ $definition$, moved);
        RETURN ahead;
      END $function$;

CREATE OR REPLACE FUNCTION tokens.ensure_periods()
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog'
AS $function$
      DECLARE month date; name text;
      BEGIN
        FOR ahead IN 0..2 LOOP
          month := date_trunc('month', now() AT TIME ZONE 'UTC')::date + make_interval(months => ahead);
          name := 'events_' || to_char(month, 'YYYY_MM');
          IF to_regclass('tokens.' || name) IS NULL THEN
            PERFORM pg_advisory_xact_lock(hashtext('tokens.ensure_periods'));
            EXECUTE format('CREATE TABLE IF NOT EXISTS tokens.%I PARTITION OF tokens.events FOR VALUES IN (%L)', name, month);
          END IF;
        END LOOP;
      END $function$;

CREATE OR REPLACE FUNCTION tokens.log_snapshot()
 RETURNS pg_snapshot
 LANGUAGE sql
 STABLE
AS $function$SELECT pg_catalog.pg_current_snapshot()$function$;

CREATE OR REPLACE FUNCTION tokens.log_transaction()
 RETURNS xid8
 LANGUAGE sql
AS $function$SELECT pg_catalog.pg_current_xact_id()$function$;

CREATE OR REPLACE FUNCTION tokens.numbers_ahead()
 RETURNS numeric
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog'
AS $function$
      SELECT greatest(
        (SELECT transaction_id::text::numeric + 1 FROM tokens.events ORDER BY transaction_id DESC LIMIT 1),
        (SELECT max(transaction_id)::text::numeric + 1 FROM tokens.checkpoints),
        (SELECT max(greatest(pg_snapshot_xmax(seen), pg_snapshot_xmax(reading)))::text::numeric FROM tokens.checkpoints)
      ) - pg_snapshot_xmax(tokens.log_snapshot())::text::numeric $function$;

CREATE OR REPLACE FUNCTION tokens.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ BEGIN RAISE EXCEPTION 'the log is append-only: % refused', TG_OP; END $function$;

ALTER TABLE identity.events ALTER COLUMN id SET DEFAULT uuidv7();

ALTER TABLE identity.events ALTER COLUMN period SET DEFAULT '-infinity'::date;

ALTER TABLE identity.events ALTER COLUMN recorded_at SET DEFAULT clock_timestamp();

ALTER TABLE identity.events ALTER COLUMN transaction_id SET DEFAULT identity.log_transaction();

ALTER TABLE identity.history ALTER COLUMN epoch SET DEFAULT ((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric))::bigint;

ALTER TABLE identity.mailed_events ALTER COLUMN mailed_at SET DEFAULT now();

ALTER TABLE identity.migrations ALTER COLUMN executed_at SET DEFAULT CURRENT_TIMESTAMP(6);

ALTER TABLE identity.migrations ALTER COLUMN id SET DEFAULT nextval('identity.migrations_id_seq'::regclass);

ALTER TABLE identity.wrong_passwords ALTER COLUMN points SET DEFAULT 0;

ALTER TABLE identity.wrong_passwords ALTER COLUMN since SET DEFAULT now();

ALTER TABLE tokenlog.deployment ALTER COLUMN id SET DEFAULT uuidv7();

ALTER TABLE tokenlog.deployment ALTER COLUMN made_at SET DEFAULT now();

ALTER TABLE tokens.events ALTER COLUMN id SET DEFAULT uuidv7();

ALTER TABLE tokens.events ALTER COLUMN period SET DEFAULT '-infinity'::date;

ALTER TABLE tokens.events ALTER COLUMN recorded_at SET DEFAULT clock_timestamp();

ALTER TABLE tokens.events ALTER COLUMN transaction_id SET DEFAULT tokens.log_transaction();

ALTER TABLE tokens.guard_leases ALTER COLUMN fenced SET DEFAULT false;

ALTER TABLE tokens.guard_leases ALTER COLUMN proven SET DEFAULT false;

ALTER TABLE tokens.history ALTER COLUMN epoch SET DEFAULT ((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric))::bigint;

ALTER TABLE tokens.migrations ALTER COLUMN executed_at SET DEFAULT CURRENT_TIMESTAMP(6);

ALTER TABLE tokens.migrations ALTER COLUMN id SET DEFAULT nextval('tokens.migrations_id_seq'::regclass);

ALTER TABLE tokens.users ALTER COLUMN applied_epoch SET DEFAULT 0;

ALTER TABLE tokens.users ALTER COLUMN applied_version SET DEFAULT 0;

ALTER TABLE tokens.users ALTER COLUMN epoch SET DEFAULT 0;

ALTER SEQUENCE identity.migrations_id_seq OWNED BY identity.migrations.id;

ALTER SEQUENCE tokens.migrations_id_seq OWNED BY tokens.migrations.id;

ALTER TABLE identity.checkpoints ADD CONSTRAINT checkpoints_pkey PRIMARY KEY (subscription);

ALTER TABLE identity.events ADD CONSTRAINT events_pkey PRIMARY KEY (transaction_id, "position", period);

ALTER TABLE identity.events ADD CONSTRAINT events_stream_version_period_key UNIQUE (stream, version, period);

ALTER TABLE identity.events ADD CONSTRAINT events_version_check CHECK ((version > 0));

ALTER TABLE identity.history ADD CONSTRAINT history_pkey PRIMARY KEY (epoch);

ALTER TABLE identity.left_events ADD CONSTRAINT left_events_pkey PRIMARY KEY (subscription, transaction_id, "position");

ALTER TABLE identity.login_addresses ADD CONSTRAINT login_addresses_pkey PRIMARY KEY (user_id, network);

ALTER TABLE identity.mailed_events ADD CONSTRAINT mailed_events_pkey PRIMARY KEY (event_id);

ALTER TABLE identity.migrations ADD CONSTRAINT migrations_pkey PRIMARY KEY (id);

ALTER TABLE identity.users ADD CONSTRAINT users_check CHECK (((kind = 'person'::text) OR (password_hash IS NULL)));

ALTER TABLE identity.users ADD CONSTRAINT users_check1 CHECK (((external_issuer IS NULL) = (external_subject IS NULL)));

ALTER TABLE identity.users ADD CONSTRAINT users_check2 CHECK (((kind = 'person'::text) OR (external_subject IS NULL)));

ALTER TABLE identity.users ADD CONSTRAINT users_kind_check CHECK ((kind = ANY (ARRAY['person'::text, 'application'::text])));

ALTER TABLE identity.users ADD CONSTRAINT users_pkey PRIMARY KEY (id);

ALTER TABLE identity.users ADD CONSTRAINT users_version_check CHECK ((version > 0));

ALTER TABLE identity.wrong_passwords ADD CONSTRAINT wrong_passwords_pkey PRIMARY KEY (key);

ALTER TABLE tokenlog.deployment ADD CONSTRAINT deployment_pkey PRIMARY KEY (id);

ALTER TABLE tokenlog.migration_steps ADD CONSTRAINT migration_steps_pkey PRIMARY KEY (part, name);

ALTER TABLE tokens.checkpoints ADD CONSTRAINT checkpoints_pkey PRIMARY KEY (subscription);

ALTER TABLE tokens.events ADD CONSTRAINT events_pkey PRIMARY KEY (transaction_id, "position", period);

ALTER TABLE tokens.events ADD CONSTRAINT events_stream_version_period_key UNIQUE (stream, version, period);

ALTER TABLE tokens.events ADD CONSTRAINT events_version_check CHECK ((version > 0));

ALTER TABLE tokens.expiries ADD CONSTRAINT expiries_pkey PRIMARY KEY (token_id);

ALTER TABLE tokens.guard_answers ADD CONSTRAINT guard_answers_pkey PRIMARY KEY (name, token_id);

ALTER TABLE tokens.guard_leases ADD CONSTRAINT guard_leases_pkey PRIMARY KEY (guard);

ALTER TABLE tokens.guard_standing ADD CONSTRAINT guard_standing_pkey PRIMARY KEY (name);

ALTER TABLE tokens.history ADD CONSTRAINT history_pkey PRIMARY KEY (epoch);

ALTER TABLE tokens.kept_answers ADD CONSTRAINT kept_answers_pkey PRIMARY KEY (id);

ALTER TABLE tokens.left_events ADD CONSTRAINT left_events_pkey PRIMARY KEY (subscription, transaction_id, "position");

ALTER TABLE tokens.left_messages ADD CONSTRAINT left_messages_pkey PRIMARY KEY (reader, sequence);

ALTER TABLE tokens.migrations ADD CONSTRAINT migrations_pkey PRIMARY KEY (id);

ALTER TABLE tokens.pepper_holders ADD CONSTRAINT pepper_holders_pkey PRIMARY KEY (instance);

ALTER TABLE tokens.secret_graces ADD CONSTRAINT secret_graces_pkey PRIMARY KEY (token_id, generation);

ALTER TABLE tokens.secrets ADD CONSTRAINT secrets_pkey PRIMARY KEY (owner, generation);

ALTER TABLE tokens.sessions ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);

ALTER TABLE tokens.static_keys ADD CONSTRAINT static_keys_pkey PRIMARY KEY (token_id);

ALTER TABLE tokens.stream_places ADD CONSTRAINT stream_places_pkey PRIMARY KEY (reader);

ALTER TABLE tokens.token_refusals ADD CONSTRAINT token_refusals_pkey PRIMARY KEY (token_id, reason);

ALTER TABLE tokens.token_usage ADD CONSTRAINT token_usage_pkey PRIMARY KEY (token_id);

ALTER TABLE tokens.tokens ADD CONSTRAINT tokens_pkey PRIMARY KEY (id);

ALTER TABLE tokens.users ADD CONSTRAINT users_pkey PRIMARY KEY (id);

ALTER TABLE identity.login_addresses ADD CONSTRAINT login_addresses_user_id_fkey FOREIGN KEY (user_id) REFERENCES identity.users(id) ON DELETE CASCADE;

CREATE INDEX events_entity ON ONLY identity.events USING btree (entity, transaction_id, "position");

CREATE INDEX events_entity ON ONLY tokens.events USING btree (entity, transaction_id, "position");

CREATE INDEX expiries_next ON tokens.expiries USING btree (expires_at);

CREATE INDEX kept_answers_end ON tokens.kept_answers USING btree (ends_at);

CREATE INDEX sessions_token ON tokens.sessions USING btree (token_id) WHERE (ended_at IS NULL);

CREATE INDEX sessions_user ON tokens.sessions USING btree (user_id) WHERE (ended_at IS NULL);

CREATE INDEX tokens_created ON tokens.tokens USING btree (created_at, id);

CREATE INDEX tokens_user ON tokens.tokens USING btree (user_id);

CREATE INDEX users_folded_username ON tokens.users USING btree ((
CASE
    WHEN (octet_length(username) = length(username)) THEN lower((username COLLATE "C"))
    ELSE (NORMALIZE(casefold((NORMALIZE(username, NFD) COLLATE pg_unicode_fast)), NFC) COLLATE "C")
END));

CREATE INDEX wrong_passwords_since ON identity.wrong_passwords USING btree (since);

CREATE UNIQUE INDEX static_keys_fingerprint ON tokens.static_keys USING btree (fingerprint);

CREATE UNIQUE INDEX users_external_identity ON identity.users USING btree (external_issuer, external_subject) WHERE (external_subject IS NOT NULL);

CREATE UNIQUE INDEX users_folded_username ON identity.users USING btree ((
CASE
    WHEN (octet_length(username) = length(username)) THEN lower((username COLLATE "C"))
    ELSE (NORMALIZE(casefold((NORMALIZE(username, NFD) COLLATE pg_unicode_fast)), NFC) COLLATE "C")
END));

CREATE TRIGGER events_append_only BEFORE DELETE OR UPDATE ON identity.events FOR EACH ROW EXECUTE FUNCTION identity.refuse_change();

CREATE TRIGGER events_append_only BEFORE DELETE OR UPDATE ON tokens.events FOR EACH ROW EXECUTE FUNCTION tokens.refuse_change();

CREATE TRIGGER events_append_only_whole BEFORE TRUNCATE ON identity.events FOR EACH STATEMENT EXECUTE FUNCTION identity.refuse_change();

CREATE TRIGGER events_append_only_whole BEFORE TRUNCATE ON tokens.events FOR EACH STATEMENT EXECUTE FUNCTION tokens.refuse_change();

REVOKE ALL ON FUNCTION identity.continue_log() FROM PUBLIC;

REVOKE ALL ON FUNCTION identity.ensure_periods() FROM PUBLIC;

REVOKE ALL ON FUNCTION tokens.continue_log() FROM PUBLIC;

REVOKE ALL ON FUNCTION tokens.ensure_periods() FROM PUBLIC;

GRANT USAGE ON SCHEMA identity TO tokenlog_identity;

GRANT USAGE ON SCHEMA tokenlog TO tokenlog_identity;

GRANT USAGE ON SCHEMA tokenlog TO tokenlog_tokens;

GRANT USAGE ON SCHEMA tokens TO tokenlog_tokens;

GRANT DELETE ON TABLE identity.left_events TO tokenlog_identity;

GRANT DELETE ON TABLE identity.login_addresses TO tokenlog_identity;

GRANT DELETE ON TABLE identity.users TO tokenlog_identity;

GRANT DELETE ON TABLE identity.wrong_passwords TO tokenlog_identity;

GRANT DELETE ON TABLE tokens.guard_answers TO tokenlog_tokens;

GRANT DELETE ON TABLE tokens.guard_leases TO tokenlog_tokens;

GRANT DELETE ON TABLE tokens.guard_standing TO tokenlog_tokens;

GRANT DELETE ON TABLE tokens.kept_answers TO tokenlog_tokens;

GRANT DELETE ON TABLE tokens.left_events TO tokenlog_tokens;

GRANT DELETE ON TABLE tokens.left_messages TO tokenlog_tokens;

GRANT DELETE ON TABLE tokens.pepper_holders TO tokenlog_tokens;

GRANT INSERT ON TABLE identity.checkpoints TO tokenlog_identity;

GRANT INSERT ON TABLE identity.events TO tokenlog_identity;

GRANT INSERT ON TABLE identity.history TO tokenlog_identity;

GRANT INSERT ON TABLE identity.left_events TO tokenlog_identity;

GRANT INSERT ON TABLE identity.login_addresses TO tokenlog_identity;

GRANT INSERT ON TABLE identity.mailed_events TO tokenlog_identity;

GRANT INSERT ON TABLE identity.users TO tokenlog_identity;

GRANT INSERT ON TABLE identity.wrong_passwords TO tokenlog_identity;

GRANT INSERT ON TABLE tokens.checkpoints TO tokenlog_tokens;

GRANT INSERT ON TABLE tokens.events TO tokenlog_tokens;

GRANT INSERT ON TABLE tokens.expiries TO tokenlog_tokens;

GRANT INSERT ON TABLE tokens.guard_answers TO tokenlog_tokens;

GRANT INSERT ON TABLE tokens.guard_leases TO tokenlog_tokens;

GRANT INSERT ON TABLE tokens.guard_standing TO tokenlog_tokens;

GRANT INSERT ON TABLE tokens.history TO tokenlog_tokens;

GRANT INSERT ON TABLE tokens.kept_answers TO tokenlog_tokens;

GRANT INSERT ON TABLE tokens.left_events TO tokenlog_tokens;

GRANT INSERT ON TABLE tokens.left_messages TO tokenlog_tokens;

GRANT INSERT ON TABLE tokens.pepper_holders TO tokenlog_tokens;

GRANT INSERT ON TABLE tokens.secret_graces TO tokenlog_tokens;

GRANT INSERT ON TABLE tokens.secrets TO tokenlog_tokens;

GRANT INSERT ON TABLE tokens.sessions TO tokenlog_tokens;

GRANT INSERT ON TABLE tokens.static_keys TO tokenlog_tokens;

GRANT INSERT ON TABLE tokens.stream_places TO tokenlog_tokens;

GRANT INSERT ON TABLE tokens.token_refusals TO tokenlog_tokens;

GRANT INSERT ON TABLE tokens.token_usage TO tokenlog_tokens;

GRANT INSERT ON TABLE tokens.tokens TO tokenlog_tokens;

GRANT INSERT ON TABLE tokens.users TO tokenlog_tokens;

GRANT SELECT ON TABLE identity.checkpoints TO tokenlog_identity;

GRANT SELECT ON TABLE identity.events TO tokenlog_identity;

GRANT SELECT ON TABLE identity.history TO tokenlog_identity;

GRANT SELECT ON TABLE identity.left_events TO tokenlog_identity;

GRANT SELECT ON TABLE identity.login_addresses TO tokenlog_identity;

GRANT SELECT ON TABLE identity.mailed_events TO tokenlog_identity;

GRANT SELECT ON TABLE identity.users TO tokenlog_identity;

GRANT SELECT ON TABLE identity.wrong_passwords TO tokenlog_identity;

GRANT SELECT ON TABLE tokenlog.deployment TO tokenlog_identity;

GRANT SELECT ON TABLE tokenlog.deployment TO tokenlog_tokens;

GRANT SELECT ON TABLE tokenlog.migration_steps TO tokenlog_identity;

GRANT SELECT ON TABLE tokenlog.migration_steps TO tokenlog_tokens;

GRANT SELECT ON TABLE tokens.checkpoints TO tokenlog_tokens;

GRANT SELECT ON TABLE tokens.events TO tokenlog_tokens;

GRANT SELECT ON TABLE tokens.expiries TO tokenlog_tokens;

GRANT SELECT ON TABLE tokens.guard_answers TO tokenlog_tokens;

GRANT SELECT ON TABLE tokens.guard_leases TO tokenlog_tokens;

GRANT SELECT ON TABLE tokens.guard_standing TO tokenlog_tokens;

GRANT SELECT ON TABLE tokens.history TO tokenlog_tokens;

GRANT SELECT ON TABLE tokens.identity_epoch TO tokenlog_tokens;

GRANT SELECT ON TABLE tokens.kept_answers TO tokenlog_tokens;

GRANT SELECT ON TABLE tokens.left_events TO tokenlog_tokens;

GRANT SELECT ON TABLE tokens.left_messages TO tokenlog_tokens;

GRANT SELECT ON TABLE tokens.pepper_holders TO tokenlog_tokens;

GRANT SELECT ON TABLE tokens.secret_graces TO tokenlog_tokens;

GRANT SELECT ON TABLE tokens.secrets TO tokenlog_tokens;

GRANT SELECT ON TABLE tokens.sessions TO tokenlog_tokens;

GRANT SELECT ON TABLE tokens.static_key_salt TO tokenlog_tokens;

GRANT SELECT ON TABLE tokens.static_keys TO tokenlog_tokens;

GRANT SELECT ON TABLE tokens.stream_places TO tokenlog_tokens;

GRANT SELECT ON TABLE tokens.token_refusals TO tokenlog_tokens;

GRANT SELECT ON TABLE tokens.token_usage TO tokenlog_tokens;

GRANT SELECT ON TABLE tokens.tokens TO tokenlog_tokens;

GRANT SELECT ON TABLE tokens.users TO tokenlog_tokens;

GRANT UPDATE ON TABLE identity.checkpoints TO tokenlog_identity;

GRANT UPDATE ON TABLE identity.login_addresses TO tokenlog_identity;

GRANT UPDATE ON TABLE identity.users TO tokenlog_identity;

GRANT UPDATE ON TABLE identity.wrong_passwords TO tokenlog_identity;

GRANT UPDATE ON TABLE tokens.checkpoints TO tokenlog_tokens;

GRANT UPDATE ON TABLE tokens.expiries TO tokenlog_tokens;

GRANT UPDATE ON TABLE tokens.guard_answers TO tokenlog_tokens;

GRANT UPDATE ON TABLE tokens.guard_leases TO tokenlog_tokens;

GRANT UPDATE ON TABLE tokens.guard_standing TO tokenlog_tokens;

GRANT UPDATE ON TABLE tokens.identity_epoch TO tokenlog_tokens;

GRANT UPDATE ON TABLE tokens.kept_answers TO tokenlog_tokens;

GRANT UPDATE ON TABLE tokens.pepper_holders TO tokenlog_tokens;

GRANT UPDATE ON TABLE tokens.secret_graces TO tokenlog_tokens;

GRANT UPDATE ON TABLE tokens.secrets TO tokenlog_tokens;

GRANT UPDATE ON TABLE tokens.sessions TO tokenlog_tokens;

GRANT UPDATE ON TABLE tokens.stream_places TO tokenlog_tokens;

GRANT UPDATE ON TABLE tokens.token_refusals TO tokenlog_tokens;

GRANT UPDATE ON TABLE tokens.token_usage TO tokenlog_tokens;

GRANT UPDATE ON TABLE tokens.tokens TO tokenlog_tokens;

GRANT UPDATE ON TABLE tokens.users TO tokenlog_tokens;

GRANT UPDATE (fingerprint) ON TABLE tokens.static_keys TO tokenlog_tokens;

GRANT EXECUTE ON FUNCTION identity.continue_log() TO tokenlog_identity;

GRANT EXECUTE ON FUNCTION identity.ensure_periods() TO tokenlog_identity;

GRANT EXECUTE ON FUNCTION tokens.continue_log() TO tokenlog_tokens;

GRANT EXECUTE ON FUNCTION tokens.ensure_periods() TO tokenlog_tokens;

