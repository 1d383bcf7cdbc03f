-- settle_due: bring an account to the present: what has expired, what begins, the allowance of a new period.
-- Why: nobody runs a nightly batch. Whoever is about to decide on an account, charge it or show it calls this first,
--      so an idle account is right whenever it is looked at, and each thing is recorded once.
-- Keys: account.due_at; credit_grant.request_id names the period, so no allowance is ever granted twice.
-- Result: whether anything was due. The lock of the account is taken here, or held by the caller already.
-- Source of the rules: DESIGN 6, protocol.md 4; credit/plan.py is the same in Python, held equal by a test.

-- first_instant: when a wall-clock time comes in a zone. Of two, the first (Postgres takes the second); where there is
-- none, the end of the gap.
CREATE OR REPLACE FUNCTION first_instant(p_wall timestamp, p_zone text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT coalesce(min(x.at) FILTER (WHERE x.at AT TIME ZONE p_zone = p_wall), p_wall AT TIME ZONE p_zone)
    FROM (SELECT p_wall AT TIME ZONE p_zone - make_interval(mins => back) AS at FROM unnest('{0,30,60,120}'::integer[]) AS back) AS x
$$;
-- The wall-clock midnight that ends the period of an instant; where there is none, the first instant of that day.
-- Where clocks are set back over midnight the wall shows the old day again, but the new one has begun, and stays.
CREATE OR REPLACE FUNCTION period_end(p_at timestamptz, p_period text, p_zone text) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN e.ends > p_at THEN e.ends ELSE first_instant(e.wall + e.long, p_zone) END
    FROM (SELECT w.wall, w.long, first_instant(w.wall, p_zone) AS ends
          FROM (SELECT date_trunc(p_period, p_at AT TIME ZONE p_zone) + ('1 ' || p_period)::interval AS wall,
                       ('1 ' || p_period)::interval AS long) AS w) AS e
$$;
CREATE OR REPLACE FUNCTION period_start(p_at timestamptz, p_period text, p_zone text) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN e.ends > p_at THEN first_instant(e.wall, p_zone) ELSE e.ends END
    FROM (SELECT w.wall, first_instant(w.wall + ('1 ' || p_period)::interval, p_zone) AS ends
          FROM (SELECT date_trunc(p_period, p_at AT TIME ZONE p_zone) AS wall) AS w) AS e
$$;

-- The next moment at which something of an account is due.
CREATE OR REPLACE FUNCTION next_due(p_account bigint, p_plan_ends_at timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT least(p_plan_ends_at,
                 (SELECT min(g.valid_until) FROM credit_grant AS g WHERE g.account_id = p_account AND g.open),
                 (SELECT min(g.valid_from) FROM credit_grant AS g WHERE g.account_id = p_account AND g.state = 'pending'))
$$;

-- The first allowance of somebody who joins in mid-period: the part of the period that is left, by seconds, rounded down.
CREATE OR REPLACE FUNCTION prorated(p_amount bigint, p_at timestamptz, p_start timestamptz, p_end timestamptz)
RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT floor(p_amount::numeric * floor(extract(epoch FROM p_end - p_at)) / extract(epoch FROM p_end - p_start))::bigint
$$;

-- What a plan is worth from a moment within its period to the end of that.
CREATE OR REPLACE FUNCTION first_allowance(p_plan plan, p_at timestamptz) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p_plan.prorate
                THEN prorated(p_plan.allowance, p_at, period_start(p_at, p_plan.period, p_plan.time_zone),
                              period_end(p_at, p_plan.period, p_plan.time_zone))
                ELSE p_plan.allowance END
$$;

-- given_by_plans: how much the allowances that began since a moment gave: without what expired or was revoked of them unused,
-- with what had been had of them in advance.
CREATE OR REPLACE FUNCTION given_by_plans(p_account bigint, p_since timestamptz) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT sum(y.amount)::bigint FROM (
        SELECT g.amount - e.unused AS amount FROM credit_grant AS g
        CROSS JOIN LATERAL (SELECT coalesce(-sum(x.amount), 0) AS unused FROM grant_entry AS x
                            WHERE x.grant_id = g.id AND x.kind IN ('expiry', 'revocation')) AS e
        WHERE g.account_id = p_account AND g.source = 'plan' AND g.valid_from >= p_since
        UNION ALL
        SELECT -d.amount FROM advance_entry AS d
        WHERE d.account_id = p_account AND d.kind = 'deducted' AND d.period_at >= p_since) AS y
$$;

-- allowance_room: what a plan may still give in its present period: its worth since the period began (or the account came
-- on plans, p_since), less what allowances gave in it, of whichever plan. So whoever goes back and forth between plans gets no
-- allowance twice.
CREATE OR REPLACE FUNCTION allowance_room(p_account bigint, p_plan plan, p_at timestamptz, p_since timestamptz)
RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT greatest(first_allowance(p_plan, greatest(x.start, p_since)) - coalesce(given_by_plans(p_account, x.start), 0), 0)::bigint
    FROM (SELECT period_start(p_at, p_plan.period, p_plan.time_zone) AS start) AS x
$$;

-- The allowance of the period that begins (or was joined) at p_at, and what rolls over into it.
-- p_key: '' once a period; a change of plan within it has a key of its own. Returns what posted rises by.
-- What was had of it in advance is no part of it, once.
CREATE OR REPLACE FUNCTION grant_allowance(
    p_account bigint, p_plan plan, p_at timestamptz, p_ends_at timestamptz, p_amount bigint, p_carry bigint, p_posted bigint,
    p_key text)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    made  bigint;
    had   bigint;
    until timestamptz := CASE WHEN p_plan.rollover <> 'all' THEN p_ends_at END;
    key   text :=
            format('plan/%s/%s%s', p_account, extract(epoch FROM p_at), p_key);
BEGIN
    IF p_carry > 0 THEN
        INSERT INTO credit_grant (account_id, source, amount, remaining, priority, valid_from, valid_until, state, open, actor, reason)
        VALUES (p_account, 'rollover', p_carry, p_carry, p_plan.priority, p_at, until, 'active', true, 'plan', p_plan.id)
        RETURNING id INTO made;
        INSERT INTO grant_entry (grant_id, kind, amount) VALUES (made, 'rollover', p_carry);
    END IF;
    IF p_amount <= 0 THEN RETURN 0; END IF;
    SELECT least(x.advanced, p_amount) INTO had FROM account AS x
    WHERE x.id = p_account AND NOT EXISTS (SELECT FROM credit_grant AS g WHERE g.request_id = key);
    IF had > 0 THEN
        UPDATE account AS x SET advanced = x.advanced - had WHERE x.id = p_account;
        INSERT INTO advance_entry (account_id, kind, amount, period_at) VALUES (p_account, 'deducted', -had, p_at);
        IF had = p_amount THEN RETURN 0; END IF;
    END IF;
    INSERT INTO credit_grant (account_id, source, amount, remaining, priority, valid_from, valid_until, state, open, actor, reason, request_id)
    VALUES (p_account, 'plan', p_amount - coalesce(had, 0), 0, p_plan.priority, p_at, until, 'pending', false, 'plan', p_plan.id, key)
    -- Given already, whoever did it: an account must never be one that cannot be looked at any more.
    ON CONFLICT (request_id) DO NOTHING RETURNING id INTO made;
    IF made IS NULL THEN RETURN 0; END IF;
    RETURN open_grant(made, p_posted, p_at);
END
$$;

-- A cap begins anew: what is left is the whole limit. Open holds go on reserving.
CREATE OR REPLACE FUNCTION settle_cap(p_cap bigint, p_now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    c  cap%ROWTYPE;
BEGIN
    SELECT x.* INTO c FROM cap AS x WHERE x.account_id = p_cap;
    UPDATE cap AS x SET period_at = period_start(p_now, c.period, c.time_zone) WHERE x.account_id = p_cap;
    UPDATE account AS a SET posted = c.limit_nanos, version = a.version + 1,
           due_at = period_end(p_now, c.period, c.time_zone) WHERE a.id = p_cap;
END
$$;

-- With the rights of the owner: a replica of authz that was taken over can settle what is due, and grant nothing else.
CREATE OR REPLACE FUNCTION settle_due(p_account bigint) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    a         account%ROWTYPE;
    p         plan%ROWTYPE;
    g         record;
    present   timestamptz := ledger_now();
    moment    timestamptz;
    ended     bigint[];
    carry     bigint;
    begins    boolean;
    amount    bigint;
BEGIN
    SELECT x.* INTO a FROM account AS x WHERE x.id = p_account FOR NO KEY UPDATE;
    IF a.due_at IS NULL OR a.due_at > present THEN RETURN false; END IF;
    IF a.kind = 'cap' THEN
        PERFORM settle_cap(p_account, present);
        RETURN true;
    END IF;
    SELECT x.* INTO p FROM plan AS x WHERE x.id = a.plan_id;

    WHILE a.due_at <= present LOOP
        moment := a.due_at;
        begins := a.plan_id IS NOT NULL AND a.plan_ends_at <= moment;
        SELECT coalesce(array_agg(x.id), '{}'),
               CASE WHEN begins AND p.rollover = 'capped'
                    THEN least(coalesce(sum(x.remaining) FILTER (WHERE x.source IN ('plan', 'rollover')), 0), p.rollover_cap)::bigint
                    ELSE 0 END
        INTO ended, carry
        FROM credit_grant AS x WHERE x.account_id = p_account AND x.open AND x.valid_until <= moment;
        IF ended <> '{}' THEN
            SELECT d.posted, d.carried INTO a.posted, carry FROM expire_grants(p_account, a.posted, ended, carry, moment) AS d;
        END IF;

        FOR g IN SELECT x.id FROM credit_grant AS x
                 WHERE x.account_id = p_account AND x.state = 'pending' AND x.valid_from <= moment ORDER BY x.valid_from, x.id
        LOOP
            a.posted := a.posted + open_grant(g.id, a.posted, moment);
        END LOOP;

        IF begins THEN
            -- Allowances of periods that passed unseen would have expired unused, unless a debt or an open hold was
            -- there to take them: only the present one is granted.
            -- (Nor are they passed over while one has to pay for an advance.)
            IF p.rollover = 'none' AND a.advanced = 0 AND period_end(moment, p.period, p.time_zone) <= present THEN
                IF a.posted >= (SELECT coalesce(sum(x.remaining), 0) FROM credit_grant AS x
                                WHERE x.account_id = p_account AND x.remaining > 0)
                   AND NOT EXISTS (SELECT FROM hold_open AS o WHERE o.account_id = p_account AND o.amount > 0) THEN
                    moment := period_start(present, p.period, p.time_zone);
                END IF;
            END IF;
            a.plan_ends_at := period_end(moment, p.period, p.time_zone);
            amount := p.allowance;
            -- The plan before had other periods: this one begins in the middle of its own.
            IF period_start(moment, p.period, p.time_zone) < moment THEN
                amount := least(first_allowance(p, moment), allowance_room(p_account, p, moment, a.plan_since));
            END IF;
            a.posted := a.posted + grant_allowance(p_account, p, moment, a.plan_ends_at, amount, carry, a.posted, '');
            a.advanced := (SELECT x.advanced FROM account AS x WHERE x.id = p_account);
            a.plan_allowance := p.allowance;
        END IF;
        a.due_at := next_due(p_account, a.plan_ends_at);
    END LOOP;
    UPDATE account AS x SET posted = a.posted, due_at = a.due_at, plan_ends_at = a.plan_ends_at,
           plan_allowance = a.plan_allowance, version = x.version + 1
    WHERE x.id = p_account;
    RETURN true;
END
$$;

-- expire_grants: end_grants for grants past their time; only plan and rollover grants carry over.
-- Result: posted afterwards, and what is carried.
CREATE OR REPLACE FUNCTION expire_grants(
    p_account bigint, p_posted bigint, p_grants bigint[], p_carry bigint, p_at timestamptz,
    OUT posted bigint, OUT carried bigint) LANGUAGE plpgsql AS $$
DECLARE
    before  bigint := (SELECT sum(x.remaining) FROM credit_grant AS x WHERE x.id = ANY (p_grants));
    after   bigint;
    fallen  bigint;
    renewed bigint[] := ARRAY(SELECT x.id FROM credit_grant AS x
                              WHERE x.id = ANY (p_grants) AND x.source IN ('plan', 'rollover') AND p_carry > 0);
    others  bigint[] := ARRAY(SELECT x FROM unnest(p_grants) AS x WHERE NOT x = ANY (renewed));
BEGIN
    -- One laying of the holds over all that ends: the order of sparing must not depend on what rolls over.
    PERFORM spare_holds(p_account, p_grants);
    fallen := end_grants(p_account, others, 'expired', 0, 'plan', 'expired', p_at)
              + end_grants(p_account, renewed, 'expired', p_carry, 'plan', 'expired', p_at);
    SELECT sum(x.remaining) INTO after FROM credit_grant AS x WHERE x.id = ANY (p_grants);
    posted := p_posted - fallen;
    carried := before - after - fallen;
END
$$;
