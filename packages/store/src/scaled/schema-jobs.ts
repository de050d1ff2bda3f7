// Merges of several replicas at a time. A job names what its merge reads, and no two may name the same segment.

export const jobsMigration = `
  ALTER TABLE skald.jobs ADD COLUMN inputs text[] NOT NULL DEFAULT '{}';
  -- No table that others lock in another order.
  CREATE TABLE skald.jobs_lock (one boolean PRIMARY KEY DEFAULT true CHECK (one));
  INSERT INTO skald.jobs_lock DEFAULT VALUES;

  -- Begins a job. Returns its id; null if an input is in another job, or is not there any more. Jobs that have
  -- expired cannot end after this.
  CREATE FUNCTION skald.begin_job(p_epoch bigint, p_inputs text[], p_outputs text[], p_ms bigint)
    RETURNS bigint LANGUAGE plpgsql AS $$
  DECLARE
    known bigint;
    found_inputs integer;
  BEGIN
    PERFORM 1 FROM skald.jobs_lock FOR UPDATE;
    UPDATE skald.jobs SET is_fenced = true WHERE NOT is_fenced AND expires < clock_timestamp();
    PERFORM 1 FROM (SELECT unnest(inputs) AS name FROM skald.jobs WHERE NOT is_fenced) AS busy
      JOIN unnest(p_inputs) AS wanted ON wanted = busy.name;
    IF FOUND THEN RETURN NULL; END IF;
    SELECT count(*) INTO found_inputs FROM skald.segments WHERE name = ANY (p_inputs) AND removed IS NULL;
    IF found_inputs <> cardinality(p_inputs) THEN RETURN NULL; END IF;
    INSERT INTO skald.jobs (epoch, inputs, outputs, expires)
      VALUES (p_epoch, p_inputs, p_outputs, clock_timestamp() + p_ms * interval '1 millisecond')
      RETURNING id INTO known;
    RETURN known;
  END $$;
`
