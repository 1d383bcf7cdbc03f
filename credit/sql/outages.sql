-- What the processes need when Postgres or Redis was away, read by aiosql; a header above each says why.

-- name: ask_pulse
-- Whether this server answers, and takes writes: asked four times a second.
SELECT NOT pg_is_in_recovery() AS writable;

-- name: record_outage!
-- A change of state of one process: the audit line, and the alarm that a mailer sends. Written once Postgres
-- is back; the detail says since when and until when.
WITH told AS (
    INSERT INTO alarm (kind, subject, detail) VALUES (:kind, :subject, :detail))
INSERT INTO audit (actor, action, subject, detail) VALUES (:subject, :kind, :subject, :detail);

-- name: read_horizon
-- Every change by a transaction before this one is visible, or never will be.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS horizon;

-- name: list_mirrored
-- A page of the accounts that spend, as the mirror shows them.
SELECT a.id, a.client_id, coalesce(a.external_id, '') AS external_id, a.kind, a.posted, a.held, a.overdraft,
       a.version, a.status, extract(epoch FROM a.status_at)::bigint AS status_s,
       a.mode_override IS NOT DISTINCT FROM 'shadow' AS shadow
FROM account AS a WHERE a.id > :after AND a.client_id IS NOT NULL AND a.kind <> 'unattributed'
ORDER BY a.id LIMIT :page;

-- name: list_figures
-- Named accounts as they are: what a replica knows of them after it placed its grants of an outage.
SELECT a.id, a.posted, a.held, a.overdraft, a.version, a.status, extract(epoch FROM a.status_at)::bigint AS status_s,
       a.mode_override IS NOT DISTINCT FROM 'shadow' AS shadow
FROM account AS a WHERE a.id = ANY(:account_ids::bigint[]);

-- name: list_recently_bounded
-- Accounts that were granted something in an outage since the mirror's entries may have been written: what a
-- replica that starts must know better than the mirror.
SELECT a.id, a.posted, a.held, a.overdraft, a.version, a.status, extract(epoch FROM a.status_at)::bigint AS status_s,
       a.mode_override IS NOT DISTINCT FROM 'shadow' AS shadow
FROM account AS a
WHERE a.id IN (SELECT h.account_id FROM hold AS h
               WHERE h.placed_by = 'bounded' AND h.placed_at > now() - make_interval(secs => :within_s::integer));

-- name: list_changed
-- The same for accounts that changed from one horizon to the next. The row read may be newer than that:
-- the mirror keeps the highest version.
SELECT a.id, a.client_id, coalesce(a.external_id, '') AS external_id, a.kind, a.posted, a.held, a.overdraft,
       a.version, a.status, extract(epoch FROM a.status_at)::bigint AS status_s,
       a.mode_override IS NOT DISTINCT FROM 'shadow' AS shadow
FROM account AS a
WHERE a.id IN (SELECT h.account_id FROM account_history AS h
               WHERE h.tx >= :since::text::xid8 AND h.tx < :horizon::text::xid8 AND h.account_id > :after)
  AND a.client_id IS NOT NULL AND a.kind <> 'unattributed'
ORDER BY a.id LIMIT :page;
