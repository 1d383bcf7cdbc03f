-- place_bounded: place, by id, what a replica of authz granted while Postgres was away.
-- Why: those calls run or have run; their credit must be reserved before anything new is decided, even
--      where it exceeds what is available (the replica's cap bounds by how much, protocol.md 6).
-- Keys: hold.id. Sending it again, or after a report of the same call, changes nothing.
-- Arguments: p_places: [{id, account_id, person_id, client_id, route, model, granted, want, target, minimum}], nano-USD;
--      account_id: who pays, person_id: whose call it is (absent: the same); p_deadline_s as for place_batch.
-- Result: one row per id: placed | replay (known already) | unknown (no such account: a person must look).
-- The hold counts under the caps that are in force for the person and the payer now, whatever the replica knew of them.
CREATE OR REPLACE FUNCTION place_bounded(p_places jsonb, p_deadline_s integer)
RETURNS TABLE (o_id uuid, o_result text) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    r       record;
    a       account%ROWTYPE;
    locked  bigint[];
    under   bigint[];
BEGIN
    SELECT array_agg(q.id) INTO locked FROM (
        SELECT unnest(ARRAY[g.account_id, g.person_id]) AS id
        FROM jsonb_to_recordset(p_places) AS g (account_id bigint, person_id bigint)
        UNION
        SELECT l.account_id FROM jsonb_to_recordset(p_places) AS g (account_id bigint, person_id bigint)
        JOIN cap AS l ON l.ended_at IS NULL AND (l.owner_id = coalesce(g.person_id, g.account_id) OR l.owner_id IS NULL)
                     AND (l.pool_id = g.account_id OR l.pool_id IS NULL)) AS q;
    -- Lock order, the same in every function of the ledger: account by id, keys by id, hold_open by id.
    PERFORM FROM account AS x WHERE x.id = ANY (locked) ORDER BY x.id FOR NO KEY UPDATE;
    -- A cap's period may have ended in the outage; so may what the payer has.
    PERFORM settle_due(x.id) FROM (SELECT y.id FROM account AS y WHERE y.id = ANY (locked) ORDER BY y.id) AS x;

    FOR r IN
        SELECT DISTINCT ON (g.id) g.*, coalesce(g.person_id, g.account_id) AS person FROM jsonb_to_recordset(p_places) AS g (
            id uuid, account_id bigint, person_id bigint, client_id text, route text, model text,
            granted bigint, want bigint, target bigint, minimum bigint,
            price_version bigint, markup_percent integer)
        ORDER BY g.id
    LOOP
        o_id := r.id;
        SELECT x.* INTO a FROM account AS x WHERE x.id = r.account_id;
        IF NOT FOUND OR NOT EXISTS (SELECT FROM account AS x WHERE x.id = r.person) THEN
            o_result := 'unknown'; RETURN NEXT; CONTINUE;
        END IF;
        under := ARRAY(SELECT l.account_id FROM cap AS l
                       WHERE (l.owner_id = r.person OR l.owner_id IS NULL) AND l.ended_at IS NULL
                         AND (l.pool_id = r.account_id OR l.pool_id IS NULL)
                         AND l.account_id = ANY (locked)    -- one that was set meanwhile is not ours to write
                       ORDER BY l.account_id);
        INSERT INTO hold (id, account_id, person_id, client_id, route, model, granted, want, target, minimum,
                          account_version, placed_by, caps, price_version, markup_percent)
        VALUES (r.id, r.account_id, r.person, r.client_id, r.route, r.model, r.granted, r.want, r.target, r.minimum,
                a.version, 'bounded', under, r.price_version, coalesce(r.markup_percent, 0))
        ON CONFLICT DO NOTHING;
        o_result := CASE WHEN FOUND THEN 'placed' ELSE 'replay' END;
        IF o_result = 'placed' THEN
            INSERT INTO hold_open (hold_id, account_id, person_id, amount, granted, deadline_at)
            VALUES (r.id, r.account_id, r.person, r.granted, r.granted, now() + make_interval(secs => p_deadline_s));
            UPDATE account AS x SET held = x.held + r.granted, version = x.version + 1
            WHERE x.id = r.account_id OR x.id = ANY (under);
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
