-- Statements of the reports (accounting/reports/), read by aiosql; a header above each says why.
-- Amounts are nano-USD; since: the ledger's clock, that many days ago. A refused extension names the account that pays:
-- whose call it was says its hold.

-- name: list_decided
-- The decisions under a reference, newest first, with what the door's own checks need.
SELECT d.hold_id, d.account_id, d.client_id, d.kind, d.reason, d.detail, d.model, d.want, d.account_version, d.decided_at,
       c.kind AS client_kind
FROM decision AS d LEFT JOIN client AS c ON c.id = d.client_id
WHERE d.hold_id BETWEEN :low AND :high ORDER BY d.decided_at DESC LIMIT :page_size;

-- name: list_maps_then
-- The model maps that a replica may have had at a moment: the newest of before, and those of the seconds around
-- (a refusal is written after its answer, and news travels for up to a second).
SELECT m.map FROM model_map AS m
WHERE m.version >= coalesce((SELECT max(x.version) FROM model_map AS x WHERE x.synced_at <= :at::timestamptz - interval '5 seconds'), 0)
  AND m.synced_at <= :at::timestamptz ORDER BY m.version DESC LIMIT 20;

-- name: find_newest_refusal^
-- Of the person with that e-mail, number of the account or name at a client; several: the newest of them all.
WITH whose AS (
    SELECT a.id FROM account AS a LEFT JOIN account_label AS l ON l.account_id = a.id
    WHERE a.kind IN ('user', 'service')
      AND (lower(l.email) = lower(:person) OR a.external_id = :person OR a.id::text = :person
           OR a.id IN (SELECT p.account_id FROM person AS p JOIN identity AS i ON i.person_id = p.id WHERE i.external_id = :person)))
SELECT x.hold_id FROM (
    SELECT d.hold_id, d.decided_at FROM decision AS d WHERE d.account_id IN (SELECT w.id FROM whose AS w)
    UNION ALL
    SELECT d.hold_id, d.decided_at FROM hold AS h JOIN decision AS d ON d.hold_id = h.id
    WHERE h.person_id IN (SELECT w.id FROM whose AS w)) AS x
ORDER BY x.decided_at DESC LIMIT 1;

-- name: count_reasons
-- Would-be refusals by reason, with what their calls cost all the same: enforcement would have saved it. A call's
-- debits: its usage events, and an estimate that still stands.
-- Where a cheaper model would have answered, nothing would have been refused; what that saves nobody knows.
SELECT r.reason, count(*)::bigint AS requests, count(DISTINCT coalesce(h.person_id, d.account_id))::bigint AS people,
       coalesce(sum(x.spent) FILTER (WHERE r.reason <> 'cheaper_model'), 0)::bigint AS saved
FROM decision AS d LEFT JOIN hold AS h ON h.id = d.hold_id
CROSS JOIN LATERAL (SELECT CASE WHEN coalesce(d.others @> '[{"role": "cheaper"}]', false) THEN 'cheaper_model' ELSE d.reason END AS reason) AS r
CROSS JOIN LATERAL (
    SELECT coalesce((SELECT sum(u.cost) FROM usage_event AS u WHERE u.hold_id = d.hold_id), 0)
         + coalesce((SELECT t.amount FROM transfer AS t WHERE t.hold_id = d.hold_id AND t.kind = 'estimate'
                     AND NOT EXISTS (SELECT FROM transfer AS r WHERE r.reverses = t.id)), 0) AS spent) AS x
WHERE d.decided_at >= now() - make_interval(days => :days) AND d.kind = 'would_refuse'
GROUP BY r.reason ORDER BY requests DESC, r.reason;

-- name: list_persons
-- Everybody who made a request: how often enforcement would have refused, what was spent, what is left. A request is
-- a hold or a decision, once. shortened: granted less than such a call usually needs. nearly_out: less than a
-- fifth is available of the grants in force (own ones; a person of a pool without grants is never nearly out).
WITH requests AS (
    SELECT h.id, coalesce(h.person_id, h.account_id) AS account_id, false AS would_refuse,
           h.placed_by = 'authz' AND h.granted < least(h.want, h.target) AS shortened
    FROM hold AS h WHERE h.placed_at >= now() - make_interval(days => :days)
    UNION ALL
    SELECT d.hold_id, coalesce(h.person_id, d.account_id), d.kind = 'would_refuse' AND NOT coalesce(d.others @> '[{"role": "cheaper"}]', false), false
    FROM decision AS d LEFT JOIN hold AS h ON h.id = d.hold_id WHERE d.decided_at >= now() - make_interval(days => :days)),
calls AS (
    SELECT q.id, max(q.account_id) AS account_id, bool_or(q.would_refuse) AS would_refuse, bool_or(q.shortened) AS shortened
    FROM requests AS q GROUP BY q.id),
costs AS (
    SELECT c.account_id, c.would_refuse, c.shortened,
           coalesce((SELECT sum(u.cost) FROM usage_event AS u WHERE u.hold_id = c.id), 0)
         + coalesce((SELECT t.amount FROM transfer AS t WHERE t.hold_id = c.id AND t.kind = 'estimate'
                     AND NOT EXISTS (SELECT FROM transfer AS r WHERE r.reverses = t.id)), 0) AS spent
    FROM calls AS c),
persons AS (
    SELECT k.account_id, count(*)::bigint AS requests, count(*) FILTER (WHERE k.would_refuse)::bigint AS would_refuse,
           count(*) FILTER (WHERE k.shortened)::bigint AS shortened, sum(k.spent)::bigint AS spent,
           coalesce(sum(k.spent) FILTER (WHERE k.would_refuse), 0)::bigint AS saved
    FROM costs AS k GROUP BY k.account_id)
SELECT coalesce(p.account_id, 0) AS account_id, coalesce(a.client_id, '') AS client_id,
       coalesce(a.external_id, '') AS external_id, coalesce(l.email, '') AS email, p.requests, p.would_refuse,
       p.shortened, p.spent, p.saved, coalesce(a.posted + a.overdraft - a.held, 0)::bigint AS available,
       coalesce((a.posted + a.overdraft - a.held) * 5 < g.granted, false) AS nearly_out
FROM persons AS p
LEFT JOIN account AS a ON a.id = p.account_id
LEFT JOIN account_label AS l ON l.account_id = p.account_id
LEFT JOIN LATERAL (SELECT sum(x.amount) AS granted FROM credit_grant AS x
                   WHERE x.account_id = p.account_id AND x.state = 'active') AS g ON true
ORDER BY p.would_refuse DESC, p.saved DESC, p.account_id;

-- name: list_short
-- People whom enforcement would have refused for these reasons of credit, and given nothing since, neither they nor a pool
-- of theirs; pool: one that they draw on. cohort: null for everybody.
SELECT d.account_id, a.client_id, a.external_id, max(d.decided_at) AS at, count(*)::bigint AS requests,
       (SELECT min(p.name) FROM pool_member AS m JOIN account AS p ON p.id = m.pool_id WHERE m.account_id = d.account_id) AS pool
FROM decision AS d JOIN account AS a ON a.id = d.account_id
WHERE d.decided_at >= now() - make_interval(days => :days) AND (:cohort::bigint[] IS NULL OR d.account_id = ANY (:cohort))
  AND d.kind = 'would_refuse' AND NOT coalesce(d.others @> '[{"role": "cheaper"}]', false)
  AND d.reason = ANY (:reasons)
GROUP BY d.account_id, a.client_id, a.external_id
HAVING NOT EXISTS (
    SELECT FROM credit_grant AS g
    WHERE g.created_at > max(d.decided_at)
      AND (g.account_id = d.account_id
           OR g.account_id IN (SELECT m.pool_id FROM pool_member AS m WHERE m.account_id = d.account_id)))
ORDER BY requests DESC, d.account_id;

-- name: list_capped
-- People whom a cap would have stopped: the one of their caps that left least, where it is in force still and nobody has
-- changed it since. everybody: the organisation's; own: chosen by the person.
SELECT d.account_id, a.client_id, a.external_id, count(*)::bigint AS requests, c.period, c.owner_id IS NULL AS everybody,
       c.source = 'self' AS own, coalesce(p.name, '') AS pool
FROM decision AS d JOIN account AS a ON a.id = d.account_id
CROSS JOIN LATERAL (
    SELECT (e.said ->> 'id')::bigint AS id FROM jsonb_array_elements(d.others) AS e (said) WHERE e.said ->> 'role' = 'cap'
    ORDER BY (e.said ->> 'posted')::bigint - (e.said ->> 'held')::bigint, 1 LIMIT 1) AS x
JOIN cap AS c ON c.account_id = x.id AND c.ended_at IS NULL
LEFT JOIN account AS p ON p.id = c.pool_id
WHERE d.decided_at >= now() - make_interval(days => :days) AND (:cohort::bigint[] IS NULL OR d.account_id = ANY (:cohort))
  AND d.kind = 'would_refuse' AND d.reason = 'cap_reached' AND NOT coalesce(d.others @> '[{"role": "cheaper"}]', false)
GROUP BY d.account_id, a.client_id, a.external_id, c.account_id, p.name
HAVING NOT EXISTS (
    SELECT FROM audit AS u WHERE u.recorded_at > max(d.decided_at)
      AND (u.action = 'set_cap' AND u.subject = c.account_id::text
           OR u.action = 'set_settings' AND c.source = 'self' AND u.subject = d.account_id::text))
ORDER BY own, requests DESC, d.account_id;

-- name: list_would_refuse
-- Requests that enforcement would have refused for these reasons, by whose they were and what they were about; ref: one of
-- them. Of bad_request also what the callback would have refused inside LiteLLM.
WITH asked AS (
    SELECT d.hold_id, d.account_id, coalesce(a.client_id, d.client_id) AS client_id, d.reason,
           CASE WHEN d.reason IN ('model_not_allowed', 'bad_request') THEN coalesce(d.detail, d.model, '')
                WHEN d.others @> '[{"role": "open_holds"}]' THEN 'open_holds' ELSE '' END AS about
    FROM decision AS d LEFT JOIN account AS a ON a.id = d.account_id
    WHERE d.decided_at >= now() - make_interval(days => :days) AND (:cohort::bigint[] IS NULL OR d.account_id = ANY (:cohort))
      AND d.kind = 'would_refuse' AND d.reason = ANY (:reasons)
    UNION ALL
    SELECT h.id, a.id, coalesce(a.client_id, h.client_id), 'bad_request', r.body ->> 'would_refuse'
    FROM hold AS h JOIN account AS a ON a.id = coalesce(h.person_id, h.account_id)
    JOIN call_record AS r ON r.hold_id = h.id AND r.kind = 'start' AND r.body ->> 'would_refuse' IS NOT NULL
    WHERE h.placed_at >= now() - make_interval(days => :days) AND 'bad_request' = ANY (:reasons)
      AND (:cohort::bigint[] IS NULL OR a.id = ANY (:cohort)))
SELECT q.reason, q.account_id, coalesce(q.client_id, '') AS client_id, coalesce(a.external_id, '') AS external_id, a.status, a.plan_id,
       c.unknown_users, q.about, count(*)::bigint AS requests, left(max(q.hold_id::text), 6) AS ref
FROM asked AS q LEFT JOIN account AS a ON a.id = q.account_id LEFT JOIN client AS c ON c.id = q.client_id
GROUP BY q.reason, q.account_id, q.client_id, a.external_id, a.status, a.plan_id, c.unknown_users, q.about
ORDER BY requests DESC, q.client_id, q.account_id, q.about;

-- name: list_unpriced
-- Models that were asked for and had no price then.
SELECT coalesce(d.detail, d.model, '') AS model, count(*)::bigint AS requests
FROM decision AS d
WHERE d.decided_at >= now() - make_interval(days => :days) AND (:cohort::bigint[] IS NULL OR d.account_id = ANY (:cohort))
  AND d.reason = 'model_unpriced'
GROUP BY 1 ORDER BY requests DESC, model;

-- name: list_unmetered
-- What passed without a meter and nobody has looked at: enforcement would answer 404.
SELECT e.id, e.subject FROM exception AS e
WHERE e.kind = 'unmetered' AND e.resolved_at IS NULL AND e.recorded_at >= now() - make_interval(days => :days)
ORDER BY e.id;

-- name: read_match^
-- Of the newest 10,000 calls that were closed: how many both Envoy's access log and the callback told of, or each.
SELECT count(*)::bigint AS calls, count(*) FILTER (WHERE x.access AND x.callback)::bigint AS matched,
       count(*) FILTER (WHERE x.access)::bigint AS told_by_envoy, count(*) FILTER (WHERE x.callback)::bigint AS told_by_callback
FROM (SELECT c.hold_id FROM hold_close AS c WHERE c.closed_at >= now() - make_interval(days => :days)
      ORDER BY c.closed_at DESC LIMIT 10000) AS c
CROSS JOIN LATERAL (
    SELECT coalesce(bool_or(r.kind = 'access' AND r.body ->> 'stage' = 'end'), false) AS access,
           coalesce(bool_or(r.kind IN ('start', 'end', 'cost')), false) AS callback
    FROM call_record AS r WHERE r.hold_id = c.hold_id) AS x;

-- name: list_without_email
-- People who made a request and cannot be written to.
SELECT a.client_id, a.external_id FROM account AS a LEFT JOIN account_label AS l ON l.account_id = a.id
WHERE a.kind = 'user' AND l.email IS NULL AND (:cohort::bigint[] IS NULL OR a.id = ANY (:cohort))
  AND EXISTS (SELECT FROM hold AS h WHERE h.account_id = a.id AND h.placed_at >= now() - make_interval(days => :days)
              UNION ALL
              SELECT FROM hold AS h WHERE h.person_id = a.id AND h.placed_at >= now() - make_interval(days => :days)
              UNION ALL
              SELECT FROM decision AS d WHERE d.account_id = a.id AND d.decided_at >= now() - make_interval(days => :days))
ORDER BY a.id;

-- name: list_members
-- The people of a pool, by its name.
SELECT m.account_id FROM account AS p JOIN pool_member AS m ON m.pool_id = p.id
WHERE p.kind = 'pool' AND p.name = :pool ORDER BY m.account_id;

-- name: enforce_cohort^
-- These accounts enforce, whatever the ledger-wide mode shadow says; with its audit line and the readiness it was done on.
WITH changed AS (
    UPDATE account AS a SET mode_override = 'enforce', version = a.version + 1
    WHERE a.id = ANY (:cohort::bigint[]) AND a.mode_override IS DISTINCT FROM 'enforce' RETURNING a.id),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor::text, 'enforce_cohort', :name::text, jsonb_build_object(
               'reason', :reason::text, 'forced', :forced::boolean, 'readiness', :readiness::jsonb,
               'accounts', (SELECT coalesce(jsonb_agg(c.id ORDER BY c.id), '[]') FROM changed AS c)))
SELECT count(*)::integer AS accounts FROM changed;

-- name: enforce_all^
-- As set_mode; the audit line carries the readiness it was done on.
WITH before AS (SELECT e.mode FROM enforcement AS e FOR UPDATE),
changed AS (
    UPDATE enforcement SET mode = 'enforce', changed_at = now() FROM before RETURNING enforcement.mode),
-- The cohort that went first is one of everybody now: what is done to the mode later is done to it too.
merged AS (
    UPDATE account SET mode_override = NULL WHERE mode_override = 'enforce'),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor::text, 'set_mode', c.mode, jsonb_build_object(
               'reason', :reason::text, 'before', b.mode, 'forced', :forced::boolean, 'readiness', :readiness::jsonb)
    FROM changed AS c CROSS JOIN before AS b)
SELECT mode FROM changed;

-- name: list_policies_then
-- The policies that a replica may have had at a moment, of a client and of the plan that the account was on: the newest of
-- before, and those of the seconds around (as for the model maps). The audit says which plan that was.
WITH assigned AS (
    SELECT n.id, n.detail ->> 'plan' AS plan, n.recorded_at FROM audit AS n
    WHERE n.action = 'assign_plan' AND n.subject = (:account_id::bigint)::text),
plans AS (
    SELECT s.plan FROM assigned AS s
    WHERE s.recorded_at <= :at::timestamptz
      AND s.id >= coalesce((SELECT max(x.id) FROM assigned AS x WHERE x.recorded_at <= :at::timestamptz - interval '5 seconds'), 0)
    UNION ALL
    SELECT a.plan_id FROM account AS a WHERE a.id = :account_id::bigint AND NOT EXISTS (SELECT FROM assigned))
SELECT p.subject_kind, p.body FROM policy AS p
WHERE p.changed_at <= :at::timestamptz
  AND (p.subject_kind = 'client' AND p.subject_id = :client_id::text
       OR p.subject_kind = 'plan' AND p.subject_id IN (SELECT s.plan FROM plans AS s))
  AND p.version >= coalesce((
      SELECT max(x.version) FROM policy AS x
      WHERE x.subject_kind = p.subject_kind AND x.subject_id = p.subject_id
        AND x.changed_at <= :at::timestamptz - interval '5 seconds'), 0);
