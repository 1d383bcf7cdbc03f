-- Statements of credit requests, read by aiosql; a header above each says why.
-- An answer is given under the lock of the request, after that of the account where credit moves; with its audit line.

-- name: lock_asker^
-- Two requests of one person are counted one after the other.
SELECT a.id, a.kind, a.status, a.advanced, a.plan_ends_at FROM account AS a WHERE a.id = :account_id FOR NO KEY UPDATE;

-- name: read_asking^
-- What a person has asked for in this period, and what comes next; after settle_due.
SELECT p.o_start AS start, p.o_end AS ends, next_allowance(a, q) AS next_nanos, a.advanced, a.plan_ends_at, a.status,
       period_end(a.plan_ends_at, q.period, q.time_zone) AS after_next, coalesce(q.rollover, '') AS rollover,
       (SELECT count(*) FROM credit_request AS c WHERE c.account_id = a.id AND c.state = 'requested' AND c.expires_at > ledger_now()) AS open,
       (SELECT count(*) FROM credit_request AS c WHERE c.account_id = a.id AND NOT c.advance AND c.requested_at >= p.o_start) AS asked,
       (SELECT count(*) FROM credit_request AS c
        WHERE c.account_id = a.id AND NOT c.advance AND c.by_policy AND c.requested_at >= p.o_start) AS at_once,
       (SELECT count(*) FROM credit_request AS c WHERE c.account_id = a.id AND c.advance AND c.requested_at >= p.o_start) AS advances
FROM account AS a LEFT JOIN plan AS q ON q.id = a.plan_id CROSS JOIN LATERAL request_period(a.id) AS p
WHERE a.id = :account_id;

-- name: find_asked^
SELECT c.id, c.account_id, c.amount, c.advance FROM credit_request AS c WHERE c.request_id = :request_id;

-- name: add_credit_request^
INSERT INTO credit_request (account_id, amount, why, advance, request_id, submitter, requested_at, expires_at, fallback_at, state)
VALUES (:account_id, :amount, :why, :advance, :request_id, :actor, ledger_now(), ledger_now() + make_interval(days => :answer_days),
        ledger_now() + make_interval(hours => :fallback_hours), 'requested')
RETURNING id;

-- name: tell_request^
SELECT tell_request(:id::bigint)::text AS nothing;

-- name: note_request!
-- Never the person's words: they can be erased, the audit cannot.
INSERT INTO audit (actor, action, subject, detail)
VALUES (:actor, :action, :id::bigint::text, :detail::jsonb || jsonb_build_object('reason', :reason::text));

-- name: lock_request^
SELECT c.id, c.account_id, c.amount, c.advance, c.granted, c.decided_by, c.decider, c.by_policy, c.answer,
       CASE WHEN c.state = 'requested' AND c.expires_at <= ledger_now() THEN 'expired' ELSE c.state END AS state
FROM credit_request AS c WHERE c.id = :id FOR UPDATE;

-- name: find_waiting_request^
SELECT c.amount FROM credit_request AS c WHERE c.id = :id AND c.state = 'requested' AND c.expires_at > ledger_now();

-- name: grant_request^
-- The one grant of a request: its own request id is granted once. until null: `valid_days` from now, or the period's end.
SELECT g.o_grant_id AS grant_id FROM grant_credit(
    :account_id::bigint, :amount::bigint, 'request', 100, NULL,
    CASE WHEN :forever::boolean THEN NULL
         ELSE coalesce(:until::timestamptz, ledger_now() + make_interval(days => :valid_days::integer),
                       (SELECT p.o_end FROM request_period(:account_id::bigint) AS p)) END,
    :actor::text, format('credit request %s', :id::bigint), format('credit-request/%s', :id::bigint)) AS g;

-- name: approve_credit_request!
UPDATE credit_request SET state = 'approved', granted = :amount, grant_id = :grant_id, by_policy = :by_policy,
    decided_by = :admin_id, decider = :decider, decided_at = ledger_now()
WHERE id = :id;

-- name: take_advance^
SELECT take_advance(:account_id::bigint, :grant_id::bigint, :amount::bigint)::text AS nothing;

-- name: end_credit_request!
-- Denied, or withdrawn by whoever asked: nobody decided that.
UPDATE credit_request SET state = :state, answer = :answer, decided_by = :admin_id, decider = :decider, decided_at = ledger_now()
WHERE id = :id;

-- name: list_credit_requests
-- Newest first; id 0 and account 0 for all of them; pool_ids null: whoever's. open: those that wait.
SELECT c.id, c.account_id, a.client_id, coalesce(a.external_id, '') AS external_id, coalesce(l.display_name, '') AS display_name,
       c.amount, coalesce(c.why, '') AS why, c.advance, c.requested_at, c.expires_at, c.submitter, c.granted, c.grant_id, c.by_policy,
       c.decided_by, coalesce(c.decider, '') AS decider, coalesce(c.answer, '') AS answer, c.decided_at, g.valid_until,
       x.state, a.posted + a.overdraft - a.held AS available,
       CASE WHEN :id::bigint = 0 THEN 0 ELSE month_spent(c.account_id) END AS spent,
       CASE WHEN x.state = 'requested' THEN ARRAY(
           SELECT m.name FROM request_holders(c.id) AS h JOIN admin AS m ON m.id = h.o_admin_id ORDER BY m.name) END AS approvers
FROM credit_request AS c
JOIN account AS a ON a.id = c.account_id
LEFT JOIN account_label AS l ON l.account_id = a.id
LEFT JOIN credit_grant AS g ON g.id = c.grant_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN c.state = 'requested' AND c.expires_at <= ledger_now() THEN 'expired' ELSE c.state END AS state) AS x
WHERE (:id::bigint = 0 OR c.id = :id::bigint) AND (:before::bigint = 0 OR c.id < :before::bigint)
  AND (:account_id::bigint = 0 OR c.account_id = :account_id::bigint) AND (NOT :open::boolean OR x.state = 'requested')
  AND (:pool_ids::bigint[] IS NULL
       OR EXISTS (SELECT FROM pool_member AS m WHERE m.account_id = c.account_id AND m.pool_id = ANY (:pool_ids::bigint[])))
ORDER BY c.id DESC LIMIT :page_size;

-- name: expire_requests
-- Each once, whoever looks first; some at a time.
WITH due AS (
    SELECT c.id FROM credit_request AS c WHERE c.state = 'requested' AND c.expires_at <= ledger_now()
    ORDER BY c.id LIMIT 500 FOR UPDATE SKIP LOCKED),
gone AS (
    UPDATE credit_request AS c SET state = 'expired', decided_at = ledger_now() FROM due AS d WHERE c.id = d.id
    RETURNING c.id, c.account_id, c.amount),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT 'accounting', 'expire_request', g.id::text,
           jsonb_build_object('reason', 'nobody answered', 'account', g.account_id, 'amount_nanos', g.amount) FROM gone AS g)
SELECT id FROM gone;

-- name: tell_open_requests
-- Whoever has a request by now and was not told: after the delay, as a deputy, with a new role.
SELECT c.id, tell_request(c.id)::text AS nothing FROM credit_request AS c
WHERE c.state = 'requested' AND c.expires_at > ledger_now() ORDER BY c.id LIMIT 1000;

-- name: read_request_mail^
-- What an approver is told, and whether they have it still. No row: it waits no more, or is somebody else's by now.
SELECT c.id, c.amount, coalesce(c.why, '') AS why, c.expires_at, c.requested_at, month_spent(c.account_id) AS spent,
       a.posted + a.overdraft - a.held AS available, coalesce(l.display_name, a.external_id, a.client_id, '') AS who,
       coalesce(p.plan_id, a.plan_id, '') AS plan, coalesce(m.email, '') AS email, coalesce(m.name, '') AS name,
       NOT EXISTS (SELECT FROM notice AS n WHERE n.credit_request_id = c.id AND n.kind = 'request' AND n.id < :notice_id) AS first,
       ARRAY(SELECT t.name FROM pool_member AS x JOIN account AS t ON t.id = x.pool_id
             WHERE x.account_id = a.id ORDER BY t.name) AS teams
FROM credit_request AS c
JOIN account AS a ON a.id = c.account_id
LEFT JOIN account_label AS l ON l.account_id = a.id
LEFT JOIN person AS p ON p.account_id = a.id
LEFT JOIN admin AS m ON m.id = :admin_id::bigint
WHERE c.id = :id AND c.state = 'requested' AND c.expires_at > ledger_now()
  AND (:admin_id::bigint IS NULL OR EXISTS (SELECT FROM request_holders(c.id) AS h WHERE h.o_admin_id = :admin_id::bigint));

-- name: read_request_outcome^
SELECT c.id, c.state, c.amount, coalesce(c.granted, 0) AS granted, coalesce(c.answer, '') AS answer, g.valid_until, c.by_policy
FROM credit_request AS c LEFT JOIN credit_grant AS g ON g.id = c.grant_id WHERE c.id = :id;

-- name: add_request_address!
INSERT INTO request_address (sha256, request_id, admin_id, verb, expires_at)
VALUES (:sha256, :id, :admin_id, :verb, now() + make_interval(hours => :hours));

-- name: find_request_address^
SELECT x.request_id, x.admin_id, x.verb, x.expires_at, x.used_at, x.expires_at <= now() AS stale, m.name
FROM request_address AS x JOIN admin AS m ON m.id = x.admin_id WHERE x.sha256 = :sha256;

-- name: use_request_address!
UPDATE request_address SET used_at = now() WHERE sha256 = :sha256 AND used_at IS NULL;

-- name: forget_request_addresses!
-- Of what an address opened long ago, the request itself says enough.
DELETE FROM request_address AS x WHERE x.sha256 IN (
    SELECT o.sha256 FROM request_address AS o WHERE o.expires_at < now() - make_interval(days => 30) LIMIT 1000);

-- name: set_deputy^
WITH made AS (
    INSERT INTO deputy (admin_id, deputy_id, from_at, until_at, actor, reason)
    SELECT a.id, d.id, coalesce(:from_at::timestamptz, ledger_now()), :until_at, :actor, :reason
    FROM admin AS a CROSS JOIN admin AS d
    WHERE a.email = :admin AND a.removed_at IS NULL AND d.email = :deputy AND d.removed_at IS NULL
    RETURNING id, from_at, until_at),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor, 'set_deputy', :admin::text, jsonb_build_object(
               'reason', :reason::text, 'deputy', :deputy::text, 'from', m.from_at, 'until', m.until_at) FROM made AS m)
SELECT id FROM made;

-- name: list_deputies
-- id 0 for all; email '' for whoever's.
SELECT d.id, a.email AS admin, s.email AS deputy, d.from_at, d.until_at, d.actor, d.reason,
       d.ended_at IS NULL AND d.from_at <= ledger_now() AND d.until_at > ledger_now() AS active
FROM deputy AS d JOIN admin AS a ON a.id = d.admin_id JOIN admin AS s ON s.id = d.deputy_id
WHERE (:id::bigint = 0 OR d.id = :id::bigint) AND (:email::text = '' OR :email::text IN (a.email, s.email))
  AND (:past::boolean OR (d.ended_at IS NULL AND d.until_at > ledger_now()))
ORDER BY d.from_at DESC, d.id DESC LIMIT 500;

-- name: clear_deputy^
WITH gone AS (
    UPDATE deputy AS d SET ended_at = ledger_now() FROM admin AS a
    WHERE d.id = :id AND d.ended_at IS NULL AND d.until_at > ledger_now() AND a.id = d.admin_id RETURNING d.id, a.email),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor, 'clear_deputy', g.email, jsonb_build_object('reason', :reason::text, 'deputy', g.id) FROM gone AS g)
SELECT id FROM gone;
