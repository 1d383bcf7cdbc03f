-- place_batch: decide and journal many holds in one statement.
-- Why: this is the only place where credit is reserved; one statement is one flush for the whole batch,
--      and no lock outlives it, so a stalled process can never block another person.
-- Keys: hold.id (placed once, for ever), decision.hold_id (refused once, for ever).
-- Arguments: parallel arrays in arrival order, ids distinct; amounts in nano-USD; p_accounts: whose calls they are;
--      p_shadow: a would-be refusal is recorded and the caller lets the call pass, unless account or plan say otherwise; p_smalls, p_shares: the constants
--      of the grant rule, percent; p_most_open: holds a person may have open at once (null: any number);
--      p_cheaper: {model, want, target, minimum} that is placed where the model asked for does not fit (null: refuse);
--      p_prices: version of the price book, pinned; p_markups: per cent that the plan puts on each debit, pinned;
--      p_lines: the answer may end with a line that credit runs low.
-- Result: one row per id: placed | replay | closed | refused (o_model: the cheaper one, where it was placed), with the figures of the person's own account as it was
--      decided on, o_payer: the account that pays (a pool, or the person's own), and o_markup: the one pinned; o_low: say it now, since
--      the own credit is below a fifth of the allowance: {posted, allowance, coming, day}, one call a day.
-- One decision over all of it, or nothing: the payer (own credit, then pools) and every cap, locked together.
CREATE OR REPLACE FUNCTION marked_up(nanos bigint, percent integer)
RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    -- An amount with a markup on it, rounded up: credit/money.py, held equal to it by a differential test.
    SELECT (nanos::numeric + ceil(nanos::numeric * percent / 100))::bigint
$$;

CREATE OR REPLACE FUNCTION percent_of(amount bigint, percent integer)
RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    -- Rounded down, exact, and without a product that a bigint could not hold. An amount below 0 counts as 0.
    SELECT greatest(amount, 0) / 100 * percent + greatest(amount, 0) % 100 * percent / 100
$$;

CREATE OR REPLACE FUNCTION grant_amount(
    available bigint, want bigint, target bigint, minimum bigint, small_percent integer DEFAULT 2, share_percent integer DEFAULT 50)
RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    -- The grant rule of credit/grant.py, held equal to it by a differential test.
    SELECT CASE
        WHEN want <= percent_of(available, small_percent) THEN want
        WHEN least(want, greatest(target, percent_of(available, small_percent))) <= available
            THEN least(want, greatest(target, percent_of(available, small_percent)))
        WHEN greatest(minimum, percent_of(available, share_percent)) <= available
            THEN least(want, greatest(minimum, percent_of(available, share_percent)))
    END
$$;

-- One person's call over all accounts that have a say, by their figures at this moment (credit/grant.py: decide_over).
-- The arrays are those of the batch: running figures, in the order of ids. payer null: refused, reason says why.
CREATE OR REPLACE FUNCTION decide_over(
    p_person bigint, p_pool_first boolean, p_want bigint, p_target bigint, p_minimum bigint, p_small integer, p_share integer,
    ids bigint[], posted bigint[], held bigint[], overdraft bigint[], status text[], versions bigint[],
    OUT payer bigint, OUT granted bigint, OUT caps bigint[], OUT reason text, OUT others jsonb)
LANGUAGE plpgsql AS $$
DECLARE
    c          record;
    k          integer;
    x          record;
    x_caps     bigint[];
    free       bigint;
    idle       bigint;
    got        bigint;
    uncapped   boolean := false;    -- some payer would grant, were there no caps
    waits      boolean := false;    -- with nothing in flight anywhere it would be granted
    pools      boolean := false;
BEGIN
    others := '[]';
    FOR c IN
        SELECT p_person AS id, CASE WHEN p_pool_first THEN 1 ELSE 0 END AS round, 0 AS position, NULL::bigint AS pool
        UNION ALL
        -- The team that the person put first, then by position.
        SELECT m.pool_id, CASE WHEN p_pool_first THEN 0 ELSE 1 END, CASE WHEN m.pool_id = f.id THEN -1 ELSE m.position END, m.pool_id
        FROM pool_member AS m
        LEFT JOIN LATERAL (SELECT s.first_pool_id AS id FROM account_setting AS s WHERE s.account_id = p_person) AS f ON true
        WHERE m.account_id = p_person
        ORDER BY round, position, id
    LOOP
        k := array_position(ids, c.id);
        CONTINUE WHEN k IS NULL;    -- joined after the locks were taken
        IF c.pool IS NOT NULL THEN
            pools := true;
            others := others || jsonb_build_object('id', c.id, 'role', 'pool', 'posted', posted[k], 'held', held[k],
                          'overdraft', overdraft[k], 'version', versions[k], 'status', status[k]);
            CONTINUE WHEN status[k] <> 'active';
        END IF;
        free := posted[k] + overdraft[k] - held[k];
        idle := posted[k] + overdraft[k];
        uncapped := uncapped OR grant_amount(free, p_want, p_target, p_minimum, p_small, p_share) IS NOT NULL;
        x_caps := '{}';
        FOR x IN SELECT l.account_id AS id, array_position(ids, l.account_id) AS k FROM cap AS l
                 WHERE (l.owner_id = p_person OR l.owner_id IS NULL) AND l.ended_at IS NULL AND (l.pool_id IS NULL OR l.pool_id = c.pool)
                 ORDER BY l.account_id
        LOOP
            CONTINUE WHEN x.k IS NULL;
            x_caps := x_caps || x.id;
            free := least(free, posted[x.k] - held[x.k]);
            idle := least(idle, posted[x.k]);
        END LOOP;
        got := grant_amount(free, p_want, p_target, p_minimum, p_small, p_share);
        waits := waits OR grant_amount(idle, p_want, p_target, p_minimum, p_small, p_share) IS NOT NULL;
        -- The first that gives what such a call usually needs; else the one that gives most.
        IF got IS NOT NULL AND (granted IS NULL OR got > granted) THEN
            payer := c.id; granted := got; caps := x_caps;
        END IF;
        EXIT WHEN granted >= least(p_want, p_target);
    END LOOP;
    SELECT others || coalesce(jsonb_agg(jsonb_build_object('id', l.account_id, 'role', 'cap', 'posted', posted[n.k], 'held', held[n.k],
               'overdraft', 0, 'version', versions[n.k], 'status', 'active', 'pool', l.pool_id)
               -- That the person chose it is said in the refusal.
               || CASE WHEN l.source = 'self' THEN jsonb_build_object('chosen', l.period) ELSE '{}' END ORDER BY l.account_id), '[]')
    INTO others
    FROM cap AS l CROSS JOIN LATERAL (SELECT array_position(ids, l.account_id) AS k) AS n
    WHERE (l.owner_id = p_person OR l.owner_id IS NULL) AND l.ended_at IS NULL AND n.k IS NOT NULL;
    others := nullif(others, '[]');
    IF payer IS NULL THEN
        reason := CASE WHEN waits THEN 'credit_in_flight' WHEN uncapped THEN 'cap_reached'
                       WHEN pools THEN 'pool_exhausted' ELSE 'insufficient_credit' END;
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION place_batch(
    p_ids uuid[], p_accounts bigint[], p_clients text[], p_routes text[], p_models text[],
    p_wants bigint[], p_targets bigint[], p_minimums bigint[], p_shadow boolean[],
    p_smalls integer[], p_shares integer[], p_most_open integer[], p_cheaper jsonb[], p_prices bigint[],
    p_markups integer[], p_lines boolean[], p_deadline_s integer)
RETURNS TABLE (
    o_id uuid, o_result text, o_reason text, o_granted bigint, o_shadow boolean, o_payer bigint,
    o_posted bigint, o_held bigint, o_overdraft bigint, o_version bigint, o_status_at timestamptz, o_others jsonb, o_model text,
    o_markup integer, o_low jsonb)
LANGUAGE plpgsql
-- With the rights of the owner: a replica that was taken over can ask for holds, and write none of the figures itself.
SECURITY DEFINER SET search_path = public, pg_temp
-- Every table is probed by key. Planning each batch anew finds that again and takes 0.3 ms; a plan kept
-- from when the tables were small would scan them, 2 ms at 50,000 holds (both measured). So: plan once, probe.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    r          record;
    over_all   record;
    -- The accounts of the batch in the order of ids, with running figures; each placed hold is a version of its payer.
    locked     bigint[];
    ids        bigint[];
    posteds    bigint[];
    helds      bigint[];
    overdrafts bigint[];
    statuses   text[];
    versions   bigint[];
    before     bigint[];
    shared     boolean;             -- somebody in the batch has a pool or a cap
    due        bigint[];
    k          integer;
    c          integer;
    cap_id     bigint;
    open_n     bigint;
    told       bigint[] := '{}';    -- who is told now that credit runs low
    under      bigint[];            -- the caps that the hold at hand counts under
BEGIN
    SELECT array_agg(q.id) INTO locked FROM (
        SELECT m.pool_id AS id FROM pool_member AS m WHERE m.account_id = ANY (p_accounts)
        UNION SELECT l.account_id FROM cap AS l WHERE l.owner_id = ANY (p_accounts) AND l.ended_at IS NULL
        UNION SELECT l.account_id FROM cap AS l WHERE l.owner_id IS NULL AND l.ended_at IS NULL) AS q;
    shared := locked IS NOT NULL;
    locked := p_accounts || coalesce(locked, '{}');
    -- Locks in id order: two batches can wait for each other, never in a circle.
    PERFORM FROM account AS a WHERE a.id = ANY (locked) ORDER BY a.id FOR NO KEY UPDATE;
    LOOP
        SELECT array_agg(a.id), array_agg(a.posted), array_agg(a.held), array_agg(a.overdraft), array_agg(a.status),
               array_agg(a.version), array_agg(a.id) FILTER (WHERE a.due_at <= ledger_now())
        INTO ids, posteds, helds, overdrafts, statuses, versions, due
        FROM (SELECT x.id, x.posted, x.held, x.overdraft, x.status, x.version, x.due_at FROM account AS x
              WHERE x.id = ANY (locked) ORDER BY x.id) AS a;
        EXIT WHEN due IS NULL;
        -- What is due is settled before anything is decided: nobody spends November's rest on 1 December.
        PERFORM settle_due(x) FROM unnest(due) AS x;
    END LOOP;
    before := versions;

    FOR r IN
        SELECT q.*, a.status_at, a.pool_first, a.plan_allowance, a.plan_ends_at, a.line_on, a.line_hold, p.time_zone AS zone, greatest(p.allowance - a.advanced, 0) AS coming,
               -- The account's word counts before its plan's, that before the mode of the ledger.
               CASE coalesce(a.mode_override, p.mode_override) WHEN 'shadow' THEN true WHEN 'enforce' THEN false
                    ELSE q.shadow END AS lenient,
               h.id IS NOT NULL AS known, h.granted AS old_granted, h.model AS old_model, h.markup_percent AS old_markup, h.placed_by AS old_placed_by,
               coalesce(h.person_id, h.account_id) AS old_person_id, h.account_id AS old_payer,
               e.hold_id IS NOT NULL AS ended,
               d.reason AS old_reason, d.posted AS old_posted, d.held AS old_held,
               d.overdraft AS old_overdraft, d.account_version AS old_version, d.others AS old_others
        FROM unnest(p_ids, p_accounts, p_clients, p_routes, p_models, p_wants, p_targets, p_minimums, p_shadow,
                    p_smalls, p_shares, p_most_open, p_cheaper, p_prices, p_markups, p_lines)
             WITH ORDINALITY AS q (id, account_id, client_id, route, model, want, target, minimum, shadow,
                                   small, share, most_open, cheaper, price_version, markup, line, n)
        JOIN account AS a ON a.id = q.account_id
        LEFT JOIN plan AS p ON p.id = a.plan_id
        LEFT JOIN hold AS h ON h.id = q.id
        LEFT JOIN hold_close AS e ON e.hold_id = q.id
        LEFT JOIN decision AS d ON d.hold_id = q.id
        ORDER BY q.n
    LOOP
        k := array_position(ids, r.account_id);
        o_id := r.id; o_reason := NULL; o_granted := NULL; o_shadow := r.lenient; o_payer := r.account_id;
        o_posted := posteds[k]; o_held := helds[k]; o_overdraft := overdrafts[k]; o_version := versions[k];
        o_status_at := r.status_at; o_others := NULL; o_model := NULL; o_markup := r.markup; o_low := NULL; under := '{}';

        IF r.ended OR r.old_placed_by = 'report' OR r.old_person_id <> r.account_id THEN
            o_result := 'closed';
        ELSIF r.known THEN
            o_result := 'replay'; o_granted := r.old_granted; o_payer := r.old_payer; o_markup := r.old_markup;
            o_model := CASE WHEN r.old_model <> r.model THEN r.old_model END;
        ELSIF r.old_reason IS NOT NULL THEN
            o_result := 'refused'; o_reason := r.old_reason;
            o_posted := r.old_posted; o_held := r.old_held;
            o_overdraft := r.old_overdraft; o_version := r.old_version; o_others := r.old_others;
        ELSIF statuses[k] <> 'active' THEN
            o_result := 'refused'; o_reason := 'account_suspended';
        ELSE
            IF r.most_open IS NOT NULL THEN
                SELECT count(*) INTO open_n FROM hold_open AS x WHERE x.person_id = r.account_id;
            END IF;
            -- What costs nothing takes nobody's room.
            IF r.most_open IS NOT NULL AND open_n >= r.most_open AND r.want > 0 THEN
                o_reason := 'credit_in_flight';
                o_others := jsonb_build_array(jsonb_build_object('role', 'open_holds', 'open', open_n, 'limit', r.most_open));
            ELSIF shared THEN
                SELECT x.* INTO over_all FROM decide_over(r.account_id, r.pool_first, r.want, r.target, r.minimum, r.small, r.share,
                                                   ids, posteds, helds, overdrafts, statuses, versions) AS x;
                o_granted := over_all.granted; o_reason := over_all.reason; o_others := over_all.others;
                o_payer := coalesce(over_all.payer, r.account_id); under := coalesce(over_all.caps, '{}');
            ELSE
                o_granted := grant_amount(o_posted + o_overdraft - o_held, r.want, r.target, r.minimum, r.small, r.share);
                -- With nothing in flight the same request would have been granted: say so.
                IF o_granted IS NULL THEN
                    o_reason := CASE WHEN o_held > 0 AND grant_amount(o_posted + o_overdraft, r.want, r.target, r.minimum,
                                                                      r.small, r.share) IS NOT NULL
                                THEN 'credit_in_flight' ELSE 'insufficient_credit' END;
                END IF;
            END IF;
            -- The policy names a cheaper model that would do as well.
            IF o_granted IS NULL AND r.cheaper IS NOT NULL AND (r.most_open IS NULL OR open_n < r.most_open) THEN
                SELECT x.* INTO over_all
                FROM jsonb_to_record(r.cheaper) AS c (model text, want bigint, target bigint, minimum bigint)
                CROSS JOIN LATERAL decide_over(r.account_id, r.pool_first, c.want, c.target, c.minimum, r.small, r.share,
                                               ids, posteds, helds, overdrafts, statuses, versions) AS x;
                IF over_all.granted IS NOT NULL AND r.lenient THEN
                    -- Shadow alters no call; that enforcement would have answered all the same is written beside it.
                    o_others := coalesce(o_others, '[]') || jsonb_build_array(jsonb_build_object(
                                    'role', 'cheaper', 'model', r.cheaper ->> 'model'));
                ELSIF over_all.granted IS NOT NULL THEN
                    o_granted := over_all.granted; o_reason := NULL; o_others := over_all.others;
                    o_payer := over_all.payer; under := over_all.caps; o_model := r.cheaper ->> 'model';
                END IF;
            END IF;
            o_result := CASE WHEN o_granted IS NULL THEN 'refused' ELSE 'placed' END;
        END IF;

        IF o_result = 'placed' THEN
            k := array_position(ids, o_payer);
            INSERT INTO hold (id, account_id, person_id, client_id, route, model, granted, want, target, minimum,
                              account_version, placed_by, caps, others, small_percent, share_percent, price_version, markup_percent)
            SELECT r.id, o_payer, r.account_id, r.client_id, r.route, x.model, o_granted, x.want, x.target, x.minimum,
                   versions[k], 'authz', under, o_others, r.small, r.share, r.price_version, r.markup
            FROM jsonb_to_record(CASE WHEN o_model IS NULL THEN jsonb_build_object(
                     'model', r.model, 'want', r.want, 'target', r.target, 'minimum', r.minimum) ELSE r.cheaper END)
                 AS x (model text, want bigint, target bigint, minimum bigint)
            ON CONFLICT DO NOTHING;
            IF FOUND THEN
                INSERT INTO hold_open (hold_id, account_id, person_id, amount, granted, deadline_at)
                VALUES (r.id, o_payer, r.account_id, o_granted, o_granted, now() + make_interval(secs => p_deadline_s));
                helds[k] := helds[k] + o_granted;
                versions[k] := versions[k] + 1;
                FOREACH cap_id IN ARRAY under LOOP
                    c := array_position(ids, cap_id);
                    helds[c] := helds[c] + o_granted;
                    versions[c] := versions[c] + 1;
                END LOOP;
            ELSE    -- a report of this very call came first, between the look and the insert
                o_result := 'closed'; o_granted := NULL;
            END IF;
        ELSIF o_result = 'refused' AND r.old_reason IS NULL THEN
            INSERT INTO decision (hold_id, account_id, client_id, kind, reason, model, want, target, minimum,
                                  posted, held, overdraft, account_version, others, small_percent, share_percent, price_version)
            VALUES (r.id, r.account_id, r.client_id, CASE WHEN r.lenient THEN 'would_refuse' ELSE 'refuse' END,
                    o_reason, r.model, r.want, r.target, r.minimum, o_posted, o_held, o_overdraft, o_version, o_others,
                    r.small, r.share, r.price_version)
            ON CONFLICT DO NOTHING;
        END IF;
        IF r.line AND r.zone IS NOT NULL AND NOT r.lenient AND o_result IN ('placed', 'replay')
           AND o_posted < percent_of(r.plan_allowance, 20) AND NOT r.account_id = ANY (told) THEN
            o_low := low_credit(r.account_id, r.id, o_posted, r.plan_allowance, r.coming, r.plan_ends_at, r.zone, r.line_on, r.line_hold);
            IF o_low IS NOT NULL THEN told := told || r.account_id; END IF;
        END IF;
        RETURN NEXT;
    END LOOP;

    UPDATE account AS a SET held = x.held, version = a.version + x.version - x.before
    FROM unnest(ids, helds, versions, before) AS x (id, held, version, before)
    WHERE a.id = x.id AND x.version > x.before;
END
$$;
