-- The seal: links of a hash chain over final rows. tx ranges are [from_tx, to_tx).

-- name: read_parts
-- What the rows of each range are now, by table: their number, and a digest over the digest of each row in the
-- order of its key. The text of a row is that of Postgres' own ROW; session settings are fixed by begin_audit.
SELECT g.number,
    (SELECT jsonb_build_object('rows', count(*), 'digest', encode(sha256(coalesce(string_agg(sha256(convert_to(
         ROW(t.id, t.debit_account, t.credit_account, t.amount, t.kind, t.hold_id, t.event_id, t.reverses, t.actor,
             t.reason, t.request_id, t.event_at, t.recorded_at, t.tx)::text, 'UTF8')), ''::bytea ORDER BY t.id), '')), 'hex'))
     FROM transfer AS t WHERE t.tx >= g.from_tx AND t.tx < g.to_tx) AS transfer,
    (SELECT jsonb_build_object('rows', count(*), 'digest', encode(sha256(coalesce(string_agg(sha256(convert_to(
         ROW(u.id, u.hold_id, u.account_id, u.source, u.status, u.provider_id, u.model_group, u.model, u.model_id,
             u.usage, u.service_tier, u.cost, u.litellm_cost, u.book_cost, u.price_version, u.flags, u.event_at,
             u.recorded_at, u.tx)::text, 'UTF8')), ''::bytea ORDER BY u.id COLLATE "C"), '')), 'hex'))
     FROM usage_event AS u WHERE u.tx >= g.from_tx AND u.tx < g.to_tx) AS usage_event,
    (SELECT jsonb_build_object('rows', count(*), 'digest', encode(sha256(coalesce(string_agg(sha256(convert_to(
         ROW(c.hold_id, c.outcome, c.reason, c.granted, c.captured, c.overage, c.closed_at, c.tx)::text,
         'UTF8')), ''::bytea ORDER BY c.hold_id), '')), 'hex'))
     FROM hold_close AS c WHERE c.tx >= g.from_tx AND c.tx < g.to_tx) AS hold_close,
    (SELECT jsonb_build_object('rows', count(*), 'digest', encode(sha256(coalesce(string_agg(sha256(convert_to(
         ROW(d.hold_id, d.account_id, d.client_id, d.kind, d.reason, d.model, d.detail, d.want, d.target, d.minimum,
             d.posted, d.held, d.overdraft, d.account_version, d.decided_at, d.own_held, d.own_granted, d.tx,
             d.others, d.small_percent, d.share_percent, d.price_version)::text,
         'UTF8')), ''::bytea ORDER BY d.hold_id), '')), 'hex'))
     FROM decision AS d WHERE d.tx >= g.from_tx AND d.tx < g.to_tx) AS decision,
    (SELECT jsonb_build_object('rows', count(*), 'digest', encode(sha256(coalesce(string_agg(sha256(convert_to(
         ROW(x.account_id, x.version, x.posted, x.held, x.overdraft, x.status, x.tx, x.at)::text,
         'UTF8')), ''::bytea ORDER BY x.account_id, x.version), '')), 'hex'))
     FROM account_history AS x WHERE x.tx >= g.from_tx AND x.tx < g.to_tx) AS account_history,
    (SELECT jsonb_build_object('rows', count(*), 'digest', encode(sha256(coalesce(string_agg(sha256(convert_to(
         ROW(n.id, n.actor, n.action, n.subject, n.detail, n.recorded_at, n.tx)::text,
         'UTF8')), ''::bytea ORDER BY n.id), '')), 'hex'))
     FROM audit AS n WHERE n.tx >= g.from_tx AND n.tx < g.to_tx) AS audit
FROM unnest(:numbers::bigint[], :froms::xid8[], :tos::xid8[]) AS g (number, from_tx, to_tx)
ORDER BY g.number;

-- name: lock_seal
SELECT pg_advisory_xact_lock(5050);

-- name: bound_link^
-- The transaction of the row at which a link is large enough, if there are so many; tables are looked at singly.
SELECT least(
    (SELECT t.tx FROM transfer AS t WHERE t.tx >= :from_tx AND t.tx < :to_tx ORDER BY t.tx OFFSET :size LIMIT 1),
    (SELECT u.tx FROM usage_event AS u WHERE u.tx >= :from_tx AND u.tx < :to_tx ORDER BY u.tx OFFSET :size LIMIT 1),
    (SELECT d.tx FROM decision AS d WHERE d.tx >= :from_tx AND d.tx < :to_tx ORDER BY d.tx OFFSET :size LIMIT 1),
    (SELECT x.tx FROM account_history AS x WHERE x.tx >= :from_tx AND x.tx < :to_tx ORDER BY x.tx OFFSET :size LIMIT 1)) AS tx;

-- name: oldest_unsealed^
-- Since when the oldest row waits that cannot be sealed yet (null: none); by two tables that all traffic writes.
SELECT extract(epoch FROM now() - least(
    (SELECT x.at FROM account_history AS x WHERE x.tx >= :horizon ORDER BY x.tx LIMIT 1),
    (SELECT n.recorded_at FROM audit AS n WHERE n.tx >= :horizon ORDER BY n.tx LIMIT 1)))::bigint AS age_s;

-- name: add_link!
INSERT INTO seal (number, rule, from_tx, to_tx, parts, previous, digest, sealed_at)
VALUES (:number, :rule, :from_tx, :to_tx, :parts, :previous, :digest, :sealed_at);

-- name: list_links
SELECT s.number, s.rule, s.from_tx, s.to_tx, s.parts, s.previous, s.digest, s.sealed_at
FROM seal AS s WHERE s.number >= :first ORDER BY s.number LIMIT :page_size;

-- name: find_digest^
SELECT s.number FROM seal AS s WHERE s.digest = :digest;
