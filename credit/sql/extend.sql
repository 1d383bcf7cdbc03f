-- extend_hold: raise an open hold so that the body, measured inside LiteLLM, is covered.
-- Why: the door sizes holds without seeing the body; only the ledger may say that credit is short.
-- Keys: hold_open.hold_id. Totals, not increments: calling it twice changes nothing the second time.
-- Arguments: p_want total wished, p_minimum total without which the call makes no sense, nano-USD.
-- Result: extended(granted total) | refused(reason, figures; journalled in decision) | closed.
CREATE OR REPLACE FUNCTION extend_hold(p_hold uuid, p_want bigint, p_minimum bigint)
RETURNS TABLE (o_result text, o_reason text, o_granted bigint, o_posted bigint, o_held bigint, o_overdraft bigint)
LANGUAGE plpgsql AS $$
DECLARE
    o     hold_open%ROWTYPE;
    a     account%ROWTYPE;
    h     hold%ROWTYPE;
    p     account%ROWTYPE;  -- whose call it is, where another account pays for it
    free  bigint;      -- what the hold may have in all: of its payer, within each of its caps
    owned bigint;      -- the same with nothing else in flight
    goal  bigint;
    total bigint;
BEGIN
    SELECT x.* INTO h FROM hold AS x WHERE x.id = p_hold;
    -- Lock order, the same in every function of the ledger: accounts by id, then hold_open.
    PERFORM FROM account AS x WHERE x.id = ANY (h.account_id || h.caps) ORDER BY x.id FOR NO KEY UPDATE;
    PERFORM settle_due(x.id) FROM account AS x WHERE x.id = ANY (h.account_id || h.caps) AND x.due_at <= ledger_now();
    SELECT x.* INTO a FROM account AS x WHERE x.id = h.account_id;
    -- Of a pool's credit too: a suspended person gets no more of it.
    SELECT x.* INTO p FROM account AS x WHERE x.id = h.person_id AND x.id <> h.account_id;
    IF a.status = 'active' THEN
        a.status := coalesce(p.status, a.status);
    END IF;
    SELECT x.* INTO o FROM hold_open AS x WHERE x.hold_id = p_hold FOR UPDATE;
    -- No hold: it was placed between these two statements (bounded), and nothing of it is locked.
    IF NOT FOUND OR h.id IS NULL THEN
        o_result := 'closed'; RETURN NEXT; RETURN;
    END IF;
    goal := greatest(p_minimum, h.target);
    o_posted := a.posted; o_held := a.held - o.amount; o_overdraft := a.overdraft;
    SELECT least(a.posted + a.overdraft - a.held, min(x.posted - x.held)) + o.granted,
           least(a.posted + a.overdraft, min(x.posted)) INTO free, owned
    FROM account AS x WHERE x.id = ANY (h.caps);

    -- The hold's own grant counts as available to it: the rule is applied to the whole, once.
    total := CASE WHEN a.status <> 'active' THEN NULL
             WHEN o.granted >= p_want THEN o.granted
             ELSE grant_amount(free, p_want, goal, p_minimum, h.small_percent, h.share_percent) END;
    IF total IS NULL THEN
        o_result := 'refused';
        o_granted := o.granted;
        o_reason := CASE
            WHEN a.status <> 'active' THEN 'account_suspended'
            WHEN free < owned + o.granted - o.amount AND p_minimum <= owned THEN 'credit_in_flight'
            WHEN p_minimum <= a.posted + a.overdraft THEN 'cap_reached'
            WHEN a.posted + a.overdraft <= 0 THEN 'insufficient_credit'
            ELSE 'request_too_large_for_balance' END;
        -- Written where it is decided, with its figures: o_held are the account's other holds.
        INSERT INTO decision (hold_id, account_id, client_id, kind, reason, model, want, target, minimum,
                              posted, held, own_held, own_granted, overdraft, account_version,
                              others, small_percent, share_percent, price_version)
        SELECT h.id, h.account_id, h.client_id, 'refuse', o_reason, h.model, p_want, goal, p_minimum,
               o_posted, o_held, o.amount, o.granted, o_overdraft, a.version,
               (SELECT jsonb_agg(e.said ORDER BY e.id) FROM (
                    SELECT x.id, jsonb_build_object('id', x.id, 'role', 'cap', 'posted', x.posted, 'held', x.held - o.amount,
                                                    'overdraft', 0, 'version', x.version, 'status', x.status)
                                 || CASE WHEN l.source = 'self' THEN jsonb_build_object('chosen', l.period) ELSE '{}' END AS said
                    FROM account AS x JOIN cap AS l ON l.account_id = x.id WHERE x.id = ANY (h.caps)
                    UNION ALL
                    SELECT p.id, jsonb_build_object('id', p.id, 'role', 'person', 'version', p.version, 'status', p.status)
                    WHERE p.status <> 'active') AS e),
               h.small_percent, h.share_percent, h.price_version
        ON CONFLICT DO NOTHING;
        RETURN NEXT; RETURN;
    END IF;
    total := greatest(total, o.granted);
    UPDATE hold_open AS x SET amount = x.amount + total - o.granted, granted = total WHERE x.hold_id = p_hold;
    UPDATE account AS x SET held = x.held + total - o.granted, version = x.version + 1
    WHERE x.id = ANY (h.account_id || h.caps) AND total > o.granted;
    o_result := 'extended'; o_granted := total;
    RETURN NEXT;
END
$$;
