-- rules: what administrators do to credit: give it, take back what is left, assign a plan, set a cap; what a person sets.
-- Why: each is one statement under the account's lock, after what is due was settled; the caller's statement writes
--      the audit line with it. Amounts in nano-USD.
-- Keys: credit_grant.request_id (granted once); cap (owner, pool, period, source).

-- grant_credit: give credit, now or from a moment on. Result: the grant; no row: this request id has been granted.
CREATE OR REPLACE FUNCTION grant_credit(
    p_account bigint, p_amount bigint, p_source text, p_priority integer, p_from timestamptz, p_until timestamptz,
    p_actor text, p_reason text, p_request_id text)
RETURNS TABLE (o_grant_id bigint, o_transfer_id bigint) LANGUAGE plpgsql AS $$
DECLARE
    a  account%ROWTYPE;
BEGIN
    PERFORM settle_due(p_account);
    SELECT x.* INTO a FROM account AS x WHERE x.id = p_account FOR NO KEY UPDATE;
    -- A rival with the same request id waits at the unique index, then sees that it lost.
    INSERT INTO credit_grant (account_id, source, amount, remaining, priority, valid_from, valid_until, state, open, actor, reason, request_id)
    VALUES (p_account, p_source, p_amount, 0, p_priority, coalesce(p_from, ledger_now()), p_until, 'pending', false,
            p_actor, p_reason, p_request_id)
    ON CONFLICT (request_id) DO NOTHING RETURNING id INTO o_grant_id;
    IF o_grant_id IS NULL THEN RETURN; END IF;
    IF coalesce(p_from, ledger_now()) <= ledger_now() THEN
        UPDATE account AS x SET posted = x.posted + open_grant(o_grant_id, a.posted, ledger_now()), version = x.version + 1
        WHERE x.id = p_account;
    END IF;
    UPDATE account AS x SET due_at = next_due(p_account, x.plan_ends_at) WHERE x.id = p_account;
    SELECT t.id INTO o_transfer_id FROM transfer AS t WHERE t.request_id = p_request_id;
    RETURN NEXT;
END
$$;

-- revoke_grant: take back what is left of a grant, but for what open holds reserve of it: they are charged to it still.
-- Result: what was taken back; no row: it is not there, or has ended.
CREATE OR REPLACE FUNCTION revoke_grant(p_grant bigint, p_actor text, p_reason text)
RETURNS TABLE (o_account_id bigint, o_amount bigint) LANGUAGE plpgsql AS $$
DECLARE
    g  credit_grant%ROWTYPE;
BEGIN
    SELECT x.account_id INTO o_account_id FROM credit_grant AS x WHERE x.id = p_grant;
    PERFORM settle_due(o_account_id);
    PERFORM FROM account AS x WHERE x.id = o_account_id FOR NO KEY UPDATE;
    SELECT x.* INTO g FROM credit_grant AS x WHERE x.id = p_grant;
    IF g.id IS NULL OR g.state NOT IN ('pending', 'active') THEN RETURN; END IF;
    o_amount := 0;
    IF g.state = 'pending' THEN
        UPDATE credit_grant AS x SET state = 'revoked' WHERE x.id = p_grant;
    ELSE
        PERFORM spare_holds(o_account_id, ARRAY[p_grant]);
        o_amount := end_grants(o_account_id, ARRAY[p_grant], 'revoked', 0, p_actor, p_reason, ledger_now());
        UPDATE account AS x SET posted = x.posted - o_amount, version = x.version + 1 WHERE x.id = o_account_id AND o_amount > 0;
        PERFORM return_advance(o_account_id, p_grant, o_amount);
    END IF;
    UPDATE account AS x SET due_at = next_due(o_account_id, x.plan_ends_at) WHERE x.id = o_account_id;
    RETURN NEXT;
END
$$;

-- assign_plan: put an account on a plan (null: on none; what it was granted stays until it ends).
-- p_now: an upgrade of the period that runs is worth its prorated difference at once, a downgrade counts from the next
-- period; a plan of another period or zone ends what is left of the old one and begins at once, with the part of its own
-- period that is left. Otherwise the new plan counts from the end of the period that runs. An account without a plan
-- always begins at once. Nothing of it exceeds allowance_room.
CREATE OR REPLACE FUNCTION assign_plan(p_account bigint, p_plan text, p_now boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    a        account%ROWTYPE;
    old      plan%ROWTYPE;
    new      plan%ROWTYPE;
    present  timestamptz := ledger_now();
    ends_at  timestamptz;
    begins   boolean;
    amount   bigint := 0;
    ended    bigint[];
    fallen   bigint := 0;
    raised   bigint := 0;
BEGIN
    PERFORM settle_due(p_account);
    SELECT x.* INTO a FROM account AS x WHERE x.id = p_account FOR NO KEY UPDATE;
    -- Whoever waited for this account may have begun before a period that a rival has settled meanwhile.
    present := greatest(present, (SELECT max(g.valid_from) FROM credit_grant AS g
                                  WHERE g.account_id = p_account AND g.source = 'plan' AND g.state <> 'pending'));
    SELECT x.* INTO old FROM plan AS x WHERE x.id = a.plan_id;
    SELECT x.* INTO new FROM plan AS x WHERE x.id = p_plan;
    ends_at := period_end(present, new.period, new.time_zone);
    -- The old plan may itself wait for the end of a period of another length.
    begins := new.id IS NOT NULL AND (old.id IS NULL
              OR (p_now AND (old.period, old.time_zone, a.plan_ends_at) <> (new.period, new.time_zone, ends_at)));
    IF new.id IS NULL THEN
        a.plan_ends_at := NULL;
    ELSIF begins THEN
        -- Who leaves and comes back within a period has been there since then.
        IF old.id IS NULL AND given_by_plans(p_account, period_start(present, new.period, new.time_zone)) IS NULL THEN
            a.plan_since := present;
        END IF;
        ended := ARRAY(SELECT g.id FROM credit_grant AS g
                       WHERE g.account_id = p_account AND g.open AND g.source IN ('plan', 'rollover') AND old.id IS NOT NULL);
        PERFORM spare_holds(p_account, ended);
        fallen := end_grants(p_account, ended, 'expired', 0, 'plan', 'another plan', present);
        a.plan_ends_at := ends_at;
        amount := first_allowance(new, present);
    ELSIF p_now THEN
        -- Against the most that this period was worth already: going back and forth is worth nothing.
        amount := prorated(greatest(new.allowance - a.plan_allowance, 0), present,
                           period_start(present, new.period, new.time_zone), a.plan_ends_at);
    END IF;
    IF amount > 0 THEN
        amount := least(amount, allowance_room(p_account, new, present, a.plan_since));
        raised := grant_allowance(p_account, new, present, a.plan_ends_at, amount, 0, a.posted - fallen,
                                  '/' || gen_random_uuid());
    END IF;
    UPDATE account AS x SET posted = x.posted - fallen + raised, version = x.version + 1
    WHERE x.id = p_account AND (fallen > 0 OR raised > 0);
    -- The one statement that names plan_id: replicas hear of it (migrations/0010.policies).
    UPDATE account AS x SET plan_id = p_plan, plan_ends_at = a.plan_ends_at, plan_since = a.plan_since,
           plan_allowance = CASE WHEN p_plan IS NULL THEN NULL WHEN begins OR amount > 0 THEN new.allowance
                                 ELSE a.plan_allowance END,
           due_at = next_due(p_account, a.plan_ends_at)
    WHERE x.id = p_account;
END
$$;

-- set_cap: bound what a person (null: everybody together) spends in a period, all in all or out of one pool.
-- A changed limit counts at once, for what was spent in this period too. p_source: self where the person chose it: it
-- binds beside the administrators' cap, and neither takes the place of the other. Result: the cap.
CREATE OR REPLACE FUNCTION set_cap(
    p_owner bigint, p_pool bigint, p_period text, p_zone text, p_limit bigint, p_source text DEFAULT 'admin')
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    c  cap%ROWTYPE;
BEGIN
    SELECT x.* INTO c FROM cap AS x
    WHERE x.owner_id IS NOT DISTINCT FROM p_owner AND x.pool_id IS NOT DISTINCT FROM p_pool AND x.period = p_period
      AND x.source = p_source AND x.ended_at IS NULL;
    IF FOUND THEN
        PERFORM settle_due(c.account_id);
        PERFORM FROM account AS a WHERE a.id = c.account_id FOR NO KEY UPDATE;
        -- Read again: a rival may have changed it while this waited.
        SELECT x.* INTO c FROM cap AS x WHERE x.account_id = c.account_id;
        UPDATE cap AS x SET limit_nanos = p_limit, time_zone = p_zone WHERE x.account_id = c.account_id;
        UPDATE account AS a SET posted = a.posted + p_limit - c.limit_nanos, version = a.version + 1,
               due_at = period_end(ledger_now(), p_period, p_zone)
        WHERE a.id = c.account_id;
        RETURN c.account_id;
    END IF;
    INSERT INTO account (kind, posted, due_at) VALUES ('cap', p_limit, period_end(ledger_now(), p_period, p_zone))
    RETURNING id INTO c.account_id;
    INSERT INTO cap (account_id, owner_id, pool_id, period, time_zone, limit_nanos, period_at, source)
    VALUES (c.account_id, p_owner, p_pool, p_period, p_zone, p_limit, period_start(ledger_now(), p_period, p_zone), p_source);
    RETURN c.account_id;
END
$$;

-- clear_cap: calls that are held under it finish; nothing counts under it any more. Result: whether there was one.
CREATE OR REPLACE FUNCTION clear_cap(p_owner bigint, p_pool bigint, p_period text, p_source text DEFAULT 'admin')
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    gone  bigint;
BEGIN
    SELECT x.account_id INTO gone FROM cap AS x
    WHERE x.owner_id IS NOT DISTINCT FROM p_owner AND x.pool_id IS NOT DISTINCT FROM p_pool AND x.period = p_period
      AND x.source = p_source AND x.ended_at IS NULL;
    IF gone IS NULL THEN RETURN false; END IF;
    PERFORM FROM account AS a WHERE a.id = gone FOR NO KEY UPDATE;
    UPDATE cap AS x SET ended_at = ledger_now() WHERE x.account_id = gone AND x.ended_at IS NULL;
    UPDATE account AS a SET due_at = NULL WHERE a.id = gone;
    RETURN true;
END
$$;

-- set_settings: what a person sets for themselves; null leaves a thing as it is. p_language '': the client's;
-- p_first_pool 0: the usual order; p_day and p_month, of the person's own limits: 0 takes one away.
-- The account's lock serves one change after the other; an own limit renews where the person's plan does.
-- Result: whether it was done; false: this request id was used before, and nothing is changed.
CREATE OR REPLACE FUNCTION set_settings(
    p_account bigint, p_language text, p_notices boolean, p_first_pool bigint, p_day bigint, p_month bigint,
    p_request_id text, p_asked jsonb)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    zone  text;
    x     record;
BEGIN
    PERFORM FROM account AS a WHERE a.id = p_account FOR NO KEY UPDATE;
    INSERT INTO setting_request (request_id, account_id, asked) VALUES (p_request_id, p_account, p_asked) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN RETURN false; END IF;
    INSERT INTO account_setting AS s (account_id, language, notices, first_pool_id)
    VALUES (p_account, nullif(p_language, ''), coalesce(p_notices, true), nullif(p_first_pool, 0))
    ON CONFLICT (account_id) DO UPDATE SET
        language = CASE WHEN p_language IS NULL THEN s.language ELSE excluded.language END,
        notices = coalesce(p_notices, s.notices),
        first_pool_id = CASE WHEN p_first_pool IS NULL THEN s.first_pool_id ELSE excluded.first_pool_id END,
        version = s.version + 1, changed_at = now();
    SELECT coalesce(p.time_zone, 'America/Sao_Paulo') INTO zone
    FROM account AS a LEFT JOIN plan AS p ON p.id = a.plan_id WHERE a.id = p_account;
    FOR x IN SELECT l.period, l.most FROM (VALUES ('day', p_day), ('month', p_month)) AS l (period, most)
             WHERE l.most IS NOT NULL
    LOOP
        IF x.most = 0 THEN
            PERFORM clear_cap(p_account, NULL, x.period, 'self');
        ELSE
            PERFORM set_cap(p_account, NULL, x.period, zone, x.most, 'self');
        END IF;
    END LOOP;
    RETURN true;
END
$$;
