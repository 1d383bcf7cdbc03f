-- Statements of the match (accounting/settling/match.py), read by aiosql; a header above each says why.
-- Each asks about a slice of time by an index, and writes only what is the same when written twice.

-- name: read_now^
-- The ledger's own clock: slices of time are cut by it.
SELECT now() AS now;

-- name: count_closed
-- The holds closed in a slice of time, by the witnesses that told of them (protocol.md 6). A hold that a
-- report brought along was not placed by anybody: no H. unproven: its report carried no token either.
SELECT h.placed_by <> 'report' AS held, seen.access, seen.callback,
       h.placed_by = 'report' AND h.client_id = 'unknown' AND NOT seen.access AS unproven, count(*)::bigint AS calls
FROM hold_close AS c
JOIN hold AS h ON h.id = c.hold_id
CROSS JOIN LATERAL (
    SELECT coalesce(bool_or(r.kind = 'access' AND r.body ->> 'stage' = 'end'), false) AS access,
           coalesce(bool_or(r.kind IN ('start', 'end', 'cost')), false) AS callback
    FROM call_record AS r WHERE r.hold_id = c.hold_id) AS seen
WHERE c.closed_at > :after AND c.closed_at <= :until
GROUP BY 1, 2, 3, 4;

-- name: note_unmetered^
-- Requests that Envoy sent to LiteLLM and of which neither a hold nor a report tells (0 1 0): how many, and one
-- exception for each client, route and day. An error of LiteLLM's is no use of anything.
WITH lone AS MATERIALIZED (
    SELECT r.hold_id, r.body, coalesce(nullif(r.body ->> 'client', ''), 'unknown') || ':'
           || coalesce(nullif(r.body ->> 'route', ''), 'unknown') || ':'
           || to_char(r.at AT TIME ZONE 'utc', 'YYYY-MM-DD') AS subject
    FROM call_record AS r
    WHERE r.kind = 'access' AND r.recorded_at > :after AND r.recorded_at <= :until
      AND r.body ->> 'stage' = 'end' AND (r.body ->> 'upstream')::boolean
      AND coalesce((r.body ->> 'code')::integer, 0) < 400
      AND NOT EXISTS (SELECT FROM hold AS h WHERE h.id = r.hold_id)),
noted AS (
    INSERT INTO exception (kind, subject, detail)
    SELECT DISTINCT ON (l.subject) 'unmetered', l.subject, jsonb_build_object(
               'first_request', l.hold_id, 'decision', l.body ->> 'decision', 'mode', l.body ->> 'mode')
    FROM lone AS l ORDER BY l.subject ON CONFLICT DO NOTHING)
SELECT count(*)::bigint AS calls FROM lone;

-- name: read_silence^
-- Calls that ended in a minute, not counting what is too new to have a second witness; whether Envoy told of any.
SELECT (SELECT count(*) FROM (
            SELECT FROM hold_close AS c
            WHERE c.closed_at > now() - interval '90 seconds' AND c.closed_at <= now() - interval '30 seconds'
              AND c.reason = 'reported' LIMIT 1000) AS few)::bigint AS closed,
       EXISTS (SELECT FROM call_record AS r
               WHERE r.kind = 'access' AND r.recorded_at > now() - interval '120 seconds') AS heard;
