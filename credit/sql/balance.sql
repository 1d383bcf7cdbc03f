-- balance_of: what a person has, has spent today and gets next, in one look.
-- Why: people ask the free model for their balance as often as they like: one statement, each table probed by key.
-- Keys: none. Arguments: p_account: a person's or a service's; p_calls: how many of today's calls are added up at most.
-- Result: one row, or none where there is no such account; amounts in nano-USD, days on the clock of the plan.
--      o_spent: debits of the calls that began today, whoever paid, as reports count them; o_more: there were more calls;
--      o_pools: [{name, available, status}] in the order of drawing; o_caps: [{period, limit, left, pool}], own ones;
--      o_coming: [{day, amount}], the next allowance and the next grant that begins later.
-- What is due is settled first, in the order of ids; where nothing is due nothing is locked.
CREATE OR REPLACE FUNCTION balance_of(p_account bigint, p_calls integer)
RETURNS TABLE (
    o_posted bigint, o_held bigint, o_overdraft bigint, o_status text, o_status_day date, o_spent bigint, o_more boolean,
    o_pools jsonb, o_caps jsonb, o_coming jsonb)
LANGUAGE plpgsql
-- As in place_batch: a plan kept from when the tables were small would scan them.
SET enable_seqscan = off
AS $$
DECLARE
    zone   text;
    today  timestamptz;
    due    bigint;
BEGIN
    FOR due IN
        SELECT a.id FROM account AS a
        WHERE a.due_at <= ledger_now() AND a.id IN (
            SELECT p_account
            UNION ALL SELECT m.pool_id FROM pool_member AS m WHERE m.account_id = p_account
            UNION ALL SELECT l.account_id FROM cap AS l WHERE l.owner_id = p_account AND l.ended_at IS NULL)
        ORDER BY a.id
    LOOP
        PERFORM settle_due(due);
    END LOOP;

    SELECT coalesce(p.time_zone, 'America/Sao_Paulo') INTO zone
    FROM account AS a LEFT JOIN plan AS p ON p.id = a.plan_id WHERE a.id = p_account;
    IF NOT FOUND THEN RETURN; END IF;
    today := period_start(ledger_now(), 'day', zone);

    SELECT coalesce(sum(x.spent), 0)::bigint, count(*) > p_calls INTO o_spent, o_more
    FROM (SELECT q.id, row_number() OVER (ORDER BY q.placed_at DESC) AS n FROM (
              (SELECT h.id, h.placed_at FROM hold AS h
               WHERE h.person_id = p_account AND h.placed_at >= today ORDER BY h.placed_at DESC LIMIT p_calls + 1)
              UNION ALL
              (SELECT h.id, h.placed_at FROM hold AS h
               WHERE h.account_id = p_account AND h.person_id IS NULL AND h.placed_at >= today
               ORDER BY h.placed_at DESC LIMIT p_calls + 1)) AS q
          ORDER BY q.placed_at DESC LIMIT p_calls + 1) AS c
    CROSS JOIN LATERAL (
        SELECT CASE WHEN c.n > p_calls THEN 0 ELSE
               coalesce((SELECT sum(u.cost) FROM usage_event AS u WHERE u.hold_id = c.id), 0)
             + coalesce((SELECT t.amount FROM transfer AS t WHERE t.hold_id = c.id AND t.kind = 'estimate'
                         AND NOT EXISTS (SELECT FROM transfer AS r WHERE r.reverses = t.id)), 0) END AS spent) AS x;

    SELECT coalesce(jsonb_agg(jsonb_build_object('name', a.name, 'available', a.posted + a.overdraft - a.held,
               'status', a.status) ORDER BY m.position, a.id), '[]') INTO o_pools
    FROM pool_member AS m JOIN account AS a ON a.id = m.pool_id WHERE m.account_id = p_account;

    SELECT coalesce(jsonb_agg(jsonb_build_object('period', l.period, 'limit', l.limit_nanos, 'left', a.posted - a.held,
               'pool', coalesce(p.name, '')) ORDER BY l.account_id), '[]') INTO o_caps
    FROM cap AS l JOIN account AS a ON a.id = l.account_id LEFT JOIN account AS p ON p.id = l.pool_id
    WHERE l.owner_id = p_account AND l.ended_at IS NULL;

    SELECT coalesce(jsonb_agg(jsonb_build_object('day', (x.at AT TIME ZONE zone)::date, 'amount', x.amount) ORDER BY x.at, x.amount), '[]')
    INTO o_coming
    FROM ((SELECT a.plan_ends_at AS at, p.allowance - a.advanced AS amount FROM account AS a JOIN plan AS p ON p.id = a.plan_id
           WHERE a.id = p_account AND a.plan_ends_at IS NOT NULL AND p.allowance > a.advanced)
          UNION ALL
          (SELECT g.valid_from, g.amount FROM credit_grant AS g WHERE g.account_id = p_account AND g.state = 'pending'
           ORDER BY g.valid_from, g.id LIMIT 1)) AS x;

    SELECT a.posted, a.held, a.overdraft, a.status, (a.status_at AT TIME ZONE zone)::date
    INTO o_posted, o_held, o_overdraft, o_status, o_status_day
    FROM account AS a WHERE a.id = p_account;
    RETURN NEXT;
END
$$;

-- low_credit: what to tell a person under an answer, once a day; null: told already, or not below a fifth of what the
-- period really granted (who joins in mid-period got a part). The account is locked; the hold tells a call asked twice.
CREATE OR REPLACE FUNCTION low_credit(
    p_account bigint, p_hold uuid, p_posted bigint, p_allowance bigint, p_coming bigint, p_ends_at timestamptz, p_zone text,
    p_line_on date, p_line_hold uuid)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    today date := (ledger_now() AT TIME ZONE p_zone)::date;
    whole bigint := least(p_allowance, (SELECT sum(g.amount) FROM credit_grant AS g
                                        WHERE g.account_id = p_account AND g.open AND g.source = 'plan'));
BEGIN
    IF p_posted >= percent_of(whole, 20) OR (p_line_on = today AND p_line_hold <> p_hold) THEN RETURN NULL; END IF;
    UPDATE account AS a SET line_on = today, line_hold = p_hold WHERE a.id = p_account;
    RETURN jsonb_build_object('posted', p_posted, 'allowance', whole, 'coming', p_coming, 'day', (p_ends_at AT TIME ZONE p_zone)::date);
END
$$;
