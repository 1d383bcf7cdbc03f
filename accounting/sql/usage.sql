-- What was used, from the ledger's own transfers: charges, estimates that stand, less what was reversed.

-- name: find_spenders
-- The people behind a word: an account number, an e-mail, or what a client calls them.
SELECT a.id FROM account AS a LEFT JOIN account_label AS l ON l.account_id = a.id
WHERE a.kind IN ('user', 'service', 'unattributed')
  AND (a.id::text = :person OR a.external_id = :person OR lower(l.email) = lower(:person)
       OR a.id IN (SELECT p.account_id FROM person AS p JOIN identity AS i ON i.person_id = p.id WHERE i.external_id = :person))
ORDER BY a.id;

-- name: query_usage
-- Grouped by one thing; the row with a null key is the total. Bounded by the index of recorded_at, then of hold.
WITH moved AS (
    SELECT t.hold_id, t.event_id, t.kind, t.recorded_at,
           CASE t.kind WHEN 'reversal' THEN -t.amount ELSE t.amount END AS amount,
           coalesce(h.person_id, h.account_id) AS person_id, h.account_id AS payer_id, h.client_id, h.model
    FROM transfer AS t JOIN hold AS h ON h.id = t.hold_id
    WHERE t.kind IN ('charge', 'estimate', 'reversal')
      AND t.recorded_at >= :from_at AND t.recorded_at < :to_at
      AND (:persons::bigint[] IS NULL OR coalesce(h.person_id, h.account_id) = ANY (:persons))
      AND (:team::bigint IS NULL OR h.account_id = :team)
      AND (:model = '' OR h.model = :model)),
keyed AS (
    SELECT m.hold_id, m.kind, m.amount, u.usage,
           CASE :by
               WHEN 'hour' THEN to_char(m.recorded_at AT TIME ZONE :zone, 'YYYY-MM-DD HH24:00')
               WHEN 'day' THEN to_char(m.recorded_at AT TIME ZONE :zone, 'YYYY-MM-DD')
               WHEN 'month' THEN to_char(m.recorded_at AT TIME ZONE :zone, 'YYYY-MM')
               WHEN 'model' THEN m.model
               WHEN 'client' THEN m.client_id
               WHEN 'person' THEN m.person_id::text
               WHEN 'team' THEN CASE (SELECT a.kind FROM account AS a WHERE a.id = m.payer_id) WHEN 'pool' THEN m.payer_id::text ELSE '' END
           END AS key
    FROM moved AS m LEFT JOIN usage_event AS u ON u.id = m.event_id),
summed AS (
    SELECT k.key, count(DISTINCT k.hold_id) AS calls, sum(k.amount)::bigint AS cost,
           sum(k.amount) FILTER (WHERE k.kind <> 'charge')::bigint AS estimated,
           sum((k.usage ->> 'prompt_tokens')::bigint)::bigint AS prompt_tokens,
           sum((k.usage ->> 'completion_tokens')::bigint)::bigint AS completion_tokens
    FROM keyed AS k GROUP BY GROUPING SETS ((k.key), ()))
SELECT s.key, s.calls, coalesce(s.cost, 0) AS cost, coalesce(s.estimated, 0) AS estimated,
       coalesce(s.prompt_tokens, 0) AS prompt_tokens, coalesce(s.completion_tokens, 0) AS completion_tokens,
       CASE WHEN :by IN ('person', 'team') AND s.key <> '' THEN s.key::bigint END AS account_id,
       CASE WHEN :by IN ('person', 'team') AND s.key <> ''
            THEN (SELECT coalesce(l.email, a.name, a.external_id, a.client_id) FROM account AS a
                  LEFT JOIN account_label AS l ON l.account_id = a.id WHERE a.id = s.key::bigint) END AS name
FROM summed AS s
ORDER BY s.key IS NULL DESC, CASE WHEN :by IN ('hour', 'day', 'month') THEN s.key END, s.cost DESC, s.key
LIMIT :page_size;
