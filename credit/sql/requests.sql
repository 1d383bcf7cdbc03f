-- requests: who has a credit request, in which period it counts, what may be had in advance.
-- Why: the page, the mail and the worker must name the same people, and count by the same calendar.
-- Keys: credit_request.id; deputy; admin_role. Amounts in nano-USD.
-- Result: see each function.

-- request_holders: who may answer a request now: the approvers of the person's teams; where there is none, or after the
-- delay, treasurers and operators too; whoever stands in for one of them. Never the person themselves.
CREATE OR REPLACE FUNCTION request_holders(p_request bigint) RETURNS TABLE (o_admin_id bigint) LANGUAGE sql STABLE AS $$
    WITH asked AS (SELECT c.account_id, c.fallback_at FROM credit_request AS c WHERE c.id = p_request),
    others AS (
        SELECT a.id FROM admin AS a CROSS JOIN asked AS q
        WHERE a.removed_at IS NULL
          AND NOT EXISTS (SELECT FROM account_email AS e WHERE e.account_id = q.account_id AND e.email = a.email)),
    team AS (
        SELECT o.id FROM asked AS q JOIN pool_member AS m ON m.account_id = q.account_id
        JOIN admin_role AS r ON r.pool_id = m.pool_id AND r.role = 'approver' JOIN others AS o ON o.id = r.admin_id),
    first AS (
        SELECT t.id FROM team AS t
        UNION
        SELECT o.id FROM asked AS q CROSS JOIN others AS o JOIN admin_role AS r ON r.admin_id = o.id AND r.role IN ('treasurer', 'operator')
        WHERE q.fallback_at <= ledger_now() OR NOT EXISTS (SELECT FROM team))
    SELECT f.id FROM first AS f
    UNION
    SELECT o.id FROM first AS f JOIN deputy AS d ON d.admin_id = f.id JOIN others AS o ON o.id = d.deputy_id
    WHERE d.ended_at IS NULL AND d.from_at <= ledger_now() AND d.until_at > ledger_now()
$$;

-- tell_request: one notice for each who has it and was not told yet; where nobody has it, for those who run this.
CREATE OR REPLACE FUNCTION tell_request(p_request bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO notice (kind, audience, account_id, admin_id, credit_request_id, key)
    SELECT 'request', CASE WHEN h.o_admin_id IS NULL THEN 'admins' ELSE 'admin' END, c.account_id, h.o_admin_id, c.id,
           format('request/%s/%s', c.id, coalesce(h.o_admin_id, 0))
    FROM credit_request AS c LEFT JOIN LATERAL request_holders(c.id) AS h ON true
    WHERE c.id = p_request AND c.state = 'requested' AND c.expires_at > ledger_now()
      -- Asked every few seconds: whoever was told takes no number of the sequence.
      AND NOT EXISTS (SELECT FROM notice AS n WHERE n.key = format('request/%s/%s', c.id, coalesce(h.o_admin_id, 0)))
    ON CONFLICT DO NOTHING
$$;

-- request_period: in which requests are counted, and to whose end a grant lasts: the plan's, else the calendar's month.
CREATE OR REPLACE FUNCTION request_period(p_account bigint, OUT o_start timestamptz, OUT o_end timestamptz) LANGUAGE sql STABLE AS $$
    SELECT period_start(ledger_now(), coalesce(p.period, 'month'), coalesce(p.time_zone, 'America/Sao_Paulo')),
           greatest(a.plan_ends_at, period_end(ledger_now(), coalesce(p.period, 'month'), coalesce(p.time_zone, 'America/Sao_Paulo')))
    FROM account AS a LEFT JOIN plan AS p ON p.id = a.plan_id WHERE a.id = p_account
$$;

-- next_allowance: what the plan gives when this period ends, without what was had of it in advance.
CREATE OR REPLACE FUNCTION next_allowance(p_account account, p_plan plan) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p_plan.id IS NULL OR p_account.plan_ends_at IS NULL THEN 0
                ELSE greatest(first_allowance(p_plan, p_account.plan_ends_at) - p_account.advanced, 0) END
$$;

-- month_spent: debits of the calls that a person began in this month, whoever paid.
CREATE OR REPLACE FUNCTION month_spent(p_account bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(coalesce((SELECT sum(u.cost) FROM usage_event AS u WHERE u.hold_id = h.id), 0)
                        + coalesce((SELECT t.amount FROM transfer AS t WHERE t.hold_id = h.id AND t.kind = 'estimate'
                                    AND NOT EXISTS (SELECT FROM transfer AS r WHERE r.reverses = t.id)), 0)), 0)::bigint
    FROM (SELECT period_start(ledger_now(), 'month', coalesce(p.time_zone, 'America/Sao_Paulo')) AS start
          FROM account AS a LEFT JOIN plan AS p ON p.id = a.plan_id WHERE a.id = p_account) AS m
    CROSS JOIN LATERAL (
        SELECT x.id FROM hold AS x WHERE x.person_id = p_account AND x.placed_at >= m.start
        UNION ALL
        SELECT x.id FROM hold AS x WHERE x.account_id = p_account AND x.person_id IS NULL AND x.placed_at >= m.start) AS h
$$;

-- take_advance: note what a grant is of the allowances to come. The caller holds the account's lock.
CREATE OR REPLACE FUNCTION take_advance(p_account bigint, p_grant bigint, p_amount bigint) RETURNS void LANGUAGE sql AS $$
    UPDATE account AS a SET advanced = a.advanced + p_amount WHERE a.id = p_account;
    INSERT INTO advance_entry (account_id, kind, amount, grant_id) VALUES (p_account, 'taken', p_amount, p_grant);
$$;

-- return_advance: what is revoked of an advance that no allowance has paid yet is none any more: the oldest are paid first.
CREATE OR REPLACE FUNCTION return_advance(p_account bigint, p_grant bigint, p_amount bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    unpaid  bigint;
BEGIN
    SELECT least(p_amount, coalesce(sum(e.amount) FILTER (WHERE e.grant_id = p_grant), 0),
                 a.advanced - coalesce(sum(e.amount) FILTER (WHERE e.grant_id > p_grant), 0)) INTO unpaid
    FROM account AS a LEFT JOIN advance_entry AS e ON e.account_id = a.id WHERE a.id = p_account GROUP BY a.id;
    IF unpaid > 0 THEN
        UPDATE account AS a SET advanced = a.advanced - unpaid WHERE a.id = p_account;
        INSERT INTO advance_entry (account_id, kind, amount, grant_id) VALUES (p_account, 'revoked', -unpaid, p_grant);
    END IF;
END
$$;

-- lent_roles: the roles by which credit is given of those whom an administrator stands in for now: [[role, pool, e-mail]].
CREATE OR REPLACE FUNCTION lent_roles(p_admin bigint) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_array(r.role, r.pool_id, a.email)), '[]')
    FROM deputy AS d JOIN admin AS a ON a.id = d.admin_id AND a.removed_at IS NULL
    JOIN admin_role AS r ON r.admin_id = a.id AND r.role IN ('approver', 'treasurer', 'operator')
    WHERE d.deputy_id = p_admin AND d.ended_at IS NULL AND d.from_at <= ledger_now() AND d.until_at > ledger_now()
$$;
