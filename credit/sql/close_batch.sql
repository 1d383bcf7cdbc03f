-- close_batch: end holds with the outcome that the evidence gives, in one statement.
-- Why: the rule (accounting/settling/outcome.py) is decided outside without locks; records_seen proves that nothing came in between.
-- Keys: hold_close.hold_id (closed once, for ever); transfer_one_estimate (one estimate a hold).
-- Arguments: p_closes: [{hold_id, outcome, reason, estimate, records_seen}]; estimate in nano-USD, 0: none.
-- Result: one row per hold that this call closed; the others were closed before or have newer evidence.
CREATE OR REPLACE FUNCTION close_batch(p_closes jsonb)
RETURNS TABLE (o_hold_id uuid, o_captured bigint, o_overage bigint)
LANGUAGE plpgsql AS $$
DECLARE
    c         record;
    provider  bigint := (SELECT a.id FROM account AS a WHERE a.kind = 'provider');
    ready     uuid[];
    moved     bigint;
    spared    bigint;
BEGIN
    -- Lock order, the same in every function of the ledger: account, then hold_open.
    PERFORM FROM account AS a
    WHERE a.id IN (SELECT unnest(h.account_id || h.caps) FROM jsonb_to_recordset(p_closes) AS g (hold_id uuid)
                   JOIN hold AS h ON h.id = g.hold_id)
    ORDER BY a.id FOR NO KEY UPDATE;
    -- While they are open still, these holds spare what they reserve of grants that expired meanwhile.
    PERFORM settle_due(a.id) FROM account AS a
    WHERE a.due_at <= ledger_now()
      AND a.id IN (SELECT unnest(h.account_id || h.caps) FROM jsonb_to_recordset(p_closes) AS g (hold_id uuid)
                   JOIN hold AS h ON h.id = g.hold_id);
    PERFORM FROM hold_open AS o
    WHERE o.hold_id IN (SELECT g.hold_id FROM jsonb_to_recordset(p_closes) AS g (hold_id uuid))
    ORDER BY o.hold_id FOR UPDATE;
    SELECT array_agg(g.hold_id) INTO ready
    FROM jsonb_to_recordset(p_closes) AS g (hold_id uuid, records_seen bigint)
    JOIN hold_open AS o ON o.hold_id = g.hold_id
    WHERE g.records_seen = (SELECT count(*) FROM call_record AS r WHERE r.hold_id = g.hold_id);

    FOR c IN
        SELECT o.*, h.placed_by, h.caps, g.outcome, g.reason, g.estimate
        FROM jsonb_to_recordset(p_closes) AS g (hold_id uuid, outcome text, reason text, estimate bigint)
        JOIN hold_open AS o ON o.hold_id = g.hold_id
        JOIN hold AS h ON h.id = o.hold_id
        WHERE o.hold_id = ANY (ready) ORDER BY o.hold_id
    LOOP
        DELETE FROM hold_open AS o WHERE o.hold_id = c.hold_id;
        moved := NULL;
        IF c.estimate > 0 THEN
            INSERT INTO transfer (debit_account, credit_account, amount, kind, hold_id, actor, reason, event_at)
            VALUES (c.account_id, provider, c.estimate, 'estimate', c.hold_id, 'accounting', c.reason, now())
            RETURNING id INTO moved;
            PERFORM take_from_grants(c.account_id, moved, c.estimate, c.hold_id);
        END IF;
        PERFORM count_under_caps(c.caps, moved, c.estimate, c.amount);
        spared := release_spared(c.account_id, c.hold_id);
        o_hold_id := c.hold_id;
        o_captured := c.captured + c.estimate;
        -- A call that nobody held for (mode off, or what shadow would have refused) exceeds nothing.
        o_overage := CASE WHEN c.placed_by <> 'report' THEN greatest(o_captured - c.granted, 0) ELSE 0 END;
        INSERT INTO hold_close (hold_id, outcome, reason, granted, captured, overage)
        VALUES (c.hold_id, c.outcome, c.reason, c.granted, o_captured, o_overage);
        UPDATE account AS a SET posted = a.posted - c.estimate - spared, held = a.held - c.amount, version = a.version + 1
        WHERE a.id = c.account_id;
        RETURN NEXT;
    END LOOP;
END
$$;
