// Tables and functions with which replicas divide the groups of rules, and keep the states of alerts and the samples for
// other servers. A migration, like those in schema.ts.

export const rulesMigration = `
  -- How many migrations the program of a process knows. Those that do not say so know three.
  ALTER TABLE skald.replicas ADD COLUMN migrations integer NOT NULL DEFAULT 3;
  -- Whether the process evaluates rules.
  ALTER TABLE skald.replicas ADD COLUMN evaluates boolean NOT NULL DEFAULT false;
  -- Made anew when a lease of skald.take_turns changes hands. Writes that depend on it name it, so those of a process
  -- that wakes up too late are refused.
  ALTER TABLE skald.leases ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid();

  -- The state of each group that was evaluated.
  CREATE TABLE skald.rule_states (
    -- SHA-256 of the names of the group, which may be too long for an index.
    id text PRIMARY KEY,
    lease text NOT NULL,
    -- Of the newest evaluation that has stored alerts, in milliseconds.
    evaluated_ms bigint NOT NULL DEFAULT 0,
    -- Of the newest one that has ended, with its samples.
    finished_ms bigint NOT NULL DEFAULT 0,
    -- How that one went, as JSON.
    report text
  );
  CREATE INDEX rule_states_lease ON skald.rule_states (lease);

  -- Alerts that are pending or firing, or have ended lately.
  CREATE TABLE skald.rule_alerts (
    group_id text NOT NULL REFERENCES skald.rule_states (id) ON DELETE CASCADE,
    -- SHA-256 of rule and labels.
    id text NOT NULL,
    -- [rule, labels, alert] as JSON.
    alert text NOT NULL,
    PRIMARY KEY (group_id, id)
  );

  -- Samples that other servers do not have yet.
  CREATE TABLE skald.rule_samples (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    server text NOT NULL,
    entered timestamptz NOT NULL DEFAULT clock_timestamp(),
    samples integer NOT NULL,
    bytes integer NOT NULL,
    -- Whether it belongs to the piece that is being sent. A piece is sent again as it was.
    is_sending boolean NOT NULL DEFAULT false,
    record text NOT NULL
  );
  CREATE INDEX rule_samples_server ON skald.rule_samples (server, number);

  -- Renews the leases of a process, and takes free ones: of p_shared its share among all processes that evaluate
  -- rules, of p_single all. Those in p_given are left to others first. Returns what the process has, and its share.
  CREATE FUNCTION skald.take_turns(
    p_epoch bigint, p_shared text[], p_single text[], p_given text[], p_ms bigint
  ) RETURNS TABLE (held text, held_token uuid, share integer) LANGUAGE plpgsql AS $$
  DECLARE
    most integer;
    mine integer;
    until timestamptz := clock_timestamp() + p_ms * interval '1 millisecond';
  BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('skald.take_turns'));
    UPDATE skald.replicas SET evaluates = true WHERE epoch = p_epoch AND NOT evaluates;
    SELECT ceil(cardinality(p_shared)::numeric / (1 + count(*))) INTO most FROM skald.replicas
      WHERE epoch <> p_epoch AND evaluates AND seen > clock_timestamp() - p_ms * interval '1 millisecond';
    DELETE FROM skald.leases WHERE epoch = p_epoch AND kind = ANY (p_given);
    UPDATE skald.leases SET expires = until WHERE epoch = p_epoch AND kind = ANY (p_shared || p_single);
    SELECT count(*) INTO mine FROM skald.leases WHERE epoch = p_epoch AND kind = ANY (p_shared);
    INSERT INTO skald.leases (kind, epoch, expires)
      SELECT free.kind, p_epoch, until FROM (
        (SELECT kind FROM unnest(p_shared) AS kind
          WHERE kind <> ALL (p_given) AND NOT EXISTS (SELECT 1 FROM skald.leases AS taken
            WHERE taken.kind = kind.kind AND taken.expires >= clock_timestamp())
          ORDER BY kind LIMIT greatest(0, most - mine))
        UNION ALL
        (SELECT kind FROM unnest(p_single) AS kind
          WHERE NOT EXISTS (SELECT 1 FROM skald.leases AS taken
            WHERE taken.kind = kind.kind AND taken.expires >= clock_timestamp()))) AS free
      ON CONFLICT (kind) DO UPDATE SET
        epoch = excluded.epoch, expires = excluded.expires, token = gen_random_uuid();
    RETURN QUERY SELECT kind, token, most FROM skald.leases
      WHERE epoch = p_epoch AND kind = ANY (p_shared || p_single);
  END $$;

  -- SK008: the lease is no longer that of the process. Whoever takes it waits for the transaction that asks this.
  CREATE FUNCTION skald.check_turn(p_lease text, p_epoch bigint, p_token uuid)
    RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM 1 FROM skald.leases
      WHERE kind = p_lease AND epoch = p_epoch AND token = p_token AND expires > clock_timestamp() FOR SHARE;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'the lease % is no longer that of replica %', p_lease, p_epoch USING ERRCODE = 'SK008';
    END IF;
  END $$;

  -- Stores what has become of alerts of a group. An alert that is null is removed.
  CREATE FUNCTION skald.save_alerts(
    p_lease text, p_epoch bigint, p_token uuid, p_group text, p_evaluated bigint, p_ids text[], p_alerts text[]
  ) RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM skald.check_turn(p_lease, p_epoch, p_token);
    INSERT INTO skald.rule_states (id, lease, evaluated_ms) VALUES (p_group, p_lease, p_evaluated)
      ON CONFLICT (id) DO UPDATE SET evaluated_ms = excluded.evaluated_ms;
    DELETE FROM skald.rule_alerts WHERE group_id = p_group AND id IN (
      SELECT gone.id FROM unnest(p_ids, p_alerts) AS gone (id, alert) WHERE gone.alert IS NULL);
    INSERT INTO skald.rule_alerts (group_id, id, alert)
      SELECT p_group, made.id, made.alert FROM unnest(p_ids, p_alerts) AS made (id, alert)
        WHERE made.alert IS NOT NULL
      ON CONFLICT (group_id, id) DO UPDATE SET alert = excluded.alert;
  END $$;

  -- Stores the end of an evaluation, and the samples of it and of those before it whose end could not be stored. A
  -- second try changes nothing: samples of evaluations that are stored already are left out.
  CREATE FUNCTION skald.finish_group(
    p_lease text, p_epoch bigint, p_token uuid, p_group text, p_finished bigint, p_report text,
    p_servers text[], p_times bigint[], p_samples integer[], p_records text[]
  ) RETURNS void LANGUAGE plpgsql AS $$
  DECLARE
    known bigint;
  BEGIN
    PERFORM skald.check_turn(p_lease, p_epoch, p_token);
    SELECT finished_ms INTO known FROM skald.rule_states WHERE id = p_group;
    INSERT INTO skald.rule_samples (server, samples, bytes, record)
      SELECT made.server, made.samples, octet_length(made.record), made.record
        FROM unnest(p_servers, p_times, p_samples, p_records) WITH ORDINALITY
          AS made (server, time, samples, record, place)
        WHERE made.time > coalesce(known, 0) ORDER BY made.place;
    INSERT INTO skald.rule_states (id, lease, finished_ms, report) VALUES (p_group, p_lease, p_finished, p_report)
      ON CONFLICT (id) DO UPDATE SET finished_ms = excluded.finished_ms, report = excluded.report
        WHERE rule_states.finished_ms < excluded.finished_ms;
  END $$;

  -- Returns the samples to send next: those that were being sent, or else the oldest, about p_samples of them.
  CREATE FUNCTION skald.next_samples(
    p_lease text, p_epoch bigint, p_token uuid, p_server text, p_samples bigint, p_records bigint
  ) RETURNS TABLE (is_again boolean, records json, waiting bigint) LANGUAGE plpgsql AS $$
  DECLARE
    again boolean;
  BEGIN
    PERFORM skald.check_turn(p_lease, p_epoch, p_token);
    again := EXISTS (SELECT 1 FROM skald.rule_samples WHERE server = p_server AND is_sending);
    IF NOT again THEN
      UPDATE skald.rule_samples SET is_sending = true WHERE number IN (
        SELECT found.number FROM (
          SELECT number, sum(samples) OVER (ORDER BY number) - samples AS before FROM (
            SELECT number, samples FROM skald.rule_samples WHERE server = p_server
              ORDER BY number LIMIT p_records) AS oldest) AS found
          WHERE found.before < p_samples);
    END IF;
    RETURN QUERY SELECT again,
      (SELECT json_agg(record ORDER BY number) FROM skald.rule_samples WHERE server = p_server AND is_sending),
      (SELECT coalesce(sum(bytes), 0)::bigint FROM skald.rule_samples WHERE server = p_server);
  END $$;

  -- Says that a server has what was being sent.
  CREATE FUNCTION skald.settle_samples(p_lease text, p_epoch bigint, p_token uuid, p_server text)
    RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM skald.check_turn(p_lease, p_epoch, p_token);
    DELETE FROM skald.rule_samples WHERE server = p_server AND is_sending;
  END $$;

  -- Drops the oldest samples beyond a size. Returns how many.
  CREATE FUNCTION skald.drop_samples(p_server text, p_bytes bigint) RETURNS bigint LANGUAGE sql AS $$
    WITH gone AS (
      DELETE FROM skald.rule_samples WHERE number IN (
        SELECT number FROM (
          SELECT number, sum(bytes) OVER (ORDER BY number DESC) AS newer
            FROM skald.rule_samples WHERE server = p_server) AS sized
          WHERE newer > p_bytes) RETURNING samples)
    SELECT coalesce(sum(samples), 0) FROM gone $$;
`
