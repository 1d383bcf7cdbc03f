-- Statements of a person's own settings, read by aiosql; a header above each says why. Amounts are nano-USD.

-- name: read_settings^
-- Of an account that was brought to the present, with what holds where the person says nothing.
SELECT coalesce(s.language, '') AS language, coalesce(s.notices, true) AS notices, c.language AS client_language, a.plan_id,
       coalesce((SELECT p.name FROM account AS p JOIN pool_member AS m ON m.pool_id = p.id AND m.account_id = a.id
                 WHERE p.id = s.first_pool_id), '') AS first_pool,
       ARRAY(SELECT p.name FROM pool_member AS m JOIN account AS p ON p.id = m.pool_id WHERE m.account_id = a.id
             ORDER BY m.pool_id IS DISTINCT FROM s.first_pool_id, m.position, m.pool_id) AS pools
FROM account AS a JOIN client AS c ON c.id = a.client_id LEFT JOIN account_setting AS s ON s.account_id = a.id
WHERE a.id = :account_id;

-- name: list_own_limits
-- What a person may spend by their own word, with what is left of it as it will be when somebody looks.
SELECT c.period, c.limit_nanos, CASE WHEN a.due_at <= ledger_now() THEN c.limit_nanos ELSE a.posted END - a.held AS left_nanos
FROM cap AS c JOIN account AS a ON a.id = c.account_id
WHERE c.owner_id = :account_id AND c.source = 'self' AND c.ended_at IS NULL;

-- name: set_settings^
-- Its audit line in the same statement. done false: this request id was used before.
WITH done AS (
    SELECT set_settings(:account_id::bigint, :language::text, :notices::boolean, :first_pool::bigint, :day::bigint,
                        :month::bigint, :request_id::text, :asked::jsonb) AS done),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor::text, 'set_settings', :account_id::bigint::text, jsonb_build_object('reason', :reason::text) || :asked::jsonb
    FROM done AS d WHERE d.done)
SELECT d.done FROM done AS d;

-- name: find_setting_request^
SELECT r.account_id, r.asked FROM setting_request AS r WHERE r.request_id = :request_id;

-- name: set_email^
-- The audit line says that there is an address, not which: who that is, is in the label, which can be erased.
WITH labelled AS (
    INSERT INTO account_label (account_id, email) VALUES (:account_id::bigint, :email::text)
    ON CONFLICT (account_id) DO UPDATE SET email = excluded.email RETURNING account_id, email),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor, 'set_email', l.account_id::text, jsonb_build_object('reason', :reason::text, 'email', l.email IS NOT NULL)
    FROM labelled AS l)
SELECT account_id FROM labelled;
