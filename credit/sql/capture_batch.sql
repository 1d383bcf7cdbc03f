-- capture_batch: make a batch of reports durable and debit each cost exactly once, in one statement.
-- Why: one statement holds its locks for its own length only, and either all of the batch is on disk or none.
-- Keys: call_record.id (a record once), usage_event.id (a debit once, for ever), hold.id.
-- Arguments: p_records: [{id, hold_id, account_id, client_id, route, model, markup_percent, kind, body, at_ms}],
--      deadline for holds that the reports bring along; p_events: [{id, hold_id, account_id, record_id, source, status,
--      provider_id, model_group, model, model_id, usage, service_tier, cost, litellm_cost, book_cost,
--      price_version, flags, event_at_ms}]. Amounts in nano-USD; cost is without the markup of the hold, which is put on here.
-- Result: one row per record (recorded | duplicate) and per event (recorded | duplicate | conflict).
-- Lock order, the same in every function of the ledger: account by id, keys by id, hold_open by id.
-- count_under_caps: a debit counts under each cap of its hold; `p_freed` of it was held there.
CREATE OR REPLACE FUNCTION count_under_caps(p_caps bigint[], p_transfer bigint, p_amount bigint, p_freed bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_caps = '{}' THEN RETURN; END IF;
    INSERT INTO cap_use (cap_id, transfer_id, period_at, amount)
    SELECT c.account_id, p_transfer, c.period_at, p_amount FROM cap AS c
    WHERE c.account_id = ANY (p_caps) AND p_transfer IS NOT NULL ORDER BY c.account_id;
    UPDATE account AS a SET posted = a.posted - p_amount, held = a.held - p_freed, version = a.version + 1
    WHERE a.id = ANY (p_caps);
END
$$;

-- count_back: what is reversed counts no more, in the period in which it counted; what is left now changes only if that is now.
CREATE OR REPLACE FUNCTION count_back(p_reversed bigint, p_transfer bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO cap_use (cap_id, transfer_id, period_at, amount)
    SELECT u.cap_id, p_transfer, u.period_at, -u.amount FROM cap_use AS u WHERE u.transfer_id = p_reversed ORDER BY u.cap_id;
    UPDATE account AS a SET posted = a.posted + u.amount, version = a.version + 1
    FROM cap_use AS u JOIN cap AS c ON c.account_id = u.cap_id AND c.period_at = u.period_at
    WHERE u.transfer_id = p_reversed AND a.id = u.cap_id;
END
$$;

CREATE OR REPLACE FUNCTION capture_batch(p_records jsonb, p_events jsonb, p_deadline_s integer)
RETURNS TABLE (o_kind text, o_id text, o_result text)
LANGUAGE plpgsql AS $$
DECLARE
    e          record;
    provider   bigint := (SELECT a.id FROM account AS a WHERE a.kind = 'provider');
    open_hold  hold_open%ROWTYPE;
    estimate   transfer%ROWTYPE;
    taken      bigint;
    new_events text[];
    moved      bigint;
    capped     bigint[];
    spared     bigint;
BEGIN
    -- Accounts first, as place_batch does: a report and a late placement of one call never wait in a circle.
    PERFORM FROM account AS a
    WHERE a.id IN (SELECT unnest(h.account_id || h.caps) FROM jsonb_to_recordset(p_events) AS g (hold_id uuid)
                   JOIN hold AS h ON h.id = g.hold_id
                   UNION ALL
                   SELECT g.account_id FROM jsonb_to_recordset(p_records) AS g (hold_id uuid, account_id bigint)
                   WHERE NOT EXISTS (SELECT FROM hold AS h WHERE h.id = g.hold_id)
                   UNION ALL
                   SELECT m.pool_id FROM jsonb_to_recordset(p_records) AS g (hold_id uuid, account_id bigint)
                   JOIN pool_member AS m ON m.account_id = g.account_id
                   WHERE NOT EXISTS (SELECT FROM hold AS h WHERE h.id = g.hold_id))
    ORDER BY a.id FOR NO KEY UPDATE;

    RETURN QUERY
    WITH given AS (
        SELECT DISTINCT ON (g.id) g.* FROM jsonb_to_recordset(p_records)
        AS g (id text, hold_id uuid, kind text, body jsonb, at_ms bigint) ORDER BY g.id),
    stored AS (
        INSERT INTO call_record (id, hold_id, kind, body, at)
        SELECT g.id, g.hold_id, g.kind, g.body, to_timestamp(g.at_ms / 1000.0) FROM given AS g ORDER BY g.id
        ON CONFLICT DO NOTHING RETURNING id)
    SELECT 'record', g.id, CASE WHEN s.id IS NULL THEN 'duplicate' ELSE 'recorded' END
    FROM given AS g LEFT JOIN stored AS s USING (id);

    -- A report may come before, or without, a placed hold (mode off or shadow, or a lost answer):
    -- the call then gets a hold that reserves nothing, so that everything after is one path.
    WITH brought AS (
        INSERT INTO hold (id, account_id, person_id, client_id, route, model, granted, want, target, minimum,
                          account_version, placed_by, markup_percent)
        -- An account that is not here (an old backup was restored): to suspense, never lost. Whoever has nothing of their
        -- own left lives on a pool, here as where a hold is placed: nobody is in debt for what the team pays.
        SELECT DISTINCT ON (g.hold_id) g.hold_id, p.id, CASE WHEN p.id <> a.id THEN a.id END, g.client_id, g.route, g.model, 0, 0, 0, 0, p.version, 'report', coalesce(g.markup_percent, 0)
        FROM jsonb_to_recordset(p_records)
             AS g (hold_id uuid, account_id bigint, client_id text, route text, model text, markup_percent integer)
        JOIN account AS a ON a.id = coalesce((SELECT x.id FROM account AS x WHERE x.id = g.account_id),
                                             (SELECT s.id FROM account AS s WHERE s.kind = 'suspense'))
        JOIN account AS p ON p.id = coalesce(
            (SELECT m.pool_id FROM pool_member AS m JOIN account AS x ON x.id = m.pool_id AND x.status = 'active'
             WHERE m.account_id = a.id AND (a.pool_first OR a.posted + a.overdraft - a.held <= 0)
             ORDER BY m.position, m.pool_id LIMIT 1), a.id)
        ORDER BY g.hold_id ON CONFLICT DO NOTHING RETURNING id, account_id, person_id)
    INSERT INTO hold_open (hold_id, account_id, person_id, amount, granted, deadline_at)
    SELECT b.id, b.account_id, b.person_id, 0, 0, now() + make_interval(secs => p_deadline_s) FROM brought AS b;

    -- A hold that was just being placed, while this waited for its key, may be of another account than its report
    -- names (suspense, without a token): that account too before anything of its holds, or a close of the hold,
    -- which has the account and wants the hold, and this would wait in a circle.
    PERFORM FROM account AS a
    WHERE a.id IN (SELECT unnest(h.account_id || h.caps) FROM jsonb_to_recordset(p_events) AS g (hold_id uuid)
                   JOIN hold AS h ON h.id = g.hold_id)
    ORDER BY a.id FOR NO KEY UPDATE;
    -- What expired is settled first, sparing what these holds reserve of it: a call of November is charged to November.
    PERFORM settle_due(a.id) FROM account AS a
    WHERE a.due_at <= ledger_now()
      AND a.id IN (SELECT unnest(h.account_id || h.caps) FROM jsonb_to_recordset(p_events) AS g (hold_id uuid)
                   JOIN hold AS h ON h.id = g.hold_id);

    WITH stored AS (
        INSERT INTO usage_event (id, hold_id, account_id, source, status, provider_id, model_group, model, model_id,
                                 usage, service_tier, cost, litellm_cost, book_cost, price_version, flags, event_at)
        SELECT g.id, g.hold_id, h.account_id, g.source, g.status, g.provider_id, g.model_group,
               g.model, g.model_id, g.usage, g.service_tier, marked_up(g.cost, h.markup_percent), g.litellm_cost, g.book_cost, g.price_version,
               ARRAY(SELECT jsonb_array_elements_text(g.flags)), to_timestamp(g.event_at_ms / 1000.0)
        -- Of two reports of one event in a batch (a spool that was replayed) the first stands, as between batches.
        FROM (SELECT DISTINCT ON (f.id) f.* FROM ROWS FROM (jsonb_to_recordset(p_events) AS (
                  id text, hold_id uuid, source text, status text, provider_id text, model_group text, model text,
                  model_id text, usage jsonb, service_tier text, cost bigint, litellm_cost bigint, book_cost bigint,
                  price_version bigint, flags jsonb, event_at_ms bigint)) WITH ORDINALITY AS f
              ORDER BY f.id, f.ordinality) AS g
        JOIN hold AS h ON h.id = g.hold_id
        ORDER BY g.id ON CONFLICT DO NOTHING RETURNING id)
    SELECT coalesce(array_agg(s.id), '{}') INTO new_events FROM stored AS s;

    PERFORM FROM hold_open AS o
    WHERE o.hold_id IN (SELECT u.hold_id FROM usage_event AS u WHERE u.id = ANY (new_events))
    ORDER BY o.hold_id FOR UPDATE;

    FOR e IN SELECT u.*, h.caps FROM usage_event AS u JOIN hold AS h ON h.id = u.hold_id
             WHERE u.id = ANY (new_events) ORDER BY u.id
    LOOP
        spared := 0;
        -- An actual figure replaces the estimate made in its absence: reverse and charge, together.
        SELECT t.* INTO estimate FROM transfer AS t
        WHERE t.hold_id = e.hold_id AND t.kind = 'estimate'
          AND NOT EXISTS (SELECT FROM transfer AS x WHERE x.reverses = t.id);
        IF FOUND THEN
            INSERT INTO transfer (debit_account, credit_account, amount, kind, hold_id, reverses, actor, reason, event_at)
            VALUES (estimate.credit_account, estimate.debit_account, estimate.amount, 'reversal', e.hold_id, estimate.id,
                    'accounting', 'actual_figure', e.event_at)
            RETURNING id INTO moved;
            UPDATE account AS a SET posted = a.posted + estimate.amount, version = a.version + 1 WHERE a.id = e.account_id;
            PERFORM restore_to_grants(e.account_id, estimate.id, moved, e.hold_id,
                                      (SELECT a.posted FROM account AS a WHERE a.id = e.account_id));
            PERFORM count_back(estimate.id, moved);
        END IF;
        SELECT o.* INTO open_hold FROM hold_open AS o WHERE o.hold_id = e.hold_id;
        taken := CASE WHEN FOUND THEN least(open_hold.amount, e.cost) ELSE 0 END;
        IF e.cost > 0 THEN
            INSERT INTO transfer (debit_account, credit_account, amount, kind, hold_id, event_id, actor, event_at)
            VALUES (e.account_id, provider, e.cost, 'charge', e.hold_id, e.id, 'accounting', e.event_at)
            RETURNING id INTO moved;
            PERFORM take_from_grants(e.account_id, moved, e.cost, e.hold_id);
            PERFORM count_under_caps(e.caps, moved, e.cost, taken);
            UPDATE hold_open AS o SET amount = o.amount - taken, captured = o.captured + e.cost WHERE o.hold_id = e.hold_id;
        END IF;
        -- A closed hold reserves nothing: what was restored for it and not used goes where its grant went.
        IF open_hold.hold_id IS NULL THEN
            spared := release_spared(e.account_id, e.hold_id);
        END IF;
        -- What is debited stops being held in the same step: available never dips, nobody is refused for it.
        UPDATE account AS a SET posted = a.posted - e.cost - spared, held = a.held - taken, version = a.version + 1
        WHERE a.id = e.account_id AND (e.cost > 0 OR spared > 0);
    END LOOP;

    -- The same event again: equal figures are a duplicate, different ones are shown to a person; the first stands.
    INSERT INTO usage_conflict (event_id, record_id, body)
    SELECT g.id, g.record_id, jsonb_build_object('model', g.model, 'usage', g.usage, 'cost', marked_up(g.cost, h.markup_percent))
    FROM jsonb_to_recordset(p_events) AS g (id text, record_id text, model text, usage jsonb, cost bigint)
    JOIN usage_event AS u ON u.id = g.id JOIN hold AS h ON h.id = u.hold_id
    WHERE (u.model, u.usage, u.cost) IS DISTINCT FROM (g.model, g.usage, marked_up(g.cost, h.markup_percent))
    ORDER BY g.record_id ON CONFLICT DO NOTHING;

    RETURN QUERY
    -- Where one event has several answers, the one that a person must see comes last.
    SELECT DISTINCT 'event', g.id,
           CASE WHEN c.record_id IS NOT NULL THEN 'conflict'
                WHEN g.id = ANY (new_events) THEN 'recorded' ELSE 'duplicate' END AS result
    FROM jsonb_to_recordset(p_events) AS g (id text, record_id text)
    LEFT JOIN usage_conflict AS c ON c.record_id = g.record_id
    ORDER BY g.id, result DESC;
END
$$;
