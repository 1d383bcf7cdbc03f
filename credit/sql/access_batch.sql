-- access_batch: keep entries of Envoy's access log, the second witness of how a call ended.
-- Why: an entry moves no money and brings no hold along, so it takes no lock of the ledger's. What authz did not allow
-- (its answer was lost, the client left during the check) is kept only where there is a hold: else strangers would
-- fill the table.
-- Keys: call_record.id, made of the hold and the stage: the stream and a replayed file agree on it.
-- Arguments: p_records: [{id, hold_id, body, at_ms}].
-- Result: one row per record: recorded | duplicate | unknown.
CREATE OR REPLACE FUNCTION access_batch(p_records jsonb)
RETURNS TABLE (o_id text, o_result text) LANGUAGE sql AS $$
    WITH given AS (
        SELECT DISTINCT ON (g.id) g.*, g.body ->> 'decision' = 'allow' OR h.id IS NOT NULL AS known
        FROM jsonb_to_recordset(p_records) AS g (id text, hold_id uuid, body jsonb, at_ms bigint)
        LEFT JOIN hold AS h ON h.id = g.hold_id ORDER BY g.id),
    stored AS (
        INSERT INTO call_record (id, hold_id, kind, body, at)
        SELECT g.id, g.hold_id, 'access', g.body, to_timestamp(g.at_ms / 1000.0) FROM given AS g WHERE g.known
        ORDER BY g.id ON CONFLICT DO NOTHING RETURNING id)
    SELECT g.id, CASE WHEN NOT g.known THEN 'unknown' WHEN s.id IS NULL THEN 'duplicate' ELSE 'recorded' END
    FROM given AS g LEFT JOIN stored AS s USING (id)
$$;
