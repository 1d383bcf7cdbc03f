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
-- A page of the accounts that spend, as the mirror shows them: people and services with who pays for them, pools, caps.
-- An account whose name means another by now is nobody's (no client).
SELECT a.id, CASE WHEN NOT EXISTS (SELECT FROM identity AS i JOIN person AS p ON p.id = i.person_id
                                   WHERE i.client_id = a.client_id AND i.external_id = a.external_id AND p.account_id <> a.id)
                  THEN a.client_id END AS client_id,
       coalesce(a.external_id, '') AS external_id, a.kind, a.posted, a.held, a.overdraft,
       a.version, a.status, extract(epoch FROM a.status_at)::bigint AS status_s,
       a.mode_override IS NOT DISTINCT FROM 'shadow' AS shadow,
       CASE WHEN a.client_id IS NOT NULL THEN payers_of(a.id) END AS payers, payers_version(a.id) AS payers_version,
       -- Further names of the person whose account it is.
       ARRAY(SELECT i.client_id || ':' || i.external_id FROM person AS p JOIN identity AS i ON i.person_id = p.id
             WHERE p.account_id = a.id) AS also
FROM account AS a WHERE a.id > :after AND a.kind IN ('user', 'service', 'pool', 'cap')
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
WHERE a.id IN (SELECT unnest(h.account_id || h.caps) FROM hold AS h
               WHERE h.placed_by = 'bounded' AND h.placed_at > now() - make_interval(secs => :within_s::integer));

-- name: list_payers
-- Who may pay for these people, in order: what a replica knows of them when Postgres goes away.
SELECT a.id, payers_of(a.id) AS payers, payers_version(a.id) AS payers_version
FROM account AS a WHERE a.id = ANY(:account_ids::bigint[]);

-- name: list_changed
-- The same as list_mirrored for accounts that changed from one horizon to the next, or for whom others pay since. The row
-- read may be newer than that: the mirror keeps the highest version. A cap that is new has no history yet.
SELECT a.id, CASE WHEN NOT EXISTS (SELECT FROM identity AS i JOIN person AS p ON p.id = i.person_id
                                   WHERE i.client_id = a.client_id AND i.external_id = a.external_id AND p.account_id <> a.id)
                  THEN a.client_id END AS client_id,
       coalesce(a.external_id, '') AS external_id, a.kind, a.posted, a.held, a.overdraft,
       a.version, a.status, extract(epoch FROM a.status_at)::bigint AS status_s,
       a.mode_override IS NOT DISTINCT FROM 'shadow' AS shadow,
       CASE WHEN a.client_id IS NOT NULL THEN payers_of(a.id) END AS payers, payers_version(a.id) AS payers_version,
       ARRAY(SELECT i.client_id || ':' || i.external_id FROM person AS p JOIN identity AS i ON i.person_id = p.id
             WHERE p.account_id = a.id) AS also
FROM account AS a
WHERE a.id IN (
    SELECT h.account_id FROM account_history AS h
    WHERE h.tx >= :since::text::xid8 AND h.tx < :horizon::text::xid8 AND h.account_id > :after
    UNION
    SELECT unnest(c.person_id || ARRAY(SELECT l.account_id FROM cap AS l WHERE l.owner_id = c.person_id)) FROM payer_change AS c
    WHERE c.tx >= :since::text::xid8 AND c.tx < :horizon::text::xid8 AND c.person_id IS NOT NULL
    UNION
    -- A cap of the whole organisation concerns everybody.
    SELECT x.id FROM account AS x
    WHERE x.id > :after AND EXISTS (SELECT FROM payer_change AS c WHERE c.person_id IS NULL
                                    AND c.tx >= :since::text::xid8 AND c.tx < :horizon::text::xid8))
  AND a.id > :after AND a.kind IN ('user', 'service', 'pool', 'cap')
ORDER BY a.id LIMIT :page;
