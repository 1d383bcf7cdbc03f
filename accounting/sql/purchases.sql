-- Statements of purchases, read by aiosql; a header above each says why.

-- name: record_purchase^
-- No row: this request id, or this supplier's reference, is there already.
WITH made AS (
    INSERT INTO purchase (bought_on, supplier, reference, buyer, amount, currency, worth, actor, reason, request_id)
    VALUES (:bought_on, :supplier, :reference, :buyer, :amount, :currency, :worth, :actor, :reason, :request_id)
    ON CONFLICT DO NOTHING RETURNING id),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor::text, 'record_purchase', m.id::text, jsonb_build_object(
        'reason', :reason::text, 'amount', :amount::bigint, 'currency', :currency::text, 'worth_nanos', :worth::bigint)
    FROM made AS m)
SELECT id FROM made;

-- name: find_purchase_request^
SELECT p.id FROM purchase AS p
WHERE p.request_id = :request_id AND (p.bought_on, p.supplier, p.reference, p.buyer, p.amount, p.currency, p.worth)
    = (:bought_on::date, :supplier::text, :reference::text, :buyer::text, :amount::bigint, :currency::text, :worth::bigint);

-- name: is_purchase_request^
SELECT EXISTS (SELECT FROM purchase AS p WHERE p.request_id = :request_id) AS used;

-- name: list_purchases
-- Newest first, with what each backs: its grants without what was revoked of them.
SELECT p.id, p.bought_on, p.supplier, p.reference, p.buyer, p.amount, p.currency, p.worth, p.actor, p.reason, p.recorded_at,
       coalesce(sum(b.backed), 0)::bigint AS backed
FROM purchase AS p LEFT JOIN LATERAL (
    SELECT given_of(g) AS backed
    FROM purchase_grant AS x JOIN credit_grant AS g ON g.id = x.grant_id WHERE x.purchase_id = p.id) AS b ON true
WHERE (:id::bigint IS NULL OR p.id = :id::bigint) AND (:before::bigint = 0 OR p.id < :before::bigint)
GROUP BY p.id ORDER BY p.id DESC LIMIT :page_size;

-- name: lock_purchase^
-- Two grants at once would each find what is left.
SELECT p.id FROM purchase AS p WHERE p.id = :id FOR UPDATE;

-- name: back_grant!
INSERT INTO purchase_grant (grant_id, purchase_id) VALUES (:grant_id, :purchase_id);
