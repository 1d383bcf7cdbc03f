-- place_bounded: place, by id, what a replica of authz granted while Postgres was away.
-- Why: those calls run or have run; their credit must be reserved before anything new is decided, even
--      where it exceeds what is available (the replica's cap bounds by how much, protocol.md 6).
-- Keys: hold.id. Sending it again, or after a report of the same call, changes nothing.
-- Arguments: p_places: [{id, account_id, client_id, route, model, granted, want, target, minimum}], nano-USD;
--      p_deadline_s as for place_batch.
-- Result: one row per id: placed | replay (known already) | unknown (no such account: a person must look).
CREATE OR REPLACE FUNCTION place_bounded(p_places jsonb, p_deadline_s integer)
RETURNS TABLE (o_id uuid, o_result text) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    r  record;
    a  account%ROWTYPE;
BEGIN
    -- Lock order, the same in every function of the ledger: account by id, keys by id, hold_open by id.
    PERFORM FROM account AS x
    WHERE x.id IN (SELECT g.account_id FROM jsonb_to_recordset(p_places) AS g (account_id bigint))
    ORDER BY x.id FOR NO KEY UPDATE;

    FOR r IN
        SELECT DISTINCT ON (g.id) g.* FROM jsonb_to_recordset(p_places) AS g (
            id uuid, account_id bigint, client_id text, route text, model text,
            granted bigint, want bigint, target bigint, minimum bigint,
            price_version bigint, markup_percent integer)
        ORDER BY g.id
    LOOP
        o_id := r.id;
        PERFORM settle_due(r.account_id);
        SELECT x.* INTO a FROM account AS x WHERE x.id = r.account_id;
        IF NOT FOUND THEN
            o_result := 'unknown'; RETURN NEXT; CONTINUE;
        END IF;
        INSERT INTO hold (id, account_id, person_id, client_id, route, model, granted, want, target, minimum,
                          account_version, placed_by, price_version, markup_percent)
        VALUES (r.id, r.account_id, r.account_id, r.client_id, r.route, r.model, r.granted, r.want, r.target, r.minimum,
                a.version, 'bounded', r.price_version, coalesce(r.markup_percent, 0))
        ON CONFLICT DO NOTHING;
        o_result := CASE WHEN FOUND THEN 'placed' ELSE 'replay' END;
        IF o_result = 'placed' THEN
            INSERT INTO hold_open (hold_id, account_id, person_id, amount, granted, deadline_at)
            VALUES (r.id, r.account_id, r.account_id, r.granted, r.granted, now() + make_interval(secs => p_deadline_s));
            UPDATE account AS x SET held = x.held + r.granted, version = x.version + 1 WHERE x.id = a.id;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
