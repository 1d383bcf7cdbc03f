-- grants: what an account's credit is made of, and how it burns, expires and comes back.
-- Why: posted alone cannot say which credit ends with November. Every function here works under the lock of the
--      account, which its caller holds; it returns by how much posted changes, and the caller writes that once.
-- Keys: credit_grant.id, credit_grant.request_id (granted once). Amounts in nano-USD.
-- Invariant: posted = what remains of the account's grants - debt; a debt stands only where nothing active remains.

-- The ledger's clock: the database's. Tests replace this one function to move it.
CREATE OR REPLACE FUNCTION ledger_now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT now()';

-- burn_active: take an amount from the grants that are active, in burn order, as far as they reach.
CREATE OR REPLACE FUNCTION burn_active(p_account bigint, p_transfer bigint, p_amount bigint, p_kind text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    g     record;
    rest  bigint := p_amount;
    part  bigint;
BEGIN
    WHILE rest > 0 LOOP
        SELECT x.id, x.remaining INTO g FROM credit_grant AS x
        WHERE x.account_id = p_account AND x.open ORDER BY x.priority, x.valid_until, x.id LIMIT 1;
        EXIT WHEN NOT FOUND;
        part := least(rest, g.remaining);
        UPDATE credit_grant AS x SET remaining = x.remaining - part, open = x.remaining > part WHERE x.id = g.id;
        INSERT INTO grant_entry (grant_id, transfer_id, kind, amount) VALUES (g.id, p_transfer, p_kind, -part);
        rest := rest - part;
    END LOOP;
END
$$;

-- take_from_grants: burn `p_amount` for a charge, first what was spared for its hold, then in burn order.
-- What no grant covers is debt: the next grant pays it first.
CREATE OR REPLACE FUNCTION take_from_grants(p_account bigint, p_transfer bigint, p_amount bigint, p_hold uuid)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    g     record;
    rest  bigint := p_amount;
    part  bigint;
BEGIN
    FOR g IN SELECT s.grant_id, s.amount FROM hold_spared AS s JOIN credit_grant AS x ON x.id = s.grant_id
             WHERE s.hold_id = p_hold ORDER BY x.priority, x.valid_until NULLS LAST, x.id
    LOOP
        EXIT WHEN rest = 0;
        part := least(rest, g.amount);
        IF part = g.amount THEN
            DELETE FROM hold_spared AS s WHERE s.hold_id = p_hold AND s.grant_id = g.grant_id;
        ELSE
            UPDATE hold_spared AS s SET amount = s.amount - part WHERE s.hold_id = p_hold AND s.grant_id = g.grant_id;
        END IF;
        UPDATE credit_grant AS x SET remaining = x.remaining - part WHERE x.id = g.grant_id;
        INSERT INTO grant_entry (grant_id, transfer_id, kind, amount) VALUES (g.grant_id, p_transfer, 'burn', -part);
        rest := rest - part;
    END LOOP;
    PERFORM burn_active(p_account, p_transfer, rest, 'burn');
END
$$;

-- open_grant: post a grant whose time has come, paying a debt first. Returns what posted rises by.
CREATE OR REPLACE FUNCTION open_grant(p_grant bigint, p_posted bigint, p_at timestamptz)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    g     credit_grant%ROWTYPE;
    moved bigint;
    debt  bigint;
BEGIN
    SELECT x.* INTO g FROM credit_grant AS x WHERE x.id = p_grant;
    SELECT least(g.amount, coalesce(sum(x.remaining), 0)::bigint - p_posted) INTO debt
    FROM credit_grant AS x WHERE x.account_id = g.account_id AND x.remaining > 0;
    INSERT INTO transfer (debit_account, credit_account, amount, kind, actor, reason, request_id, event_at)
    SELECT f.id, g.account_id, g.amount, 'grant', g.actor, g.reason, g.request_id, p_at
    FROM account AS f WHERE f.kind = 'funding' RETURNING id INTO moved;
    INSERT INTO grant_entry (grant_id, transfer_id, kind, amount) VALUES (g.id, moved, 'opened', g.amount);
    IF debt > 0 THEN
        INSERT INTO grant_entry (grant_id, transfer_id, kind, amount) VALUES (g.id, moved, 'debt', -debt);
    ELSE
        debt := 0;
    END IF;
    UPDATE credit_grant AS x SET state = 'active', remaining = g.amount - debt, open = g.amount > debt WHERE x.id = g.id;
    RETURN g.amount;
END
$$;

-- restore_to_grants: a reversal gives back what its transfer burned. To a grant that has ended: spared for the hold,
-- whose actual figure takes it first. What no grant can be named for, and no debt is left to take, is a new grant.
CREATE OR REPLACE FUNCTION restore_to_grants(p_account bigint, p_reversed bigint, p_reversal bigint, p_hold uuid, p_posted bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    g        record;
    surplus  bigint;
    made     bigint;
BEGIN
    -- A grant that was used up has not expired by its day: nothing was left to expire. Here something comes back.
    FOR g IN SELECT e.grant_id, -sum(e.amount)::bigint AS amount,
                    CASE WHEN x.state = 'active' AND x.valid_until <= ledger_now() THEN 'expired' ELSE x.state END AS state
             FROM grant_entry AS e JOIN credit_grant AS x ON x.id = e.grant_id
             WHERE e.transfer_id = p_reversed AND e.kind = 'burn' GROUP BY e.grant_id, x.id ORDER BY e.grant_id
    LOOP
        UPDATE credit_grant AS x SET remaining = x.remaining + g.amount, state = g.state, open = g.state = 'active'
        WHERE x.id = g.grant_id;
        INSERT INTO grant_entry (grant_id, transfer_id, kind, amount) VALUES (g.grant_id, p_reversal, 'restore', g.amount);
        IF g.state <> 'active' THEN
            INSERT INTO hold_spared AS s (hold_id, grant_id, amount) VALUES (p_hold, g.grant_id, g.amount)
            ON CONFLICT (hold_id, grant_id) DO UPDATE SET amount = s.amount + excluded.amount;
        END IF;
    END LOOP;
    SELECT p_posted - coalesce(sum(x.remaining), 0)::bigint INTO surplus
    FROM credit_grant AS x WHERE x.account_id = p_account AND x.remaining > 0;
    IF surplus > 0 THEN
        INSERT INTO credit_grant (account_id, source, amount, remaining, valid_from, state, open, actor, reason)
        VALUES (p_account, 'correction', surplus, surplus, ledger_now(), 'active', true, 'accounting', 'paid a debt that was reversed')
        RETURNING id INTO made;
        INSERT INTO grant_entry (grant_id, transfer_id, kind, amount) VALUES (made, p_reversal, 'opened', surplus);
    ELSE    -- of another call's debt: what came back pays it first
        PERFORM burn_active(p_account, p_reversal, -surplus, 'debt');
    END IF;
    UPDATE account AS a SET due_at = next_due(p_account, a.plan_ends_at) WHERE a.id = p_account;
END
$$;

-- release_spared: what a closed hold did not use of grants that had ended goes the way they went.
-- Returns what posted falls by.
CREATE OR REPLACE FUNCTION release_spared(p_account bigint, p_hold uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    g      record;
    total  bigint := 0;
    moved  bigint;
BEGIN
    FOR g IN DELETE FROM hold_spared AS s USING credit_grant AS x
             WHERE s.hold_id = p_hold AND x.id = s.grant_id RETURNING s.grant_id, s.amount, x.state
    LOOP
        moved := end_transfer(p_account, g.amount, g.state, 'accounting', 'not used by a hold', ledger_now(), p_hold);
        UPDATE credit_grant AS x SET remaining = x.remaining - g.amount WHERE x.id = g.grant_id;
        INSERT INTO grant_entry (grant_id, transfer_id, kind, amount)
        VALUES (g.grant_id, moved, CASE g.state WHEN 'revoked' THEN 'revocation' ELSE 'expiry' END, -g.amount);
        total := total + g.amount;
    END LOOP;
    RETURN total;
END
$$;

-- end_transfer: expired credit goes to breakage, revoked credit back to funding. Returns the transfer.
CREATE OR REPLACE FUNCTION end_transfer(
    p_account bigint, p_amount bigint, p_state text, p_actor text, p_reason text, p_at timestamptz, p_hold uuid)
RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO transfer (debit_account, credit_account, amount, kind, actor, reason, event_at, hold_id)
    SELECT p_account, x.id, p_amount, CASE p_state WHEN 'revoked' THEN 'revocation' ELSE 'expiry' END,
           p_actor, p_reason, p_at, p_hold
    FROM account AS x WHERE x.kind = CASE p_state WHEN 'revoked' THEN 'funding' ELSE 'breakage' END
    RETURNING id
$$;

-- spare_holds: what open holds reserve of grants that end. The holds, in the order of their placing, are laid over the
-- account's grants in burn order, as if all were charged in full now.
CREATE OR REPLACE FUNCTION spare_holds(p_account bigint, p_grants bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    ids    bigint[];
    rests  bigint[];
    i      integer := 1;
    o      record;
    need   bigint;
    part   bigint;
BEGIN
    SELECT array_agg(x.id ORDER BY x.priority, x.valid_until, x.id),
           array_agg(x.remaining ORDER BY x.priority, x.valid_until, x.id) INTO ids, rests
    FROM credit_grant AS x WHERE x.account_id = p_account AND x.open;
    FOR o IN SELECT p.hold_id, p.amount - coalesce((SELECT sum(s.amount) FROM hold_spared AS s
                                                    WHERE s.hold_id = p.hold_id), 0)::bigint AS need
             FROM hold_open AS p JOIN hold AS h ON h.id = p.hold_id
             WHERE p.account_id = p_account AND p.amount > 0 ORDER BY h.placed_at, h.id
    LOOP
        need := o.need;
        WHILE need > 0 AND i <= cardinality(ids) LOOP
            part := least(need, rests[i]);
            IF part > 0 AND ids[i] = ANY (p_grants) THEN
                INSERT INTO hold_spared (hold_id, grant_id, amount) VALUES (o.hold_id, ids[i], part);
            END IF;
            need := need - part; rests[i] := rests[i] - part;
            IF rests[i] = 0 THEN i := i + 1; END IF;
        END LOOP;
    END LOOP;
END
$$;

-- end_grants: grants of one account expire or are revoked, but for what was spared of them.
-- p_carry: so much of the rest stays with the account, for the caller to roll over.
-- Returns what posted falls by (the carry not counted).
CREATE OR REPLACE FUNCTION end_grants(
    p_account bigint, p_grants bigint[], p_state text, p_carry bigint, p_actor text, p_reason text, p_at timestamptz)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    g      record;
    part   bigint;
    carry  bigint := p_carry;
    total  bigint := 0;
BEGIN
    FOR g IN SELECT x.id, x.remaining - coalesce((SELECT sum(s.amount) FROM hold_spared AS s
                                                  WHERE s.grant_id = x.id), 0)::bigint AS rest
             FROM credit_grant AS x WHERE x.id = ANY (p_grants) ORDER BY x.priority, x.valid_until, x.id
    LOOP
        part := least(carry, g.rest);
        IF part > 0 THEN
            INSERT INTO grant_entry (grant_id, kind, amount) VALUES (g.id, 'rollover', -part);
            carry := carry - part;
        END IF;
        IF g.rest > part THEN
            INSERT INTO grant_entry (grant_id, transfer_id, kind, amount)
            VALUES (g.id, end_transfer(p_account, g.rest - part, p_state, p_actor, p_reason, p_at, NULL),
                    CASE p_state WHEN 'revoked' THEN 'revocation' ELSE 'expiry' END, part - g.rest);
            total := total + g.rest - part;
        END IF;
        UPDATE credit_grant AS x SET remaining = x.remaining - g.rest, state = p_state, open = false WHERE x.id = g.id;
    END LOOP;
    RETURN total;
END
$$;

-- given_of: what a grant gave for good, without what was taken back of it by hand.
CREATE OR REPLACE FUNCTION given_of(g credit_grant) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN g.state = 'revoked' AND NOT EXISTS (SELECT FROM grant_entry AS e WHERE e.grant_id = g.id) THEN 0
                ELSE g.amount + coalesce((SELECT sum(e.amount) FROM grant_entry AS e
                                          WHERE e.grant_id = g.id AND e.kind = 'revocation'), 0)::bigint END
$$;
