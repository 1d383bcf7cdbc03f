-- The invariants of the books, read by aiosql: each statement returns one row per violation
-- (account_id or null, subject, detail); no row: the promise holds.
-- Arguments, where a statement uses them: since (rows written by this transaction or a later one; 0: all rows),
-- accounts (these only; null: all), from_at (holds placed since), grace_s. Amounts are nano-USD.
-- All of a run read one snapshot (REPEATABLE READ), so traffic that goes on never looks like a violation.
-- "The chain begins": rows of before migration 0006 have no history that could explain them.

-- name: posted
-- Every transfer of the account, added up anew.
WITH moved AS (
    SELECT t.credit_account AS account_id, t.amount FROM transfer AS t
    WHERE :accounts::bigint[] IS NULL OR t.credit_account = ANY (:accounts)
    UNION ALL
    SELECT t.debit_account, -t.amount FROM transfer AS t
    WHERE :accounts::bigint[] IS NULL OR t.debit_account = ANY (:accounts)),
summed AS (SELECT m.account_id, sum(m.amount) AS amount FROM moved AS m GROUP BY m.account_id)
SELECT a.id AS account_id, 'account ' || a.id AS subject,
       format('posted is %s, its transfers add up to %s', a.posted, coalesce(s.amount, 0)) AS detail
FROM account AS a LEFT JOIN summed AS s ON s.account_id = a.id
WHERE a.kind NOT IN ('funding', 'provider', 'breakage', 'cap') AND (:accounts::bigint[] IS NULL OR a.id = ANY (:accounts))
  AND a.posted <> coalesce(s.amount, 0);

-- name: held
-- On the account that pays, and on every cap that the hold counts under.
WITH reserved AS (
    SELECT r.account_id, sum(r.amount) AS amount FROM (
        SELECT o.account_id, o.amount FROM hold_open AS o
        UNION ALL
        SELECT c.id, o.amount FROM hold_open AS o JOIN hold AS h ON h.id = o.hold_id CROSS JOIN unnest(h.caps) AS c (id)) AS r
    WHERE :accounts::bigint[] IS NULL OR r.account_id = ANY (:accounts) GROUP BY r.account_id)
SELECT a.id AS account_id, 'account ' || a.id AS subject,
       format('held is %s, its open holds add up to %s', a.held, coalesce(r.amount, 0)) AS detail
FROM account AS a LEFT JOIN reserved AS r ON r.account_id = a.id
WHERE a.kind NOT IN ('funding', 'provider', 'breakage') AND (:accounts::bigint[] IS NULL OR a.id = ANY (:accounts))
  AND a.held <> coalesce(r.amount, 0);

-- name: grants_posted
-- Posted is what remains of the grants; less only by a debt, and that only where nothing active remains.
WITH left_over AS (
    SELECT g.account_id, sum(g.remaining) AS remaining, sum(g.remaining) FILTER (WHERE g.open) AS active
    FROM credit_grant AS g
    WHERE g.remaining > 0 AND (:accounts::bigint[] IS NULL OR g.account_id = ANY (:accounts)) GROUP BY g.account_id)
SELECT a.id AS account_id, 'account ' || a.id AS subject,
       format('posted is %s, of its grants remain %s, of these %s active', a.posted, coalesce(l.remaining, 0), coalesce(l.active, 0)) AS detail
FROM account AS a LEFT JOIN left_over AS l ON l.account_id = a.id
WHERE a.kind NOT IN ('funding', 'provider', 'breakage', 'cap') AND (:accounts::bigint[] IS NULL OR a.id = ANY (:accounts))
  AND (a.posted > coalesce(l.remaining, 0) OR a.posted < coalesce(l.remaining, 0) AND l.active > 0);

-- name: grant_remaining
SELECT g.account_id, 'grant ' || g.id AS subject,
       format('remaining is %s, its entries add up to %s', g.remaining, coalesce(sum(e.amount), 0)) AS detail
FROM credit_grant AS g LEFT JOIN grant_entry AS e ON e.grant_id = g.id
WHERE :accounts::bigint[] IS NULL OR g.account_id = ANY (:accounts)
GROUP BY g.id HAVING g.remaining <> coalesce(sum(e.amount), 0);

-- name: spared
SELECT g.account_id, 'grant ' || g.id AS subject,
       format('has ended with %s remaining, spared for open holds are %s', g.remaining, coalesce(sum(s.amount), 0)) AS detail
FROM credit_grant AS g LEFT JOIN hold_spared AS s ON s.grant_id = g.id
WHERE (:accounts::bigint[] IS NULL OR g.account_id = ANY (:accounts))
  AND g.state IN ('expired', 'revoked') AND (g.remaining > 0 OR s.amount IS NOT NULL)
GROUP BY g.id HAVING g.remaining <> coalesce(sum(s.amount), 0);

-- name: due_known
-- Whoever decides on the account settles first what is due: so its next moment must be known.
SELECT a.id AS account_id, 'account ' || a.id AS subject,
       format('is due at %s, something of it at %s', a.due_at, next_due(a.id, a.plan_ends_at)) AS detail
FROM account AS a
WHERE a.kind NOT IN ('funding', 'provider', 'breakage', 'cap') AND (:accounts::bigint[] IS NULL OR a.id = ANY (:accounts))
  AND next_due(a.id, a.plan_ends_at) < coalesce(a.due_at, 'infinity');

-- name: advanced
SELECT a.id AS account_id, 'account ' || a.id AS subject,
       format('%s were had in advance, the entries add up to %s', a.advanced, coalesce(e.amount, 0)) AS detail
FROM account AS a
LEFT JOIN LATERAL (SELECT sum(x.amount) AS amount FROM advance_entry AS x WHERE x.account_id = a.id) AS e ON true
WHERE (:accounts::bigint[] IS NULL OR a.id = ANY (:accounts)) AND a.advanced <> coalesce(e.amount, 0);

-- name: requested
SELECT c.account_id, 'credit request ' || c.id AS subject,
       format('%s were approved, grant %s is %s of account %s', c.granted, g.id, g.amount, g.account_id) AS detail
FROM credit_request AS c JOIN credit_grant AS g ON g.id = c.grant_id
WHERE (:accounts::bigint[] IS NULL OR c.account_id = ANY (:accounts))
  AND (g.account_id, g.amount, g.source, g.request_id) IS DISTINCT FROM
      (c.account_id, c.granted, 'request', format('credit-request/%s', c.id));

-- name: cap_posted
SELECT c.account_id, 'cap ' || c.account_id AS subject,
       format('%s are left of %s, %s were counted in this period', a.posted, c.limit_nanos, coalesce(sum(u.amount), 0)) AS detail
FROM cap AS c JOIN account AS a ON a.id = c.account_id
LEFT JOIN cap_use AS u ON u.cap_id = c.account_id AND u.period_at = c.period_at
WHERE :accounts::bigint[] IS NULL OR c.account_id = ANY (:accounts)
GROUP BY c.account_id, a.posted, c.limit_nanos HAVING a.posted <> c.limit_nanos - coalesce(sum(u.amount), 0);

-- name: newest_history
SELECT a.id AS account_id, 'account ' || a.id AS subject,
       format('version %s is (%s, %s, %s, %s), its history ends with version %s (%s, %s, %s, %s)', a.version, a.posted,
              a.held, a.overdraft, a.status, b.version, b.posted, b.held, b.overdraft, b.status) AS detail
FROM account AS a LEFT JOIN LATERAL (
    SELECT x.version, x.posted, x.held, x.overdraft, x.status FROM account_history AS x
    WHERE x.account_id = a.id ORDER BY x.version DESC LIMIT 1) AS b ON true
WHERE a.kind NOT IN ('funding', 'provider', 'breakage', 'cap') AND (:accounts::bigint[] IS NULL OR a.id = ANY (:accounts))
  AND (a.version, a.posted, a.held, a.overdraft, a.status) IS DISTINCT FROM
      (coalesce(b.version, 0), coalesce(b.posted, 0), coalesce(b.held, 0), coalesce(b.overdraft, a.overdraft),
       coalesce(b.status, a.status));

-- name: step_posted
-- By transaction: what it changed in posted is what it transferred. Proportional to the rows looked at, so
-- the minute's run needs no account's whole past.
WITH begun AS (SELECT s.to_tx AS tx FROM seal AS s WHERE s.number = 0),
steps AS (
    SELECT x.account_id, x.tx, sum(x.posted - coalesce(p.posted, 0)) AS amount
    FROM account_history AS x JOIN account AS k ON k.id = x.account_id AND k.kind <> 'cap' LEFT JOIN LATERAL (
        SELECT y.posted FROM account_history AS y
        WHERE y.account_id = x.account_id AND y.version < x.version ORDER BY y.version DESC LIMIT 1) AS p ON true
    WHERE x.tx >= :since AND x.tx > (SELECT b.tx FROM begun AS b)
      AND (:accounts::bigint[] IS NULL OR x.account_id = ANY (:accounts))
    GROUP BY x.account_id, x.tx),
moved AS (
    SELECT t.credit_account AS account_id, t.tx, t.amount FROM transfer AS t
    WHERE t.tx >= :since AND (:accounts::bigint[] IS NULL OR t.credit_account = ANY (:accounts))
    UNION ALL
    SELECT t.debit_account, t.tx, -t.amount FROM transfer AS t
    WHERE t.tx >= :since AND (:accounts::bigint[] IS NULL OR t.debit_account = ANY (:accounts))),
summed AS (
    SELECT m.account_id, m.tx, sum(m.amount) AS amount FROM moved AS m JOIN account AS a ON a.id = m.account_id
    WHERE a.kind NOT IN ('funding', 'provider', 'breakage', 'cap') AND m.tx > (SELECT b.tx FROM begun AS b)
    GROUP BY m.account_id, m.tx)
SELECT coalesce(s.account_id, m.account_id) AS account_id,
       format('account %s, transaction %s', coalesce(s.account_id, m.account_id), coalesce(s.tx, m.tx)) AS subject,
       format('posted changed by %s, transferred was %s', coalesce(s.amount, 0), coalesce(m.amount, 0)) AS detail
FROM steps AS s FULL JOIN summed AS m ON m.account_id = s.account_id AND m.tx = s.tx
WHERE coalesce(s.amount, 0) <> coalesce(m.amount, 0);

-- name: step_versions
-- A version is one change, or one hold of a batch: then held rose by what those holds were granted. Nothing is
-- missing, and a step changes figures, or the overdraft, or the status (so the freeze hides no changed figure).
SELECT x.account_id, format('account %s, version %s', x.account_id, x.version) AS subject,
       format('follows version %s; %s holds of %s in all are placed between; (posted, held, overdraft, status) was '
              '(%s, %s, %s, %s), is (%s, %s, %s, %s)', coalesce(p.version, 0), b.holds, b.granted, p.posted, p.held,
              p.overdraft, p.status, x.posted, x.held, x.overdraft, x.status) AS detail
FROM account_history AS x JOIN account AS k ON k.id = x.account_id AND k.kind <> 'cap'
LEFT JOIN LATERAL (
    SELECT y.version, y.posted, y.held, y.overdraft, y.status FROM account_history AS y
    WHERE y.account_id = x.account_id AND y.version < x.version ORDER BY y.version DESC LIMIT 1) AS p ON true
CROSS JOIN LATERAL (
    SELECT count(*) AS holds, count(DISTINCT h.account_version) AS versions, coalesce(sum(h.granted), 0) AS granted FROM hold AS h
    WHERE h.account_id = x.account_id AND h.account_version >= coalesce(p.version, 0)
      AND h.account_version < x.version AND h.placed_by <> 'report') AS b
WHERE x.tx >= :since AND x.tx > (SELECT s.to_tx FROM seal AS s WHERE s.number = 0)
  AND (:accounts::bigint[] IS NULL OR x.account_id = ANY (:accounts))
  AND NOT (
    CASE WHEN b.holds = 0 THEN x.version = coalesce(p.version, 0) + 1
         ELSE x.version = coalesce(p.version, 0) + b.holds AND b.versions = b.holds AND x.held = coalesce(p.held, 0) + b.granted
              AND x.posted = coalesce(p.posted, 0) END
    AND (p.version IS NULL OR ((x.posted, x.held) IS DISTINCT FROM (p.posted, p.held))::int
         + (x.overdraft <> p.overdraft)::int + (x.status <> p.status)::int <= 1));

-- name: hold_version
-- A hold that reserved something made a version of its account.
SELECT h.account_id, 'hold ' || h.id AS subject,
       format('was placed on version %s; the account is at %s', h.account_version, a.version) AS detail
FROM account AS a JOIN hold AS h ON h.account_id = a.id AND h.account_version >= a.version
WHERE h.placed_by <> 'report' AND (:accounts::bigint[] IS NULL OR a.id = ANY (:accounts));

-- name: debit_once
-- Every usage event belongs to a hold, of the same account; what cost something is debited there, once, to the nano.
SELECT h.account_id, 'usage event ' || u.id AS subject,
       format('account %s, cost %s; debited %s from account %s', u.account_id, u.cost, coalesce(t.amount, 0),
              t.debit_account) AS detail
FROM usage_event AS u JOIN hold AS h ON h.id = u.hold_id
LEFT JOIN transfer AS t ON t.event_id = u.id AND t.kind = 'charge'
WHERE u.tx >= :since AND (:accounts::bigint[] IS NULL OR h.account_id = ANY (:accounts))
  AND (u.account_id <> h.account_id
       OR CASE WHEN u.cost = 0 THEN t.id IS NOT NULL
               ELSE (t.amount, t.debit_account, t.hold_id) IS DISTINCT FROM (u.cost, h.account_id, u.hold_id) END)
UNION ALL
SELECT t.debit_account, 'transfer ' || t.id, format('charges for %s, which is no usage event', t.event_id)
FROM transfer AS t
WHERE t.kind = 'charge' AND t.tx >= :since AND (:accounts::bigint[] IS NULL OR t.debit_account = ANY (:accounts))
  AND NOT EXISTS (SELECT FROM usage_event AS u WHERE u.id = t.event_id)
UNION ALL
SELECT NULL, 'usage event ' || u.id, 'belongs to no hold'
FROM usage_event AS u
WHERE :accounts::bigint[] IS NULL AND u.tx >= :since AND NOT EXISTS (SELECT FROM hold AS h WHERE h.id = u.hold_id);

-- name: estimate_once
-- A charge made after the estimate replaces it; an estimate after a charge is for another part of the call.
SELECT e.debit_account AS account_id, 'hold ' || e.hold_id AS subject,
       format('estimate %s stands beside charge %s', e.id, c.id) AS detail
FROM transfer AS c JOIN usage_event AS u ON u.id = c.event_id
JOIN transfer AS e ON e.hold_id = u.hold_id AND e.kind = 'estimate' AND e.id < c.id
WHERE c.kind = 'charge' AND c.tx >= :since AND (:accounts::bigint[] IS NULL OR c.debit_account = ANY (:accounts))
  AND NOT EXISTS (SELECT FROM transfer AS r WHERE r.reverses = e.id);

-- name: reversal
SELECT (SELECT a.id FROM account AS a WHERE a.id IN (r.debit_account, r.credit_account)
        AND a.kind NOT IN ('funding', 'provider') ORDER BY a.id LIMIT 1) AS account_id,
       'transfer ' || r.id AS subject,
       format('reverses %s of %s with %s', r.reverses, coalesce(t.amount, 0), r.amount) AS detail
FROM transfer AS r LEFT JOIN transfer AS t ON t.id = r.reverses
WHERE r.kind = 'reversal' AND r.tx >= :since
  AND (:accounts::bigint[] IS NULL OR r.credit_account = ANY (:accounts) OR r.debit_account = ANY (:accounts))
  AND (t.amount, t.debit_account, t.credit_account, t.hold_id)
      IS DISTINCT FROM (r.amount, r.credit_account, r.debit_account, r.hold_id);

-- name: transfer_sides
SELECT CASE WHEN d.kind NOT IN ('funding', 'provider') THEN d.id
            WHEN c.kind NOT IN ('funding', 'provider') THEN c.id END AS account_id, 'transfer ' || t.id AS subject,
       format('moves %s from %s to %s', t.amount, coalesce(d.kind, 'nobody'), coalesce(c.kind, 'nobody')) AS detail
FROM transfer AS t
LEFT JOIN account AS d ON d.id = t.debit_account LEFT JOIN account AS c ON c.id = t.credit_account
WHERE t.tx >= :since
  AND (:accounts::bigint[] IS NULL OR t.debit_account = ANY (:accounts) OR t.credit_account = ANY (:accounts))
  AND (t.amount <= 0 OR d.id IS NULL OR c.id IS NULL OR d.id = c.id);

-- name: hold_state
SELECT h.account_id, 'hold ' || h.id AS subject,
       CASE WHEN o.hold_id IS NULL THEN 'is neither open nor closed' WHEN c.hold_id IS NULL THEN 'is open on another account'
            ELSE 'is open, and closed' END AS detail
FROM hold AS h
LEFT JOIN hold_open AS o ON o.hold_id = h.id LEFT JOIN hold_close AS c ON c.hold_id = h.id
WHERE h.placed_at >= :from_at AND (:accounts::bigint[] IS NULL OR h.account_id = ANY (:accounts))
  AND ((o.hold_id IS NULL) = (c.hold_id IS NULL) OR o.account_id <> h.account_id)
UNION ALL
SELECT h.account_id, 'hold ' || h.id, 'is open, and closed'
FROM hold_open AS o JOIN hold_close AS c ON c.hold_id = o.hold_id JOIN hold AS h ON h.id = o.hold_id
WHERE h.placed_at < :from_at AND (:accounts::bigint[] IS NULL OR h.account_id = ANY (:accounts));

-- name: close_sum
-- What a hold captured is its estimate plus its charges up to the closing. Later ones are late debits: they are in
-- the account, never in the closed hold. Which is which the account's versions say; they are looked up only where
-- not all of it adds up, or a charge bears a later time than the closing.
WITH doubtful AS (
    SELECT c.hold_id, h.account_id, c.captured, c.tx, coalesce(e.amount, 0) AS estimate
    FROM hold_close AS c JOIN hold AS h ON h.id = c.hold_id
    LEFT JOIN transfer AS e ON e.hold_id = c.hold_id AND e.kind = 'estimate' AND e.tx = c.tx
    LEFT JOIN usage_event AS u ON u.hold_id = c.hold_id AND u.cost > 0
    LEFT JOIN transfer AS t ON t.event_id = u.id AND t.kind = 'charge'
    WHERE c.tx >= :since AND c.tx > (SELECT s.to_tx FROM seal AS s WHERE s.number = 0)
      AND (:accounts::bigint[] IS NULL OR h.account_id = ANY (:accounts))
    GROUP BY c.hold_id, h.account_id, c.captured, c.tx, e.amount
    HAVING c.captured <> coalesce(e.amount, 0) + coalesce(sum(t.amount), 0) OR bool_or(t.recorded_at > c.closed_at)),
debited AS (
    SELECT d.hold_id, d.account_id, d.captured, d.estimate + coalesce((
               SELECT sum(t.amount) FROM usage_event AS u
               JOIN transfer AS t ON t.event_id = u.id AND t.kind = 'charge'
               WHERE u.hold_id = d.hold_id
                 AND (SELECT min(x.version) FROM account_history AS x WHERE x.tx = t.tx AND x.account_id = d.account_id)
                  <= (SELECT min(x.version) FROM account_history AS x WHERE x.tx = d.tx AND x.account_id = d.account_id)
           ), 0) AS amount
    FROM doubtful AS d)
SELECT d.account_id, 'hold ' || d.hold_id AS subject,
       format('captured %s, debited until it closed %s', d.captured, d.amount) AS detail
FROM debited AS d WHERE d.captured <> d.amount;

-- name: overage
SELECT h.account_id, 'hold ' || h.id AS subject,
       format('placed by %s with %s, grew to %s, captured %s, overage %s', h.placed_by, h.granted, c.granted,
              c.captured, c.overage) AS detail
FROM hold_close AS c JOIN hold AS h ON h.id = c.hold_id
WHERE c.tx >= :since AND (:accounts::bigint[] IS NULL OR h.account_id = ANY (:accounts))
  AND (c.granted < h.granted
       OR c.overage <> CASE WHEN h.placed_by = 'report' THEN 0 ELSE greatest(c.captured - c.granted, 0) END);

-- name: close_reason
SELECT h.account_id, 'hold ' || h.id AS subject, format('is %s for no stated reason', c.outcome) AS detail
FROM hold_close AS c JOIN hold AS h ON h.id = c.hold_id
WHERE c.tx >= :since AND (:accounts::bigint[] IS NULL OR h.account_id = ANY (:accounts)) AND btrim(c.reason) = '';

-- name: overdue
SELECT o.account_id, 'hold ' || o.hold_id AS subject,
       format('is open since %s s after its deadline', extract(epoch FROM now() - o.deadline_at)::bigint) AS detail
FROM hold_open AS o
WHERE o.deadline_at < now() - make_interval(secs => :grace_s)
  AND (:accounts::bigint[] IS NULL OR o.account_id = ANY (:accounts));

-- name: refused_placed
-- A refused id never becomes a hold of authz. (A refused extension is about a hold that was there before.)
SELECT h.account_id, 'hold ' || h.id AS subject,
       format('was refused on version %s and placed on version %s', d.account_version, h.account_version) AS detail
FROM hold AS h JOIN decision AS d ON d.hold_id = h.id
WHERE h.placed_at >= :from_at AND (:accounts::bigint[] IS NULL OR h.account_id = ANY (:accounts))
  AND h.placed_by = 'authz' AND d.kind = 'refuse' AND d.account_version IS NOT NULL
  AND (h.account_version >= d.account_version OR (h.granted > 0 AND d.own_granted = 0));
