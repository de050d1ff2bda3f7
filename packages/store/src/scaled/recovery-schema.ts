// Tables and functions that keep the catalog right when PostgreSQL has lost commits, and when objects of the
// bucket are entered that it does not know. A migration, like those in schema.ts.

export const recoveryMigration = `
  -- How often rows of removed segments were forgotten. Only in between does "no row" mean "not known".
  ALTER TABLE skald.head ADD COLUMN forgotten bigint NOT NULL DEFAULT 0;
  -- When the object of a removed segment was deleted.
  ALTER TABLE skald.segments ADD COLUMN deleted_at timestamptz;
  DROP INDEX skald.segments_removed;
  CREATE INDEX segments_removed ON skald.segments (removed_at) WHERE removed IS NOT NULL AND deleted_at IS NULL;
  CREATE INDEX segments_deleted ON skald.segments (deleted_at) WHERE deleted_at IS NOT NULL;

  -- 48 bits of a change's id. Two histories have different tags at the same version.
  CREATE FUNCTION skald.tag(p_id uuid) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT ('x' || translate(left(p_id::text, 13), '-', ''))::bit(48)::bigint $$;

  -- As skald.record, for a replica whose newest change is p_at with a tag. SK006: the process that named the segments
  -- is no longer in the list of replicas. SK007: the database has another change at that version, or none yet.
  CREATE FUNCTION skald.record_after(
    p_id uuid, p_change json, p_added text[], p_removed text[],
    p_job bigint, p_rules bigint, p_forgets bigint, p_kind text,
    p_epoch bigint, p_epoch_ms bigint, p_at bigint, p_tag bigint
  ) RETURNS bigint LANGUAGE plpgsql AS $$
  DECLARE
    known skald.head%ROWTYPE;
    newest uuid;
  BEGIN
    SELECT * INTO known FROM skald.head FOR UPDATE;
    SELECT id INTO newest FROM skald.changes WHERE version = p_at;
    IF p_at > known.version OR (newest IS NULL AND p_at > known.floor)
        OR (p_tag <> 0 AND skald.tag(newest) <> p_tag) THEN
      RAISE EXCEPTION 'the catalog is at version %, and not after the change that the replica has at %', known.version, p_at
        USING ERRCODE = 'SK007';
    END IF;
    IF p_epoch IS NOT NULL AND NOT EXISTS (SELECT 1 FROM skald.replicas
        WHERE epoch = p_epoch AND seen > clock_timestamp() - p_epoch_ms * interval '1 millisecond') THEN
      RAISE EXCEPTION 'replica % was not seen for long', p_epoch USING ERRCODE = 'SK006';
    END IF;
    RETURN skald.record(p_id, p_change, p_added, p_removed, p_job, p_rules, p_forgets, p_kind);
  END $$;

  -- Enters objects that were found in the bucket. p_left: those that hold nothing that others do not hold; their
  -- rows say that they may be deleted. SK005: rows were forgotten since the bucket was listed.
  CREATE FUNCTION skald.adopt(
    p_id uuid, p_change json, p_added text[], p_removed text[], p_left text[],
    p_rules bigint, p_forgets bigint, p_forgotten bigint
  ) RETURNS bigint LANGUAGE plpgsql AS $$
  DECLARE
    known skald.head%ROWTYPE;
    v bigint;
  BEGIN
    SELECT * INTO known FROM skald.head FOR UPDATE;
    SELECT version INTO v FROM skald.changes WHERE id = p_id;
    IF FOUND THEN RETURN v; END IF;
    IF p_forgotten <> known.forgotten THEN
      RAISE EXCEPTION 'rows of removed segments were forgotten since the bucket was listed' USING ERRCODE = 'SK005';
    END IF;
    -- Each segment of level 0 has a version of its own, because that is its place in the order.
    UPDATE skald.head SET version = version + greatest(0,
      (SELECT count(*) FROM unnest(p_added) AS name WHERE name LIKE '%-0.seg') - 1);
    v := skald.record(p_id, p_change, p_added, p_removed, NULL, p_rules, p_forgets, NULL);
    INSERT INTO skald.segments (name, made, removed, removed_at)
      SELECT unnest(p_left), v, v, clock_timestamp() ON CONFLICT (name) DO NOTHING;
    RETURN v;
  END $$;

  -- Makes the next change one with a higher version than any that a lost history has given out. Commits that count on
  -- streams of that history, and merges that do not know its delete requests, are refused from then on.
  CREATE FUNCTION skald.jump(p_id uuid, p_least bigint) RETURNS bigint LANGUAGE plpgsql AS $$
  DECLARE
    known skald.head%ROWTYPE;
    v bigint;
  BEGIN
    SELECT * INTO known FROM skald.head FOR UPDATE;
    SELECT version INTO v FROM skald.changes WHERE id = p_id;
    IF FOUND THEN RETURN v; END IF;
    v := greatest(known.version + 1, p_least);
    UPDATE skald.head SET version = v, rules = v, forgets = v;
    INSERT INTO skald.changes (version, id, change)
      VALUES (v, p_id, json_build_object('kind', 'jumped', 'from', known.version));
    RETURN v;
  END $$;
  `
