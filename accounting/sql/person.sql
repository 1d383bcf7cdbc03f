-- Statements of a person's own page, read by aiosql; a header above each says why. Amounts are nano-USD.

-- name: read_visitor^
-- Whose page it is, by a name that means this account now: of a person one that is bound to them, else their e-mail.
SELECT a.id, CASE WHEN p.id IS NOT NULL AND i.client_id IS NULL THEN '' ELSE coalesce(i.client_id, a.client_id) END AS client_id,
       CASE WHEN p.id IS NOT NULL AND i.client_id IS NULL THEN coalesce(p.email, '')
            ELSE coalesce(i.external_id, a.external_id, '') END AS external_id,
       a.kind, coalesce(l.display_name, '') AS display_name, coalesce(c.language, '') AS client_language
FROM account AS a LEFT JOIN client AS c ON c.id = a.client_id LEFT JOIN account_label AS l ON l.account_id = a.id
LEFT JOIN person AS p ON p.account_id = a.id
LEFT JOIN LATERAL (
    SELECT x.client_id, x.external_id FROM identity AS x WHERE x.person_id = p.id
    ORDER BY (x.client_id, x.external_id) = (a.client_id, a.external_id) DESC, x.bound_at DESC LIMIT 1) AS i ON true
WHERE a.id = :account_id;

-- name: read_own_balance^
-- As the free model says it (sql/balance.sql).
SELECT o_posted, o_held, o_overdraft, o_status, o_spent, o_more, o_pools, o_caps, o_coming
FROM balance_of(:account_id, :calls);

-- name: list_own_calls
-- The newest calls with their cost, whoever paid; open ones with what they reserve. Each arm by its index.
SELECT q.id, q.model, q.placed_at, o.amount AS held, c.outcome, coalesce(u.cost, 0)::bigint AS cost, e.amount AS estimate,
       CASE WHEN q.account_id <> :account_id THEN coalesce(p.name, '') ELSE '' END AS pool
FROM ((SELECT h.id, h.model, h.placed_at, h.account_id FROM hold AS h
       WHERE h.person_id = :account_id ORDER BY h.placed_at DESC LIMIT :page_size)
      UNION ALL
      (SELECT h.id, h.model, h.placed_at, h.account_id FROM hold AS h
       WHERE h.account_id = :account_id AND h.person_id IS NULL ORDER BY h.placed_at DESC LIMIT :page_size)) AS q
LEFT JOIN hold_open AS o ON o.hold_id = q.id
LEFT JOIN hold_close AS c ON c.hold_id = q.id
LEFT JOIN account AS p ON p.id = q.account_id
LEFT JOIN LATERAL (SELECT sum(x.cost) AS cost FROM usage_event AS x WHERE x.hold_id = q.id) AS u ON true
LEFT JOIN LATERAL (SELECT t.amount FROM transfer AS t WHERE t.hold_id = q.id AND t.kind = 'estimate'
                   AND NOT EXISTS (SELECT FROM transfer AS r WHERE r.reverses = t.id) LIMIT 1) AS e ON true
ORDER BY q.placed_at DESC LIMIT :page_size;

-- name: list_own_refusals
-- What the person read, newest first, with what they called wrong and what came of it; hold_id null: all of them.
SELECT d.hold_id, d.decided_at, d.reason, coalesce(d.model, '') AS model, d.posted, d.held, d.overdraft, d.minimum,
       x.hold_id IS NOT NULL AS disputed, coalesce(e.resolution, '') AS answer
FROM ((SELECT y.hold_id FROM decision AS y WHERE y.account_id = :account_id ORDER BY y.decided_at DESC LIMIT :page_size)
      UNION
      (SELECT h.id FROM hold AS h WHERE h.person_id = :account_id ORDER BY h.placed_at DESC LIMIT :calls)
      UNION
      SELECT :hold_id::uuid) AS q
JOIN decision AS d ON d.hold_id = q.hold_id LEFT JOIN hold AS h ON h.id = d.hold_id
LEFT JOIN dispute AS x ON x.hold_id = d.hold_id LEFT JOIN exception AS e ON e.id = x.exception_id
WHERE d.kind = 'refuse' AND coalesce(h.person_id, d.account_id) = :account_id AND (:hold_id::uuid IS NULL OR d.hold_id = :hold_id::uuid)
ORDER BY d.decided_at DESC, d.hold_id LIMIT :page_size;

-- name: dispute_refusal^
-- Once for each refusal, with its audit line; no row: it was disputed before. Not the person's words: those can be erased.
WITH raised AS (
    INSERT INTO exception (kind, subject, detail)
    SELECT 'disputed_refusal', d.hold_id::text, jsonb_strip_nulls(jsonb_build_object(
               'account', :account_id::bigint, 'reason', d.reason, 'model', d.model, 'said', d.detail, 'posted', d.posted,
               'held', d.held, 'overdraft', d.overdraft, 'want', d.want, 'minimum', d.minimum, 'others', d.others,
               'decided_at', d.decided_at))
    FROM decision AS d WHERE d.hold_id = :hold_id
    ON CONFLICT DO NOTHING RETURNING id),
disputed AS (
    INSERT INTO dispute (hold_id, account_id, exception_id, words) SELECT :hold_id, :account_id, r.id, :words FROM raised AS r
    RETURNING exception_id),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor::text, 'dispute_refusal', :hold_id::uuid::text, jsonb_build_object(
               'reason', :reason::text, 'account', :account_id::bigint, 'exception', x.exception_id)
    FROM disputed AS x)
SELECT exception_id FROM disputed;

-- name: count_disputes^
-- So that nobody buries those who look.
SELECT count(*) AS number FROM dispute AS x WHERE x.account_id = :account_id AND x.disputed_at > now() - interval '1 day';

-- name: bind_link^
-- The first browser, once, while the address is young: of two at the same moment one gets no row.
UPDATE person_link AS k SET browser_mark = :browser_mark, ends_at = now() + make_interval(secs => :lifetime_s)
WHERE k.sha256 = :sha256 AND k.browser_mark IS NULL AND k.expires_at > now()
RETURNING k.account_id, k.ends_at;

-- name: find_link^
SELECT k.account_id, k.ends_at, k.browser_mark FROM person_link AS k WHERE k.sha256 = :sha256 AND k.ends_at > now();

-- name: add_link!
INSERT INTO person_link (sha256, account_id, expires_at) VALUES (:sha256, :account_id, now() + make_interval(secs => :lifetime_s));

-- name: forget_links!
DELETE FROM person_link AS k WHERE k.sha256 IN (
    SELECT x.sha256 FROM person_link AS x WHERE x.expires_at < now() - interval '7 days' LIMIT 1000);

-- name: tell_link^
-- A notice with which the address is made; no row: nobody has this e-mail, or it was asked for too often of late.
INSERT INTO notice (kind, audience, account_id, key)
SELECT 'person_link', 'account', a.id, format('person_link/%s/%s', a.id, gen_random_uuid())
FROM account AS a WHERE a.id = meant_account('', :email::text)
  AND (SELECT count(*) FROM notice AS n WHERE n.account_id = a.id AND n.kind = 'person_link'
       AND n.created_at > now() - interval '1 hour') < :most::integer
RETURNING id;
