-- Statements of the short addresses in refusals, read by aiosql; a header above each says why.

-- name: list_refusals
-- Those of the last day that a person read, oldest first, after a (moment, id).
SELECT d.hold_id, d.decided_at FROM decision AS d
WHERE d.decided_at >= greatest(:after_at::timestamptz, now() - make_interval(secs => :lifetime_s))
  AND (d.decided_at, d.hold_id) > (:after_at::timestamptz, :after_id::uuid)
  AND d.kind = 'refuse' AND d.account_id IS NOT NULL
ORDER BY d.decided_at, d.hold_id LIMIT :page;

-- name: bind_address
-- The first browser, once: of two at the same moment one gets no row. Nor does a refusal that is too old. It is the
-- person's address, also where a pool's credit was asked for more.
INSERT INTO address_opening (hold_id, account_id, code_mark, browser_mark, ends_at)
SELECT d.hold_id, coalesce(h.person_id, d.account_id), :code_mark, :browser_mark, d.decided_at + make_interval(secs => :lifetime_s)
FROM decision AS d LEFT JOIN hold AS h ON h.id = d.hold_id
JOIN account AS a ON a.id = coalesce(h.person_id, d.account_id) AND a.kind IN ('user', 'service')
WHERE d.hold_id = :hold_id AND d.kind = 'refuse' AND d.decided_at > now() - make_interval(secs => :lifetime_s)
ON CONFLICT DO NOTHING
RETURNING hold_id, account_id, ends_at;

-- name: find_opening
-- While it lasts; to whom it is bound, the caller compares.
SELECT o.hold_id, o.account_id, o.browser_mark, o.ends_at FROM address_opening AS o
WHERE o.hold_id = :hold_id AND o.ends_at > now();

-- name: forget_openings!
-- Some of those that ended long ago: who opened what is nobody's business for ever.
DELETE FROM address_opening AS o WHERE o.hold_id IN (
    SELECT x.hold_id FROM address_opening AS x WHERE x.ends_at < now() - make_interval(days => 7)
    ORDER BY x.ends_at LIMIT 1000);
