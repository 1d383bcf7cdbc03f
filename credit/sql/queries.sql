-- Statements of the ledger store that are not functions, read by aiosql; a header above each says why.

-- name: read_news
-- What the processes keep in memory, and in which version; polled, so it must stay tiny.
SELECT topic, version FROM news;

-- name: read_mode
SELECT mode FROM enforcement;

-- name: read_clients
SELECT id, kind, key_sha256, litellm_key, unknown_users, style, language, enabled, verified_emails FROM client;

-- name: read_model_map
-- The map in force: the highest version.
SELECT version, map FROM model_map ORDER BY version DESC LIMIT 1;

-- name: read_model_map_at
SELECT map FROM model_map WHERE version = :version;

-- name: read_policies
-- Those in force: the highest version of each subject.
SELECT DISTINCT ON (subject_kind, subject_id) subject_kind, subject_id, body
FROM policy ORDER BY subject_kind, subject_id, version DESC;

-- name: read_policy
-- The one in force for a subject.
SELECT body FROM policy WHERE subject_kind = :kind AND subject_id = :id ORDER BY version DESC LIMIT 1;

-- name: has_languages
-- Whether anybody has chosen a language: else nobody is asked about.
SELECT EXISTS (SELECT FROM account_setting AS s WHERE s.language IS NOT NULL) AS chosen;

-- name: read_language
-- What the person chose; null, or no row: the client's.
SELECT s.language FROM account_setting AS s WHERE s.account_id = :account_id;

-- name: find_account^
-- By client and what the client calls the person. Null: there is none.
SELECT named_account(:client_id::text, :external_id::text) AS id;

-- name: find_client_account^
-- The one account of a client that stands for calls without a person: service or unattributed.
SELECT id FROM account WHERE client_id = :client_id AND kind = :kind;

-- name: meet_person^
-- Whoever is not known yet, by the e-mail that the client sent, if any; null: no account.
SELECT meet_person(:client_id::text, :external_id::text, :email::text) AS id;

-- name: place_batch
SELECT o_id, o_result, o_reason, o_granted, o_shadow, o_payer, o_posted, o_held, o_overdraft, o_version, o_status_at, o_others, o_model, o_markup, o_low
FROM place_batch(:ids, :accounts, :clients, :routes, :models, :wants, :targets, :minimums, :shadow,
                 :smalls, :shares, :most_open, :cheaper, :prices, :markups, :lines, :deadline_s);

-- name: settle_due^
SELECT settle_due(:account_id) AS settled;

-- name: read_coming
-- What a refused person may be told: their next allowance, the pool that is empty, the cap that left least.
SELECT nullif(greatest(p.allowance - a.advanced, 0), 0) AS next_nanos, a.plan_ends_at AS next_at, coalesce(p.time_zone, 'America/Sao_Paulo') AS zone,
       (SELECT x.name FROM account AS x WHERE x.id = :pool_id::bigint) AS pool,
       c.limit_nanos AS cap_nanos, c.period AS cap_period, x.due_at AS cap_ends_at, coalesce(c.time_zone, 'America/Sao_Paulo') AS cap_zone
FROM account AS a
LEFT JOIN plan AS p ON p.id = a.plan_id
LEFT JOIN cap AS c ON c.account_id = :cap_id::bigint
LEFT JOIN account AS x ON x.id = c.account_id
WHERE a.id = :account_id;

-- name: list_overdue
-- Accounts of which something has been due for a moment: whoever calls settles them first by themselves.
SELECT a.id FROM account AS a WHERE a.due_at <= ledger_now() - make_interval(secs => :after_s) ORDER BY a.due_at LIMIT :page;

-- name: place_bounded
SELECT o_id, o_result FROM place_bounded(:places, :deadline_s);

-- name: extend_hold^
SELECT o_result, o_reason, o_granted, o_posted, o_held, o_overdraft FROM extend_hold(:hold_id, :want, :minimum);

-- name: capture_batch
SELECT o_kind, o_id, o_result FROM capture_batch(:records, :events, :deadline_s);

-- name: access_batch
SELECT o_id, o_result FROM access_batch(:records);

-- name: close_batch
SELECT o_hold_id, o_captured, o_overage FROM close_batch(:closes);

-- name: quarantine!
INSERT INTO usage_quarantine (digest, reason, body) VALUES (:digest, :reason, :body) ON CONFLICT DO NOTHING;

-- name: note_exception!
INSERT INTO exception (kind, subject, detail) VALUES (:kind, :subject, :detail) ON CONFLICT DO NOTHING;

-- name: find_late_debits
-- Of these holds those that were released, and of which more was debited since, in nano-USD.
SELECT c.hold_id, c.reason, (sum(u.cost) - c.captured)::bigint AS late_nanos
FROM hold_close AS c JOIN usage_event AS u ON u.hold_id = c.hold_id
WHERE c.hold_id = ANY (:hold_ids) AND c.outcome = 'released'
GROUP BY c.hold_id, c.reason, c.captured HAVING sum(u.cost) > c.captured ORDER BY c.hold_id;

-- name: raise_alarm!
-- What somebody must be told; a mailer reads these rows.
INSERT INTO alarm (kind, subject, detail) VALUES (:kind, :subject, :detail);

-- name: raise_alarm_once
-- Not again within a time: an alarm that repeats each second is one that nobody reads. No row: it is raised already.
INSERT INTO alarm (kind, subject, detail)
SELECT :kind, :subject, :detail::jsonb
WHERE NOT EXISTS (SELECT FROM alarm AS a WHERE a.kind = :kind AND a.subject = :subject
                  AND a.raised_at > now() - make_interval(secs => :within_s))
RETURNING id;

-- name: read_evidence
-- Everything known of these holds while they are open; records in the order of their ids.
SELECT o.hold_id, o.account_id, o.amount, o.granted, o.captured, o.deadline_at <= now() AS expired,
       extract(epoch FROM now() - h.placed_at)::float8 AS open_s,
       h.model, h.route, h.placed_by, coalesce(h.price_version, 0) AS price_version, h.markup_percent,
       coalesce((SELECT jsonb_agg(jsonb_build_object('kind', r.kind, 'body', r.body,
                        'age_s', extract(epoch FROM now() - r.recorded_at)::float8) ORDER BY r.recorded_at, r.id)
                 FROM call_record AS r WHERE r.hold_id = o.hold_id), '[]') AS records,
       (SELECT count(*) FROM usage_event AS u WHERE u.hold_id = o.hold_id) AS events,
       EXISTS (SELECT FROM usage_quarantine AS q WHERE q.body ->> 'hold' = o.hold_id::text) AS quarantined
FROM hold_open AS o JOIN hold AS h ON h.id = o.hold_id
WHERE o.hold_id = ANY (:hold_ids);

-- name: find_late_starts
-- Which of these holds had been released, because nothing seemed to have begun, when a start came.
SELECT c.hold_id, c.reason FROM hold_close AS c
WHERE c.hold_id = ANY (:hold_ids) AND c.outcome = 'released'
  AND c.reason IN ('never_started', 'no_upstream', 'refused_upstream')
  AND EXISTS (SELECT FROM call_record AS r
              WHERE r.hold_id = c.hold_id AND r.kind = 'start' AND r.recorded_at > c.closed_at);

-- name: list_ripe
-- Open holds past their deadline, and those whose end came lately and waits for its cost: each by its index.
(SELECT o.hold_id FROM hold_open AS o WHERE o.deadline_at <= now() ORDER BY o.deadline_at LIMIT :page)
UNION
(SELECT o.hold_id FROM call_record AS r JOIN hold_open AS o ON o.hold_id = r.hold_id
 WHERE r.kind = 'end' AND r.recorded_at < now() - make_interval(secs => :wait_s)
   AND r.recorded_at > now() - make_interval(secs => :lately_s)
 ORDER BY r.recorded_at LIMIT :page);

-- name: turn_page
-- The next page of the open holds, oldest deadline first; ripe: a witness says that the call ended, or a minute
-- passed without a word of the callback. ended_s: seconds since the first such witness.
SELECT o.hold_id, o.deadline_at, seen.ended_s,
       seen.ended_s IS NOT NULL OR seen.told IS NOT TRUE AND h.placed_at < now() - make_interval(secs => :start_wait_s) AS ripe
FROM (SELECT x.hold_id, x.deadline_at FROM hold_open AS x
      WHERE (x.deadline_at, x.hold_id) > (:after_at::timestamptz, :after_id::uuid)
      ORDER BY x.deadline_at, x.hold_id LIMIT :page) AS o
JOIN hold AS h ON h.id = o.hold_id
CROSS JOIN LATERAL (
    SELECT bool_or(r.kind = 'start') AS told,
           extract(epoch FROM now() - min(r.recorded_at) FILTER (
               WHERE r.kind IN ('end', 'cost') OR r.kind = 'access' AND r.body ->> 'stage' = 'end'))::float8 AS ended_s
    FROM call_record AS r WHERE r.hold_id = o.hold_id) AS seen
ORDER BY o.deadline_at, o.hold_id;

-- name: record_decision!
-- A refusal made at the door, before any hold (identity, model, bad request).
INSERT INTO decision (hold_id, account_id, client_id, kind, reason, model, detail)
VALUES (:hold_id, :account_id, :client_id, :kind, :reason, :model, :detail) ON CONFLICT DO NOTHING;

-- name: read_output_sizes
-- The 99th percentile of the output of a model for a client, where at least 200 calls are known (DESIGN 4).
-- Bounded to the newest events, so that its cost does not grow with the ledger.
SELECT h.client_id, h.model,
       percentile_disc(0.99) WITHIN GROUP (ORDER BY (u.usage ->> 'completion_tokens')::bigint)::bigint AS p99_tokens
FROM (SELECT e.hold_id, e.usage FROM usage_event AS e ORDER BY e.recorded_at DESC LIMIT 20000) AS u
JOIN hold AS h ON h.id = u.hold_id
GROUP BY h.client_id, h.model HAVING count(*) >= 200;

-- name: find_suspense
-- Where a report that names no known call is booked until a person has looked.
SELECT id FROM account WHERE kind = 'suspense';

-- name: read_hold_client
-- The client behind a hold and the person's plan, for the words of an answer about it.
SELECT c.id, c.style, coalesce(s.language, c.language) AS language, h.model, a.plan_id, a.id AS person_id,
       (SELECT d.others FROM decision AS d WHERE d.hold_id = h.id) AS others
FROM hold AS h JOIN client AS c ON c.id = h.client_id
JOIN account AS a ON a.id = coalesce(h.person_id, h.account_id)
LEFT JOIN account_setting AS s ON s.account_id = a.id WHERE h.id = :hold_id;

-- name: read_reasoning_pace
-- Hidden tokens against silence in the newest complete calls: what the estimate of a cut stream learns from.
SELECT h.model, (c.body -> 'usage' ->> 'reasoning_tokens')::bigint AS reasoning_tokens,
       (e.body ->> 'first_visible_ms')::bigint AS silent_ms
FROM (SELECT r.hold_id, r.body FROM call_record AS r WHERE r.kind = 'end' AND r.body ->> 'outcome' = 'ok'
      ORDER BY r.recorded_at DESC LIMIT 5000) AS e
JOIN call_record AS c ON c.hold_id = e.hold_id AND c.kind = 'cost' AND (c.body ->> 'exact')::boolean
JOIN hold AS h ON h.id = e.hold_id
WHERE (e.body ->> 'first_visible_ms') IS NOT NULL AND (c.body -> 'usage' ->> 'reasoning_tokens')::bigint > 0;

-- name: read_mode_override
-- Whether an account, or its plan, is watched only or enforced, whatever the ledger-wide mode.
SELECT coalesce(a.mode_override, p.mode_override) AS mode_override
FROM account AS a LEFT JOIN plan AS p ON p.id = a.plan_id WHERE a.id = :account_id;

-- name: read_plan
-- Whose policy holds for an account, beside its client's; asked anew after news of policies.
SELECT plan_id FROM account WHERE id = :account_id;

-- name: read_balance
-- What a person has, spent and gets next (sql/balance.sql); no row: there is no such account.
SELECT o_posted, o_held, o_overdraft, o_status, o_status_day, o_spent, o_more, o_pools, o_caps, o_coming
FROM balance_of(:account_id, :calls);

-- name: read_remembered
-- How large the conversation is that an answer belongs to: what went in and came out of it.
SELECT u.provider_id,
       max((u.usage ->> 'prompt_tokens')::bigint + (u.usage ->> 'completion_tokens')::bigint)::bigint AS tokens
FROM usage_event AS u WHERE u.provider_id = ANY (:provider_ids) GROUP BY u.provider_id;

-- name: count_open
-- The working set: how many holds are open, how much they reserve (nano-USD).
SELECT count(*)::bigint AS holds, coalesce(sum(o.amount), 0)::bigint AS nanos FROM hold_open AS o;
