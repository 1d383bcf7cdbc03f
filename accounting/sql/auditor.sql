-- What the auditor needs around the invariants: its scope, refusals to recompute, the freeze.
-- since, accounts: as in audit.sql. Amounts are nano-USD.

-- name: begin_audit^
-- Settings of this transaction only; the sealed text of a row must not depend on the session's.
-- Plans are made for the scope at hand: everything, a minute, or a few accounts.
SELECT set_config('statement_timeout', :timeout_ms::text, true) AS timeout,
       set_config('plan_cache_mode', 'force_custom_plan', true) AS plans,
       set_config('work_mem', '32MB', true) AS memory,
       set_config('TimeZone', 'UTC', true) AS zone,
       set_config('DateStyle', 'ISO, YMD', true) AS dates;

-- name: try_lock^
-- One minute's run at a time, whatever the number of processes; freed with the transaction.
SELECT pg_try_advisory_xact_lock(5049) AS mine;

-- name: read_horizon^
-- Every transaction below it has ended; the head of the seal, up to which the minute's run has looked.
SELECT pg_snapshot_xmin(pg_current_snapshot()) AS horizon, s.number, s.to_tx, s.digest, s.sealed_at
FROM seal AS s ORDER BY s.number DESC LIMIT 1;

-- name: changed_accounts
SELECT DISTINCT x.account_id FROM account_history AS x WHERE x.tx >= :since;

-- name: frozen_before
-- Accounts that the auditor froze once: as long as their books are wrong, they are to be frozen again.
SELECT a.id FROM account AS a
WHERE a.id IN (SELECT n.subject::bigint FROM audit AS n WHERE n.action = 'freeze_account' AND n.actor = 'auditor')
ORDER BY a.id LIMIT 1000;

-- name: highest_account^
SELECT max(a.id) AS id FROM account AS a;

-- name: list_slice
-- From an account on, as many as have changed `budget` times together: a version is a change, so this bounds
-- the work. Larger accounts are looked at whole only when everything is.
SELECT s.id FROM (
    SELECT a.id, sum(a.version + 1) OVER (ORDER BY a.id) AS changes FROM (
        SELECT x.id, x.version FROM account AS x
        WHERE x.id >= :first AND x.kind NOT IN ('funding', 'provider', 'breakage') AND x.version < :budget
        ORDER BY x.id LIMIT 1000) AS a) AS s
WHERE s.changes <= :budget;

-- name: count_rows^
-- How many rows of each kind a run looks at; changed: the accounts of invariants that are asked by account.
SELECT (SELECT count(*) FROM account AS a WHERE :changed::bigint[] IS NULL OR a.id = ANY (:changed)) AS accounts,
       (SELECT count(*) FROM account_history AS x
        WHERE x.tx >= :since AND (:accounts::bigint[] IS NULL OR x.account_id = ANY (:accounts))) AS versions,
       (SELECT count(*) FROM transfer AS t WHERE t.tx >= :since AND (
            :accounts::bigint[] IS NULL OR t.debit_account = ANY (:accounts) OR t.credit_account = ANY (:accounts))) AS transfers,
       (SELECT count(*) FROM usage_event AS u JOIN hold AS h ON h.id = u.hold_id
        WHERE u.tx >= :since AND (:accounts::bigint[] IS NULL OR h.account_id = ANY (:accounts))) AS usage_events,
       (SELECT count(*) FROM hold AS h
        WHERE h.placed_at >= :from_at AND (:changed::bigint[] IS NULL OR h.account_id = ANY (:changed))) AS holds,
       (SELECT count(*) FROM hold_open AS o
        WHERE :accounts::bigint[] IS NULL OR o.account_id = ANY (:accounts)) AS open_holds,
       (SELECT count(*) FROM hold_close AS c JOIN hold AS h ON h.id = c.hold_id
        WHERE c.tx >= :since AND (:accounts::bigint[] IS NULL OR h.account_id = ANY (:accounts))) AS closes;

-- name: list_refusals
-- Stored refusals in the order of their ids, each with what the ledger itself was at the version it names: the
-- newest history row up to there, plus the holds placed on versions between (migrations/0004). Before its first
-- version an account is empty and active, with the overdraft that it was opened with.
SELECT d.hold_id, d.account_id, d.reason, d.want, d.target, d.minimum, d.posted, d.held, d.overdraft, d.own_held,
       d.own_granted, d.others, d.small_percent, d.share_percent, d.kind, coalesce(b.posted, 0) AS then_posted, coalesce(b.overdraft, d.overdraft) AS then_overdraft,
       -- Of the account that pays, or of the person whose call it was (extend.sql).
       coalesce(nullif(b.status, 'active'), p.status, 'active') AS then_status,
       coalesce(b.held, 0) + coalesce((
           SELECT sum(h.granted) FROM hold AS h
           WHERE h.account_id = d.account_id AND h.account_version >= coalesce(b.version, 0)
             AND h.account_version < d.account_version), 0)::bigint AS then_held
FROM decision AS d
LEFT JOIN LATERAL (
    SELECT x.version, x.posted, x.held, x.overdraft, x.status FROM account_history AS x
    WHERE x.account_id = d.account_id AND x.version <= d.account_version
    ORDER BY x.version DESC LIMIT 1) AS b ON true
LEFT JOIN LATERAL (
    SELECT x.status FROM jsonb_array_elements(d.others) AS e (said)
    JOIN account_history AS x ON x.account_id = (e.said ->> 'id')::bigint AND x.version <= (e.said ->> 'version')::bigint
    WHERE e.said ->> 'role' = 'person' ORDER BY x.version DESC LIMIT 1) AS p ON true
WHERE d.account_version IS NOT NULL AND d.hold_id > :after AND d.tx >= :since
  AND d.tx > (SELECT s.to_tx FROM seal AS s WHERE s.number = 0)
  AND (:accounts::bigint[] IS NULL OR d.account_id = ANY (:accounts))
ORDER BY d.hold_id LIMIT :page_size;

-- name: list_placements
-- Versions in the order of their transactions, each with the holds placed on the one before it (a batch: one after
-- the other; a version without a hold is one row with nulls), each with what the ledger itself was then: the row of
-- history before, plus the holds of the batch on versions between. Before its first version an account is empty and
-- active, with the overdraft that it was opened with.
SELECT x.tx, x.account_id, x.version, h.id AS hold_id, h.placed_by, h.granted, h.want, h.target, h.minimum,
       h.others, h.caps, h.small_percent, h.share_percent, coalesce(p.posted, 0) AS then_posted, coalesce(p.overdraft, x.overdraft) AS then_overdraft,
       coalesce(p.status, 'active') AS then_status, coalesce(p.held, 0) + coalesce(h.before, 0)::bigint AS then_held
FROM (
    SELECT y.tx, y.account_id, y.version, y.overdraft FROM account_history AS y
    WHERE y.tx >= :since AND y.tx > (SELECT s.to_tx FROM seal AS s WHERE s.number = 0)
      AND (y.tx, y.account_id, y.version) > (:after_tx::xid8, :after_account::bigint, :after_version::bigint)
      AND (:accounts::bigint[] IS NULL OR y.account_id = ANY (:accounts))
    ORDER BY y.tx, y.account_id, y.version LIMIT :page_size) AS x
LEFT JOIN LATERAL (
    SELECT y.version, y.posted, y.held, y.overdraft, y.status FROM account_history AS y
    WHERE y.account_id = x.account_id AND y.version < x.version ORDER BY y.version DESC LIMIT 1) AS p ON true
LEFT JOIN LATERAL (
    SELECT w.id, w.placed_by, w.granted, w.want, w.target, w.minimum, w.others, w.caps, w.small_percent,
           w.share_percent, sum(w.granted) OVER (
        ORDER BY w.account_version RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM hold AS w
    WHERE w.account_id = x.account_id AND w.account_version >= coalesce(p.version, 0)
      AND w.account_version < x.version AND w.placed_by <> 'report') AS h ON true
ORDER BY x.tx, x.account_id, x.version;

-- name: list_guards
-- What the database itself refuses, by the definitions it works with.
SELECT format('trigger %s on %s', t.tgname, c.relname) AS name,
       CASE WHEN t.tgenabled IN ('O', 'A') THEN pg_get_triggerdef(t.oid) ELSE 'switched off' END AS definition
FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace
UNION ALL
SELECT format('constraint %s on %s', k.conname, c.relname),
       pg_get_constraintdef(k.oid)
       || CASE WHEN EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgconstraint = k.oid AND t.tgenabled NOT IN ('O', 'A'))
               THEN ' (switched off)' ELSE '' END
FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid
WHERE k.contype <> 'n' AND c.relnamespace = 'public'::regnamespace
UNION ALL
SELECT format('index %s', c.relname),
       CASE WHEN i.indisvalid THEN pg_get_indexdef(i.indexrelid) ELSE 'not valid' END
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace
UNION ALL
SELECT format('function %s', p.proname), p.prosrc
FROM pg_proc AS p WHERE p.pronamespace = 'public'::regnamespace AND p.prorettype = 'trigger'::regtype
ORDER BY 1;

-- name: freeze_account^
-- Once, with its audit line and its alarm; no row: it is not active, or nobody spends from it.
WITH frozen AS (
    UPDATE account AS a SET status = 'frozen', status_at = now(), version = a.version + 1
    WHERE a.id = :account_id AND a.status = 'active' AND a.kind IN ('user', 'service', 'unattributed', 'pool')
    RETURNING a.id),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT 'auditor', 'freeze_account', f.id::text, :detail::jsonb FROM frozen AS f),
alarmed AS (
    INSERT INTO alarm (kind, subject, detail)
    SELECT 'account_frozen', f.id::text, :detail::jsonb FROM frozen AS f)
SELECT f.id FROM frozen AS f;

-- name: list_frozen
SELECT a.id FROM account AS a WHERE a.id = ANY (:accounts) AND a.status = 'frozen';
