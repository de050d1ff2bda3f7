// The tables of the shared catalog in PostgreSQL, as migrations that never change once released. A database at
// version n has run the first n of them (table skald.schema).
//
// The truth is a list of changes, each with the version that its transaction made. All transactions lock the one
// row of skald.head first, so versions become visible in their order and without gaps, and "what is new since
// version v" is exact. The segments are here once more, so that a transaction can check its inputs.

import { recoveryMigration } from './recovery-schema.ts'
import { jobsMigration } from './schema-jobs.ts'
import { rulesMigration } from './schema-rules.ts'

export const migrations: readonly string[] = [
  `
  CREATE TABLE skald.head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    -- Tells this catalog from every other one.
    store uuid NOT NULL DEFAULT gen_random_uuid(),
    -- Of the newest change.
    version bigint NOT NULL DEFAULT 0,
    -- At which the newest delete request began to remove entries.
    rules bigint NOT NULL DEFAULT 0,
    -- At which streams were last removed.
    forgets bigint NOT NULL DEFAULT 0,
    -- Up to which changes are no longer kept: a copy of the catalog in the bucket has them.
    floor bigint NOT NULL DEFAULT 0,
    -- Of the newest copy in the bucket.
    copied bigint NOT NULL DEFAULT 0,
    copied_at timestamptz NOT NULL DEFAULT now()
  );
  INSERT INTO skald.head DEFAULT VALUES;

  CREATE TABLE skald.changes (
    version bigint PRIMARY KEY,
    -- Given by the replica, so that a second try changes nothing.
    id uuid NOT NULL UNIQUE,
    entered timestamptz NOT NULL DEFAULT clock_timestamp(),
    change json NOT NULL
  );

  CREATE TABLE skald.segments (
    name text PRIMARY KEY,
    made bigint NOT NULL,
    removed bigint,
    -- When its object may be deleted, less the delay. 'infinity' if never.
    removed_at timestamptz
  );
  CREATE INDEX segments_removed ON skald.segments (removed_at) WHERE removed IS NOT NULL;

  -- One row for each process. The number is part of the names of its segments.
  CREATE TABLE skald.replicas (
    epoch bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    seen timestamptz NOT NULL DEFAULT now()
  );

  CREATE TABLE skald.leases (
    kind text PRIMARY KEY,
    epoch bigint NOT NULL,
    expires timestamptz NOT NULL
  );

  -- Merges under way, and the objects that they write.
  CREATE TABLE skald.jobs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    epoch bigint NOT NULL,
    outputs text[] NOT NULL,
    expires timestamptz NOT NULL,
    is_fenced boolean NOT NULL DEFAULT false
  );

  -- Makes a change and returns its version, or that of an earlier try. SK001: the job is no longer valid.
  -- SK002: segments to remove are not there. SK003: a delete request has begun that the merge does not know.
  -- SK004: streams were removed that the commit counts on.
  CREATE FUNCTION skald.record(
    p_id uuid, p_change json, p_added text[], p_removed text[],
    p_job bigint, p_rules bigint, p_forgets bigint, p_kind text
  ) RETURNS bigint LANGUAGE plpgsql AS $$
  DECLARE
    known skald.head%ROWTYPE;
    v bigint;
    gone integer;
  BEGIN
    SELECT * INTO known FROM skald.head FOR UPDATE;
    SELECT version INTO v FROM skald.changes WHERE id = p_id;
    IF FOUND THEN RETURN v; END IF;
    IF p_job IS NOT NULL THEN
      DELETE FROM skald.jobs WHERE id = p_job AND NOT is_fenced;
      IF NOT FOUND THEN
        RAISE EXCEPTION 'job % is no longer valid', p_job USING ERRCODE = 'SK001';
      END IF;
    END IF;
    IF p_rules < known.rules THEN
      RAISE EXCEPTION 'a delete request has begun at version %', known.rules USING ERRCODE = 'SK003';
    END IF;
    IF p_forgets < known.forgets THEN
      RAISE EXCEPTION 'streams were removed at version %', known.forgets USING ERRCODE = 'SK004';
    END IF;
    v := known.version + 1;
    UPDATE skald.head SET
      version = v,
      rules = CASE WHEN p_kind = 'rules' THEN v ELSE rules END,
      forgets = CASE WHEN p_kind = 'forgets' THEN v ELSE forgets END;
    UPDATE skald.segments SET
      removed = v,
      removed_at = CASE WHEN p_kind = 'lost' THEN 'infinity' ELSE clock_timestamp() END
      WHERE name = ANY (p_removed) AND removed IS NULL;
    GET DIAGNOSTICS gone = ROW_COUNT;
    IF gone <> cardinality(p_removed) THEN
      RAISE EXCEPTION '% of % segments are there', gone, cardinality(p_removed)
        USING ERRCODE = 'SK002';
    END IF;
    INSERT INTO skald.segments (name, made) SELECT unnest(p_added), v;
    INSERT INTO skald.changes (version, id, change) VALUES (v, p_id, p_change);
    RETURN v;
  END $$;

  -- Takes or keeps a lease. Returns whether the replica has it.
  CREATE FUNCTION skald.lease(p_kind text, p_epoch bigint, p_ms bigint)
    RETURNS boolean LANGUAGE sql AS $$
    WITH taken AS (
      INSERT INTO skald.leases (kind, epoch, expires)
        VALUES (p_kind, p_epoch, clock_timestamp() + p_ms * interval '1 millisecond')
        ON CONFLICT (kind) DO UPDATE SET epoch = excluded.epoch, expires = excluded.expires
          WHERE leases.epoch = excluded.epoch OR leases.expires < clock_timestamp()
        RETURNING 1)
    SELECT EXISTS (SELECT 1 FROM taken) $$;
  `,
  jobsMigration,
  recoveryMigration,
  rulesMigration,
]

/** How many migrations a program knows at least that knows changes of rules. */
export const rulesMigrationNumber = migrations.indexOf(rulesMigration) + 1
