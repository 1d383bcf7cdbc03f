-- What the story reads from the ledger; it writes nothing.

-- name: read_call(hold_id)^
-- One call: what was reserved for it, and how it ended (outcome is null while the hold is open).
SELECT h.granted, c.outcome, c.captured, c.overage, o.granted AS open_granted
FROM hold AS h
LEFT JOIN hold_close AS c ON c.hold_id = h.id
LEFT JOIN hold_open AS o ON o.hold_id = h.id
WHERE h.id = :hold_id;

-- name: count_open()$
-- Holds still open, of everybody.
SELECT count(*) FROM hold_open;

-- name: sum_overage()$
-- Cost above holds, of everybody.
SELECT coalesce(sum(overage), 0)::bigint FROM hold_close;

-- name: sum_debits()$
-- What the provider account was paid: every charge and estimate, less what was reversed.
SELECT coalesce(sum(CASE WHEN t.credit_account = p.id THEN t.amount ELSE -t.amount END), 0)::bigint
FROM account AS p
JOIN transfer AS t ON p.id IN (t.credit_account, t.debit_account)
WHERE p.kind = 'provider';

-- name: list_debits()
-- The debit of each answer, by the id the provider gave it, with the deployment that gave it.
SELECT provider_id, cost, model_group, model_id FROM usage_event WHERE status = 'success';

-- name: find_session(application)$
-- The process of one session of a service.
SELECT pid FROM pg_stat_activity WHERE application_name = :application AND backend_type = 'client backend' LIMIT 1;

-- name: read_model_map()$
-- The map in force: the highest version.
SELECT map::text FROM model_map ORDER BY version DESC LIMIT 1;
