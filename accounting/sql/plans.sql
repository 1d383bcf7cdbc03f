-- Statements of plans, pools and caps, read by aiosql; a header above each says why.
-- Every mutation is one statement that also writes its audit line. Amounts are nano-USD.

-- name: put_plan^
-- What has been granted stays as it is: the new terms count from each account's next period.
WITH put AS (
    INSERT INTO plan (id, period, time_zone, allowance, rollover, rollover_cap, prorate, priority, mode_override)
    VALUES (:id, :period, :time_zone, :allowance, :rollover, :rollover_cap, :prorate, :priority, :mode_override)
    ON CONFLICT (id) DO UPDATE SET period = excluded.period, time_zone = excluded.time_zone,
        allowance = excluded.allowance, rollover = excluded.rollover, rollover_cap = excluded.rollover_cap,
        prorate = excluded.prorate, priority = excluded.priority, mode_override = excluded.mode_override, version = plan.version + 1, changed_at = now()
    RETURNING id, version),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor, 'put_plan', p.id, jsonb_build_object(
               'reason', :reason::text, 'period', :period::text, 'time_zone', :time_zone::text, 'allowance_nanos', :allowance::bigint,
               'rollover', :rollover::text, 'rollover_cap_nanos', :rollover_cap::bigint, 'prorate', :prorate::boolean,
               'priority', :priority::integer, 'mode_override', :mode_override::text, 'version', p.version)
    FROM put AS p)
SELECT id FROM put;

-- name: list_plans
SELECT p.id, p.period, p.time_zone, p.allowance, p.rollover, p.rollover_cap, p.prorate,
       p.priority, p.mode_override, (SELECT count(*) FROM account AS a WHERE a.plan_id = p.id) AS accounts
FROM plan AS p WHERE :id::text = '' OR p.id = :id::text ORDER BY p.id;

-- name: assign_plan^
-- The person of the account (locked first, as imports do) is on that plan too: the next import compares with it.
WITH who AS (SELECT p.id FROM person AS p WHERE p.account_id = :account_id::bigint FOR UPDATE),
done AS (
    SELECT assign_plan(:account_id::bigint, nullif(:plan::text, ''), :now::boolean) AS nothing
    FROM (SELECT count(*) FROM who) AS locked),
followed AS (UPDATE person AS p SET plan_id = nullif(:plan::text, '') FROM who AS w CROSS JOIN done WHERE p.id = w.id),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor::text, 'assign_plan', :account_id::bigint::text,
           jsonb_build_object('reason', :reason::text, 'plan', :plan::text, 'now', :now::boolean)
    FROM done)
SELECT count(*) AS done FROM done;

-- name: find_pool^
SELECT a.id FROM account AS a WHERE a.kind = 'pool' AND a.name = :name;

-- name: name_zone^
-- Whether Postgres, whose calendar counts, knows a time zone by this name.
SELECT EXISTS (SELECT FROM pg_timezone_names AS z WHERE z.name = :name) AS known;

-- name: read_credit^
-- After settle_due: figures, plan, and the allowance that comes next (of a plan that then begins within its own period, the part left).
SELECT a.posted, a.held, a.overdraft, coalesce(a.plan_id, '') AS plan, a.plan_ends_at, next_allowance(a, p) AS allowance
FROM account AS a LEFT JOIN plan AS p ON p.id = a.plan_id WHERE a.id = :account_id;

-- name: list_grants
-- In the order in which they burn: what is active, then what begins later.
SELECT g.id, g.source, g.state, g.amount, g.remaining, g.priority, g.valid_from, g.valid_until, coalesce(g.reason, '') AS reason
FROM credit_grant AS g
WHERE g.account_id = :account_id AND (g.open OR g.state = 'pending' OR g.remaining > 0)
ORDER BY g.state = 'pending', g.priority, g.valid_until, g.id LIMIT 500;

-- name: give_credit^
-- No row: this request id has been granted before.
WITH made AS (
    SELECT g.o_grant_id FROM grant_credit(
        :account_id::bigint, :amount::bigint, :source::text, :priority::integer, :valid_from::timestamptz,
        :valid_until::timestamptz, :actor::text, :reason::text, :request_id::text) AS g),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor::text, 'grant', :account_id::bigint::text, jsonb_build_object(
               'reason', :reason::text, 'amount_nanos', :amount::bigint, 'grant', m.o_grant_id, 'source', :source::text)
    FROM made AS m)
SELECT o_grant_id FROM made;

-- name: find_grant_request^
SELECT g.id, g.account_id, g.amount, g.source, g.priority, g.valid_from, g.valid_until, x.purchase_id,
       c.hold_id::text AS corrects
FROM credit_grant AS g LEFT JOIN purchase_grant AS x ON x.grant_id = g.id LEFT JOIN correction_grant AS c ON c.grant_id = g.id
WHERE g.request_id = :request_id;

-- name: revoke_grant^
WITH done AS (
    SELECT r.o_account_id, r.o_amount
    FROM credit_grant AS g CROSS JOIN LATERAL revoke_grant(g.id, :actor::text, :reason::text) AS r
    WHERE g.id = :grant_id::bigint AND (:account_id::bigint IS NULL OR g.account_id = :account_id::bigint)),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor::text, 'revoke_grant', d.o_account_id::text,
           jsonb_build_object('reason', :reason::text, 'grant', :grant_id::bigint, 'amount_nanos', d.o_amount)
    FROM done AS d)
SELECT d.o_amount, a.client_id, coalesce(a.external_id, '') AS external_id, a.name, a.kind
FROM done AS d JOIN account AS a ON a.id = d.o_account_id;

-- name: create_pool^
WITH made AS (
    INSERT INTO account (kind, name) VALUES ('pool', :name) ON CONFLICT DO NOTHING RETURNING id),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor, 'create_pool', m.id::text, jsonb_build_object('reason', :reason::text, 'name', :name::text) FROM made AS m)
SELECT id FROM made;

-- name: list_pools
SELECT a.id, a.name, a.posted, a.held, a.status, coalesce(a.plan_id, '') AS plan,
       (SELECT count(*) FROM pool_member AS m WHERE m.pool_id = a.id) AS members
FROM account AS a WHERE a.kind = 'pool' AND (:name::text = '' OR a.name = :name::text) ORDER BY a.name;

-- name: list_pool_members
-- Who draws on a pool, with what their calls of the present month cost it, by the clock of the pool's plan: their usage events,
-- and an estimate that still stands.
SELECT a.client_id, coalesce(a.external_id, '') AS external_id, m.position, a.pool_first,
       coalesce((SELECT coalesce(nullif(l.display_name, ''), l.email) FROM account_label AS l WHERE l.account_id = a.id), '') AS label,
       coalesce((SELECT sum(x.cost) FROM hold AS h CROSS JOIN LATERAL (
                     SELECT coalesce((SELECT sum(u.cost) FROM usage_event AS u WHERE u.hold_id = h.id), 0)
                          + coalesce((SELECT t.amount FROM transfer AS t WHERE t.hold_id = h.id AND t.kind = 'estimate'
                                      AND NOT EXISTS (SELECT FROM transfer AS r WHERE r.reverses = t.id)), 0) AS cost) AS x
                 WHERE h.person_id = a.id AND h.account_id = :pool_id AND h.placed_at >= b.at), 0)::bigint AS spent,
       coalesce((SELECT sum(o.amount) FROM hold_open AS o WHERE o.person_id = a.id AND o.account_id = :pool_id), 0)::bigint AS held
FROM pool_member AS m JOIN account AS a ON a.id = m.account_id
CROSS JOIN LATERAL (
    SELECT period_start(ledger_now(), 'month', coalesce(
        (SELECT p.time_zone FROM account AS x JOIN plan AS p ON p.id = x.plan_id WHERE x.id = :pool_id), 'America/Sao_Paulo')) AS at) AS b
WHERE m.pool_id = :pool_id ORDER BY spent DESC, a.client_id, a.external_id LIMIT 1000;

-- name: set_member^
-- The person first, as lists do.
WITH who AS (SELECT p.id FROM person AS p WHERE p.account_id = :account_id::bigint FOR UPDATE),
joined AS (
    INSERT INTO pool_member (account_id, pool_id, position)
    SELECT :account_id::bigint, :pool_id::bigint, :position::integer FROM (SELECT count(*) FROM who) AS locked
    ON CONFLICT (account_id, pool_id) DO UPDATE SET position = excluded.position RETURNING account_id),
ordered AS (
    UPDATE account AS a SET pool_first = :pool_first FROM joined AS j WHERE a.id = j.account_id RETURNING a.id),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor, 'set_member', j.account_id::text, jsonb_build_object(
               'reason', :reason::text, 'pool', :pool_id::bigint, 'position', :position::integer, 'pool_first', :pool_first::boolean)
    FROM joined AS j)
SELECT id FROM ordered;

-- name: remove_member^
-- The person first, as lists do.
WITH who AS (SELECT p.id FROM person AS p WHERE p.account_id = :account_id::bigint FOR UPDATE),
gone AS (
    DELETE FROM pool_member AS m USING (SELECT count(*) FROM who) AS locked
    WHERE m.account_id = :account_id AND m.pool_id = :pool_id RETURNING m.account_id),
followed AS (
    UPDATE person AS p SET team = NULL, followed = p.followed - 'team' FROM gone AS g, account AS t
    WHERE p.account_id = g.account_id AND t.id = :pool_id AND p.team = t.name),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor, 'remove_member', g.account_id::text, jsonb_build_object('reason', :reason::text, 'pool', :pool_id::bigint)
    FROM gone AS g)
SELECT account_id FROM gone;

-- name: set_cap^
WITH done AS (SELECT set_cap(:owner::bigint, :pool_id::bigint, :period::text, :time_zone::text, :limit::bigint) AS cap_id),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor::text, 'set_cap', d.cap_id::text, jsonb_build_object(
               'reason', :reason::text, 'owner', :owner::bigint, 'pool', :pool_id::bigint, 'period', :period::text,
               'limit_nanos', :limit::bigint)
    FROM done AS d)
SELECT cap_id FROM done;

-- name: clear_cap^
WITH done AS (SELECT clear_cap(:owner::bigint, :pool_id::bigint, :period::text) AS gone),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor::text, 'clear_cap', coalesce(:owner::bigint::text, 'organisation'),
           jsonb_build_object('reason', :reason::text, 'pool', :pool_id::bigint, 'period', :period::text)
    FROM done AS d WHERE d.gone)
SELECT gone FROM done;

-- name: list_caps
-- With what is left as it will be when somebody looks: a period that has passed is whole again.
SELECT c.account_id AS id, o.client_id, o.external_id, coalesce(p.name, '') AS pool, c.period, c.time_zone, c.limit_nanos, c.source,
       CASE WHEN a.due_at <= ledger_now() THEN c.limit_nanos ELSE a.posted END AS left_nanos, a.held,
       CASE WHEN a.due_at <= ledger_now() THEN period_end(ledger_now(), c.period, c.time_zone) ELSE a.due_at END AS renews_at
FROM cap AS c JOIN account AS a ON a.id = c.account_id
LEFT JOIN account AS o ON o.id = c.owner_id LEFT JOIN account AS p ON p.id = c.pool_id
WHERE c.ended_at IS NULL ORDER BY c.owner_id NULLS FIRST, c.pool_id NULLS FIRST, c.period, c.source;
