-- Statements of the outbox: what is to be told, to whom, and what became of it.

-- name: open_deliveries!
-- Each notice of these days gets a delivery for each channel there is; one that is there already stays as it is.
INSERT INTO notice_delivery (notice_id, channel)
SELECT n.id, c FROM notice AS n CROSS JOIN unnest(:channels::text[]) AS c
WHERE n.created_at > now() - make_interval(days => :days)
  AND NOT EXISTS (SELECT FROM notice_delivery AS d WHERE d.notice_id = n.id AND d.channel = c)
ORDER BY n.id LIMIT :page ON CONFLICT DO NOTHING;

-- name: claim_deliveries
-- The next due ones, for whoever asks first; whoever dies with them gives them back after the lease.
UPDATE notice_delivery AS d SET attempts = d.attempts + 1, next_at = now() + make_interval(secs => :lease_s)
FROM (SELECT x.notice_id, x.channel FROM notice_delivery AS x
      WHERE x.state = 'pending' AND x.next_at <= now() AND x.channel = ANY (:channels)
      ORDER BY x.next_at, x.notice_id LIMIT :page FOR UPDATE SKIP LOCKED) AS due
JOIN notice AS n ON n.id = due.notice_id
WHERE d.notice_id = due.notice_id AND d.channel = due.channel
RETURNING d.notice_id, d.channel, d.attempts, n.kind, n.audience, n.account_id, n.admin_id, n.credit_request_id,
          n.detail, n.created_at,
          now() - n.created_at > make_interval(days => :days) AS old;

-- name: finish_delivery!
UPDATE notice_delivery SET state = :state, problem = :problem, done_at = now()
WHERE notice_id = :notice_id AND channel = :channel AND state = 'pending';

-- name: postpone_delivery!
UPDATE notice_delivery SET problem = :problem, next_at = now() + make_interval(secs => :after_s)
WHERE notice_id = :notice_id AND channel = :channel AND state = 'pending';

-- name: read_addressee^
-- Who is told about an account, and what they are told, as it is now; week: spent in the last seven days.
SELECT coalesce(l.email, '') AS email, coalesce(l.display_name, '') AS name, coalesce(s.language, c.language, '') AS language, coalesce(s.notices, true) AS wanted,
       coalesce(a.name, a.external_id, a.client_id, '') AS subject, a.posted, a.plan_ends_at, nullif(greatest(p.allowance - a.advanced, 0), 0) AS next_nanos,
       coalesce(p.time_zone, 'America/Sao_Paulo') AS zone,
       (SELECT coalesce(sum(t.amount), 0) FROM transfer AS t
        WHERE t.debit_account = a.id AND t.kind IN ('charge', 'estimate') AND t.recorded_at > now() - interval '7 days')::bigint AS week_nanos,
       extract(epoch FROM least(now() - a.created_at, interval '7 days'))::bigint AS week_s
FROM account AS a
LEFT JOIN account_label AS l ON l.account_id = a.id
LEFT JOIN account_setting AS s ON s.account_id = a.id
LEFT JOIN client AS c ON c.id = a.client_id
LEFT JOIN plan AS p ON p.id = a.plan_id
WHERE a.id = :account_id;

-- name: note_spike
-- More than three times what an hour usually costs (the median of the hours with any spending, over two weeks) and more
-- than :least: told once an hour. Rows: the notice made.
WITH hours AS (
    SELECT date_trunc('hour', u.recorded_at) AS hour, sum(u.cost) AS spent FROM usage_event AS u
    WHERE u.recorded_at > now() - interval '14 days' GROUP BY 1),
usual AS (
    SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY h.spent) AS spent, count(*) AS hours FROM hours AS h
    WHERE h.hour < date_trunc('hour', now())),
last AS (
    SELECT coalesce(sum(u.cost), 0)::bigint AS spent FROM usage_event AS u WHERE u.recorded_at > now() - interval '1 hour')
INSERT INTO notice (kind, audience, key, detail)
SELECT 'spike', 'admins', format('spike/%s', date_trunc('hour', now())),
       jsonb_build_object('spent_nanos', l.spent, 'usual_nanos', u.spent)
FROM last AS l CROSS JOIN usual AS u
WHERE u.hours >= 24 AND l.spent > 3 * u.spent AND l.spent > :least_nanos
ON CONFLICT DO NOTHING RETURNING id;

-- name: list_notices
SELECT n.id, n.kind, n.audience, n.account_id, n.created_at, d.channel, d.state, d.attempts, d.problem,
       coalesce(a.name, a.external_id, a.client_id, n.detail ->> 'subject', n.detail ->> 'model', '') AS subject
FROM notice AS n
LEFT JOIN notice_delivery AS d ON d.notice_id = n.id
LEFT JOIN account AS a ON a.id = n.account_id
WHERE :state = '' OR coalesce(d.state, 'pending') = :state
ORDER BY n.id DESC, d.channel LIMIT :page_size;

-- name: set_thresholds^
WITH changed AS (
    UPDATE plan SET notice_percents = :percents::integer[] WHERE id = :plan RETURNING id),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor::text, 'set_thresholds', c.id, jsonb_build_object('reason', :reason::text, 'percents', :percents::integer[])
    FROM changed AS c)
SELECT c.id FROM changed AS c;

-- name: retry_notice^
-- Those that were given up are tried anew, with an audit line; null: there is no such notice.
WITH again AS (
    UPDATE notice_delivery AS d SET state = 'pending', attempts = 0, next_at = now(), done_at = NULL
    WHERE d.notice_id = :id AND d.state IN ('failed', 'skipped') RETURNING d.channel),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor::text, 'retry_notice', (:id::bigint)::text, jsonb_build_object('reason', :reason::text)
    WHERE EXISTS (SELECT FROM again))
SELECT CASE WHEN EXISTS (SELECT FROM notice AS n WHERE n.id = :id) THEN (SELECT count(*) FROM again) END AS deliveries;
