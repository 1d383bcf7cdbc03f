-- Statements of administrators, tokens, proposals, read by aiosql; a header above each says why.
-- Every mutation is one statement that also writes its audit line. Amounts are nano-USD.

-- name: find_token^
-- Whose a live token is, with the roles. issued_by: who has seen it besides.
SELECT t.sha256, t.issued_by, a.id, a.email,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(r.role, r.pool_id)), '[]') FROM admin_role AS r WHERE r.admin_id = a.id) AS roles,
       lent_roles(a.id) AS lent
FROM admin_token AS t JOIN admin AS a ON a.id = t.admin_id
WHERE t.sha256 = :sha256 AND t.revoked_at IS NULL AND t.expires_at > now() AND a.removed_at IS NULL;

-- name: find_admin_rights^
-- The same of an administrator, whatever token; no row: they administer no more.
SELECT 0 AS issued_by, a.id, a.email,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(r.role, r.pool_id)), '[]') FROM admin_role AS r WHERE r.admin_id = a.id) AS roles,
       lent_roles(a.id) AS lent
FROM admin AS a WHERE a.id = :id AND a.removed_at IS NULL;

-- name: find_certified^
-- Who administers under an e-mail that a client certificate names, with the roles.
SELECT 0 AS issued_by, a.id, a.email,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(r.role, r.pool_id)), '[]') FROM admin_role AS r WHERE r.admin_id = a.id) AS roles,
       lent_roles(a.id) AS lent
FROM admin AS a WHERE a.email = lower(:email) AND a.removed_at IS NULL;

-- name: is_admin_email^
-- Also of those who are removed: their name stays theirs.
SELECT EXISTS (SELECT FROM admin AS a WHERE a.email = lower(:email)) AS known;

-- name: list_admins
-- By e-mail, each with roles and tokens; email '' for all of them.
SELECT a.id, a.email, a.name, a.added_at, a.removed_at,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(r.role, coalesce(p.name, '')) ORDER BY r.role, p.name), '[]')
        FROM admin_role AS r LEFT JOIN account AS p ON p.id = r.pool_id WHERE r.admin_id = a.id) AS roles
FROM admin AS a
WHERE (:email::text = '' OR a.email = :email::text) AND (:removed::boolean OR a.removed_at IS NULL)
ORDER BY a.email, a.id;

-- name: list_tokens
SELECT t.id, t.admin_id, t.label, t.issued_at, t.expires_at, t.revoked_at FROM admin_token AS t
WHERE t.admin_id = ANY (:admin_ids) ORDER BY t.id;

-- name: add_admin^
-- No row: somebody of that e-mail is one already.
WITH made AS (
    INSERT INTO admin (email, name) VALUES (:email, :name) ON CONFLICT DO NOTHING RETURNING id, email),
held AS (
    INSERT INTO admin_role (admin_id, role, pool_id)
    SELECT m.id, r.role, r.pool_id FROM made AS m CROSS JOIN unnest(:roles::text[], :pool_ids::bigint[]) AS r (role, pool_id)),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor, 'add_admin', m.email, jsonb_build_object('reason', :reason::text, 'roles', :shown::jsonb) FROM made AS m)
SELECT id FROM made;

-- name: set_roles^
-- What is not named goes, what is new comes, what stays is left alone: one statement cannot write a row twice.
WITH wanted AS (SELECT r.role, r.pool_id FROM unnest(:roles::text[], :pool_ids::bigint[]) AS r (role, pool_id)),
whose AS (SELECT a.id, a.email FROM admin AS a WHERE a.email = :email AND a.removed_at IS NULL FOR UPDATE),
gone AS (
    DELETE FROM admin_role AS h USING whose AS w
    WHERE h.admin_id = w.id
      AND NOT EXISTS (SELECT FROM wanted AS n WHERE n.role = h.role AND n.pool_id IS NOT DISTINCT FROM h.pool_id)),
came AS (
    INSERT INTO admin_role (admin_id, role, pool_id) SELECT w.id, n.role, n.pool_id FROM whose AS w CROSS JOIN wanted AS n
    ON CONFLICT DO NOTHING),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor, 'set_roles', w.email, jsonb_build_object('reason', :reason::text, 'roles', :shown::jsonb,
        'before', (SELECT coalesce(jsonb_agg(jsonb_build_object('role', r.role, 'pool', coalesce(p.name, '')) ORDER BY r.role, p.name), '[]')
                   FROM admin_role AS r LEFT JOIN account AS p ON p.id = r.pool_id WHERE r.admin_id = w.id))
    FROM whose AS w)
SELECT id FROM whose;

-- name: remove_admin^
-- No token of theirs opens anything any more: find_token looks at removed_at.
WITH gone AS (
    UPDATE admin SET removed_at = now() WHERE email = :email AND removed_at IS NULL RETURNING id, email),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor, 'remove_admin', g.email, jsonb_build_object('reason', :reason::text) FROM gone AS g)
SELECT id FROM gone;

-- name: new_token^
WITH made AS (
    INSERT INTO admin_token (admin_id, sha256, label, issued_by, expires_at)
    SELECT a.id, :sha256, :label, :issued_by, now() + make_interval(days => :days) FROM admin AS a
    WHERE a.email = :email AND a.removed_at IS NULL
    RETURNING id, label, issued_at, expires_at, revoked_at),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor, 'new_token', :email, jsonb_build_object(
               'reason', :reason::text, 'token', m.id, 'label', m.label, 'expires_at', m.expires_at)
    FROM made AS m)
SELECT id, label, issued_at, expires_at, revoked_at FROM made;

-- name: revoke_token^
-- own_of: only if it is this administrator's; 0: whoever's. No row: there is none to revoke.
WITH gone AS (
    UPDATE admin_token AS t SET revoked_at = now()
    FROM admin AS a
    WHERE t.id = :id AND t.revoked_at IS NULL AND a.id = t.admin_id AND (:own_of::bigint = 0 OR a.id = :own_of::bigint)
    RETURNING t.id, t.label, t.issued_at, t.expires_at, t.revoked_at, a.email),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor, 'revoke_token', g.email, jsonb_build_object('reason', :reason::text, 'token', g.id, 'label', g.label) FROM gone AS g)
SELECT id, label, issued_at, expires_at, revoked_at FROM gone;

-- name: count_within^
-- How many of these accounts and pools lie within the pools: a person by being a member, a pool by being one of them.
SELECT
    (SELECT count(*) FROM unnest(:clients::text[], :people::text[]) AS n (client_id, external_id)
     WHERE EXISTS (SELECT FROM pool_member AS m
                   WHERE m.account_id = meant_account(n.client_id, n.external_id) AND m.pool_id = ANY (:pool_ids::bigint[])))
    + (SELECT count(*) FROM unnest(:pools::text[]) AS n (name)
       WHERE EXISTS (SELECT FROM account AS a WHERE a.kind = 'pool' AND a.name = n.name AND a.id = ANY (:pool_ids::bigint[])))
    + (SELECT count(*) FROM unnest(:requests::bigint[]) AS n (id)
       WHERE EXISTS (SELECT FROM credit_request AS c JOIN pool_member AS m ON m.account_id = c.account_id
                     WHERE c.id = n.id AND m.pool_id = ANY (:pool_ids::bigint[]))) AS within;

-- name: name_pools
SELECT a.name FROM account AS a WHERE a.kind = 'pool' AND a.id = ANY (:pool_ids::bigint[]) ORDER BY a.name;

-- name: is_own^
-- Whether one of these accounts is the administrator's own, or one of these pools pays for them. An e-mail may stand for
-- somebody who has no account yet; and a name that is bound to somebody is still the name of whoever uses it.
WITH own AS (
    SELECT e.account_id AS id, a.client_id, a.external_id FROM account_email AS e JOIN account AS a ON a.id = e.account_id
    WHERE e.email = :email::text)
SELECT EXISTS (SELECT FROM unnest(:clients::text[], :people::text[]) AS n (client_id, external_id)
               WHERE (n.client_id = '' AND lower(n.external_id) = :email::text)
                  OR EXISTS (SELECT FROM own AS o WHERE o.id = meant_account(n.client_id, n.external_id)
                             OR (o.client_id, o.external_id) = (n.client_id, n.external_id)))
    OR EXISTS (SELECT FROM own AS o JOIN pool_member AS m ON m.account_id = o.id JOIN account AS p ON p.id = m.pool_id
               WHERE p.name = ANY (:pools::text[]))
    OR EXISTS (SELECT FROM own AS o JOIN credit_request AS c ON c.account_id = o.id WHERE c.id = ANY (:requests::bigint[])) AS own;

-- name: is_on_plan^
-- Whether an account of the administrator's own, or a pool that pays for it, gets this plan's allowance, or will with the
-- first chat.
SELECT EXISTS (SELECT FROM account_email AS e JOIN account AS a ON a.id = e.account_id
               WHERE e.email = :email::text AND a.plan_id = :plan::text)
    OR EXISTS (SELECT FROM account_email AS e JOIN pool_member AS m ON m.account_id = e.account_id
               JOIN account AS a ON a.id = m.pool_id WHERE e.email = :email::text AND a.plan_id = :plan::text)
    OR EXISTS (SELECT FROM person AS p WHERE p.email = :email::text AND p.plan_id = :plan::text) AS own;

-- name: lock_giver
-- What one administrator gives is counted one write after the other.
SELECT pg_advisory_xact_lock(5051, hashint8(:admin_id::bigint));

-- name: count_given^
-- Of the last day, without this very request: given again, it gives nothing more.
SELECT coalesce(sum(g.amount), 0)::bigint AS total,
       EXISTS (SELECT FROM given AS s WHERE s.admin_id = :admin_id AND s.method = :method
                 AND s.request_id = :request_id AND s.amount = :amount) AS counted
FROM given AS g WHERE g.admin_id = :admin_id AND g.given_at > now() - interval '1 day';

-- name: count_in!
INSERT INTO given (admin_id, method, request_id, amount) VALUES (:admin_id, :method, :request_id, :amount);

-- name: count_out!
DELETE FROM given WHERE admin_id = :admin_id AND method = :method AND request_id = :request_id AND amount = :amount;

-- name: find_same_proposal^
-- The newest of the same request that waits, or was carried out.
SELECT p.id, p.status FROM proposal AS p
WHERE p.proposed_by = :admin_id AND p.digest = :digest AND p.method = :method
  AND (p.status = 'executed' OR p.status = 'confirmed' OR (p.status = 'waiting' AND p.expires_at > now()))
ORDER BY p.id DESC LIMIT 1;

-- name: propose^
WITH made AS (
    INSERT INTO proposal (method, request, digest, amount, reason, proposed_by, proposer, expires_at)
    VALUES (:method, :request, :digest, :amount, :reason, :admin_id, :actor, now() + make_interval(days => :days))
    RETURNING id, method, amount),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor, 'propose', m.id::text, jsonb_build_object('reason', :reason::text, 'method', m.method, 'amount_nanos', m.amount)
    FROM made AS m)
SELECT id FROM made;

-- name: list_proposals
-- Newest first; id 0 for all of them.
SELECT p.id, p.method, p.request, p.amount, p.reason, p.proposed_by, p.proposer, p.proposed_at, p.expires_at, p.decider, p.decided_at,
       p.outcome, CASE WHEN p.status = 'waiting' AND p.expires_at <= now() THEN 'expired' ELSE p.status END AS status
FROM proposal AS p
WHERE (:id::bigint = 0 OR p.id = :id::bigint)
  AND (:decided::boolean OR p.status = 'confirmed' OR (p.status = 'waiting' AND p.expires_at > now()))
ORDER BY p.id DESC LIMIT 100;

-- name: decide_proposal^
-- Once. No row: somebody was first, or its time is over, or its proposer administers no more.
WITH decided AS (
    UPDATE proposal SET status = :status, decided_by = :admin_id, decider = :actor, decided_at = now(),
        outcome = CASE WHEN :status = 'denied' THEN :reason::text ELSE '' END
    WHERE id = :id AND status = 'waiting' AND expires_at > now()
      AND (proposed_by = 0 OR :status = 'denied'
           OR EXISTS (SELECT FROM admin AS a WHERE a.id = proposed_by AND a.removed_at IS NULL))
    RETURNING id, method, amount, proposer),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor, :action, d.id::text, jsonb_build_object(
               'reason', :reason::text, 'proposer', d.proposer, 'method', d.method, 'amount_nanos', d.amount)
    FROM decided AS d)
SELECT id FROM decided;

-- name: end_proposal!
UPDATE proposal SET status = :status, outcome = :outcome WHERE id = :id AND status = 'confirmed';

-- name: list_audit
-- Newest first, below an id; an empty text asks for whatever.
SELECT u.id, u.recorded_at, u.actor, u.action, u.subject, u.detail FROM audit AS u
WHERE u.id < :below AND u.recorded_at >= :since AND u.recorded_at < :until
  AND (:actor::text = '' OR u.actor = :actor::text) AND (:action::text = '' OR u.action = :action::text)
  AND (:subject::text = '' OR u.subject = :subject::text)
ORDER BY u.id DESC LIMIT :page_size;

-- name: find_plan_size^
-- What a plan gives each period, and to how many: accounts, people who wait for theirs, as many guests as may come in a day.
SELECT p.allowance, p.period, p.mode_override IS NOT DISTINCT FROM 'shadow' AS shadow,
       (SELECT count(*) FROM account AS a WHERE a.plan_id = p.id)
       + (SELECT count(*) FROM person AS w WHERE w.plan_id = p.id AND w.account_id IS NULL AND w.state <> 'erased')
       + (SELECT coalesce(sum(c.new_accounts_a_day), 0) FROM client AS c WHERE c.guest_plan = p.id) AS accounts
FROM plan AS p WHERE p.id = :id;

-- name: list_askers
-- Whom the policy of a client or a plan is for, by both: who has an account, who waits for one, who may come in a day.
SELECT x.client, x.plan, coalesce(p.period, 'month') AS period, sum(x.people)::bigint AS people
FROM (SELECT coalesce(a.client_id, '') AS client, coalesce(a.plan_id, '') AS plan, 1 AS people FROM account AS a
      WHERE a.kind IN ('user', 'service')
      UNION ALL
      SELECT '', coalesce(w.plan_id, ''), 1 FROM person AS w WHERE w.account_id IS NULL AND w.state <> 'erased'
      UNION ALL
      SELECT c.id, coalesce(c.guest_plan, ''), c.new_accounts_a_day FROM client AS c) AS x
LEFT JOIN plan AS p ON p.id = x.plan
WHERE CASE :kind::text WHEN 'client' THEN x.client ELSE x.plan END = :id::text
GROUP BY x.client, x.plan, p.period;

-- name: lock_proposal^
-- Until the transaction ends; false where another process has it.
SELECT pg_try_advisory_xact_lock(5052, hashint8(:id::bigint)) AS locked;
