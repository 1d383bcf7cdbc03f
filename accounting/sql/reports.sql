-- Statements of the reports (accounting/reports/), read by aiosql; a header above each says why.
-- Amounts are nano-USD; since: the ledger's clock, that many days ago.

-- name: list_decided
-- The decisions under a reference, newest first, with what the door's own checks need.
SELECT d.hold_id, d.account_id, d.kind, d.reason, d.detail, d.model, d.want, d.account_version, d.decided_at,
       c.kind AS client_kind
FROM decision AS d LEFT JOIN client AS c ON c.id = d.client_id
WHERE d.hold_id BETWEEN :low AND :high ORDER BY d.decided_at DESC LIMIT :page_size;

-- name: list_maps_then
-- The model maps that a replica may have had at a moment: the newest of before, and those of the seconds around
-- (a refusal is written after its answer, and news travels for up to a second).
SELECT m.map FROM model_map AS m
WHERE m.version >= coalesce((SELECT max(x.version) FROM model_map AS x WHERE x.synced_at <= :at::timestamptz - interval '5 seconds'), 0)
  AND m.synced_at <= :at::timestamptz ORDER BY m.version DESC LIMIT 20;

-- name: find_newest_refusal^
-- Of the person with that e-mail, number of the account or name at a client; several: the newest of them all.
SELECT d.hold_id FROM decision AS d
WHERE d.account_id IN (
    SELECT a.id FROM account AS a LEFT JOIN account_label AS l ON l.account_id = a.id
    WHERE a.kind IN ('user', 'service')
      AND (lower(l.email) = lower(:person) OR a.external_id = :person OR a.id::text = :person))
ORDER BY d.decided_at DESC LIMIT 1;
