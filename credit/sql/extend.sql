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
    goal  bigint;
    total bigint;
BEGIN
    -- Lock order, the same in every function of the ledger: account, then hold_open.
    SELECT x.* INTO a FROM account AS x
    WHERE x.id = (SELECT h.account_id FROM hold AS h WHERE h.id = p_hold) FOR NO KEY UPDATE;
    SELECT x.* INTO o FROM hold_open AS x WHERE x.hold_id = p_hold FOR UPDATE;
    -- No account: the hold was placed between these two statements (bounded), and nothing of it is locked.
    IF NOT FOUND OR a.id IS NULL THEN
        o_result := 'closed'; RETURN NEXT; RETURN;
    END IF;
    SELECT greatest(p_minimum, h.target) INTO goal FROM hold AS h WHERE h.id = p_hold;
    o_posted := a.posted; o_held := a.held - o.amount; o_overdraft := a.overdraft;

    -- The hold's own grant counts as available to it: the rule is applied to the whole, once.
    total := CASE WHEN a.status <> 'active' THEN NULL
             WHEN o.granted >= p_want THEN o.granted
             ELSE grant_amount(a.posted + a.overdraft - a.held + o.granted, p_want, goal, p_minimum) END;
    IF total IS NULL THEN
        o_result := 'refused';
        o_granted := o.granted;
        o_reason := CASE
            WHEN a.status <> 'active' THEN 'account_suspended'
            WHEN o_held > 0 AND p_minimum <= a.posted + a.overdraft THEN 'credit_in_flight'
            WHEN a.posted + a.overdraft <= 0 THEN 'insufficient_credit'
            ELSE 'request_too_large_for_balance' END;
        -- Written where it is decided, with its figures: o_held are the account's other holds.
        INSERT INTO decision (hold_id, account_id, client_id, kind, reason, model, want, target, minimum,
                              posted, held, own_held, own_granted, overdraft, account_version)
        SELECT h.id, h.account_id, h.client_id, 'refuse', o_reason, h.model, p_want, goal, p_minimum,
               o_posted, o_held, o.amount, o.granted, o_overdraft, a.version
        FROM hold AS h WHERE h.id = p_hold
        ON CONFLICT DO NOTHING;
        RETURN NEXT; RETURN;
    END IF;
    total := greatest(total, o.granted);
    UPDATE hold_open AS x SET amount = x.amount + total - o.granted, granted = total WHERE x.hold_id = p_hold;
    UPDATE account AS x SET held = x.held + total - o.granted, version = x.version + 1
    WHERE x.id = a.id AND total > o.granted;
    o_result := 'extended'; o_granted := total;
    RETURN NEXT;
END
$$;
