-- Statements of the administrator's use cases, read by aiosql; a header above each says why.
-- Every mutation is one statement that also writes its audit line: neither exists without the other,
-- and no lock outlives the statement. Amounts are nano-USD.

-- name: create_client^
-- The client, the account for its calls without a known person, for a service also the account it spends from.
-- No row: its id or its key is taken.
WITH made AS (
    INSERT INTO client (id, kind, key_sha256, litellm_key, unknown_users, style, language)
    VALUES (:id, :kind, :key_sha256, :litellm_key, :unknown_users, :style, :language)
    ON CONFLICT DO NOTHING
    RETURNING id, kind, litellm_key, unknown_users, style, language, enabled),
accounts AS (
    INSERT INTO account (client_id, kind)
    SELECT m.id, k.kind FROM made AS m
    JOIN (VALUES ('unattributed'), ('service')) AS k (kind) ON k.kind = 'unattributed' OR m.kind = 'service'),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor, 'create_client', m.id, jsonb_build_object(
               'reason', :reason::text, 'kind', m.kind, 'litellm_key', m.litellm_key,
               'unknown_users', m.unknown_users, 'style', m.style, 'language', m.language)
    FROM made AS m)
SELECT id, kind, litellm_key, unknown_users, style, language, enabled FROM made;

-- name: list_clients
SELECT id, kind, litellm_key, unknown_users, style, language, enabled FROM client ORDER BY id;

-- name: find_client^
SELECT id, kind, litellm_key, unknown_users, style, language, enabled FROM client WHERE id = :id;

-- name: set_client_enabled^
WITH changed AS (
    UPDATE client SET enabled = :enabled WHERE id = :id
    RETURNING id, kind, litellm_key, unknown_users, style, language, enabled),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor, 'set_client_enabled', c.id, jsonb_build_object('reason', :reason::text, 'enabled', c.enabled)
    FROM changed AS c)
SELECT id, kind, litellm_key, unknown_users, style, language, enabled FROM changed;

-- name: find_account^
-- Of a client and what it calls the person; without one: the client's own account, which is that of
-- kind service where there is one, else unattributed. Without a client: of an e-mail, a person's, or the one label's.
SELECT a.id, a.client_id, a.external_id, a.kind, a.status, a.mode_override, a.posted, a.held, a.overdraft,
       a.version, l.display_name, l.email, coalesce(a.due_at <= ledger_now(), false) AS due
FROM account AS a LEFT JOIN account_label AS l ON l.account_id = a.id
WHERE a.id = CASE
    WHEN :external_id::text IS NULL THEN
        (SELECT x.id FROM account AS x WHERE x.client_id = :client_id::text AND x.kind <> 'user' ORDER BY x.kind LIMIT 1)
    ELSE meant_account(:client_id::text, :external_id::text) END;

-- name: open_account^
-- A person's account and labels (personal data, kept apart from the ledger). No row: it is open already.
WITH opened AS (
    INSERT INTO account (client_id, external_id, kind) VALUES (:client_id, :external_id, 'user')
    ON CONFLICT DO NOTHING RETURNING id, client_id, external_id),
labelled AS (
    INSERT INTO account_label (account_id, display_name, email)
    SELECT o.id, :display_name::text, :email::text FROM opened AS o
    WHERE :display_name::text IS NOT NULL OR :email::text IS NOT NULL),
noted AS (
    -- The audit line names the account by its number: who that is, is in the label, which can be erased.
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor, 'open_account', o.id::text, jsonb_build_object('reason', :reason::text, 'client', o.client_id)
    FROM opened AS o)
SELECT id FROM opened;

-- name: set_account_status^
-- An absent (null) argument leaves its column as it is; override '' removes the override. What an administrator says of the
-- status outlives the lists: whoever is on one again is resumed only from what a list did. The person is locked first.
WITH who AS (SELECT p.id FROM person AS p WHERE p.account_id = :account_id::bigint FOR UPDATE),
said AS (
    UPDATE person AS p SET suspended = false FROM who AS w WHERE p.id = w.id AND p.suspended AND :status::text IS NOT NULL),
changed AS (
    UPDATE account SET
        status = coalesce(:status::text, status),
        status_at = CASE WHEN status <> coalesce(:status::text, status) THEN now() ELSE status_at END,
        mode_override = CASE WHEN :mode_override::text IS NULL THEN mode_override
                             ELSE nullif(:mode_override::text, '') END,
        version = version + 1
    FROM (SELECT count(*) FROM who) AS locked
    WHERE id = :account_id RETURNING id, status, mode_override),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor, 'set_account_status', c.id::text, jsonb_build_object(
               'reason', :reason::text, 'status', c.status, 'mode_override', c.mode_override)
    FROM changed AS c)
SELECT id FROM changed;

-- name: grant_credit^
-- A grant with its transfer from funding, posted at once. No row: this request id has been granted before.
WITH made AS (
    SELECT g.o_grant_id, g.o_transfer_id FROM grant_credit(
        :account_id::bigint, :amount::bigint, 'goodwill', 100, NULL, NULL, :actor::text, :reason::text, :request_id::text) AS g),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor::text, 'grant', :account_id::bigint::text, jsonb_build_object(
               'reason', :reason::text, 'amount_nanos', :amount::bigint, 'transfer', m.o_transfer_id)
    FROM made AS m)
SELECT m.o_transfer_id AS id FROM made AS m;

-- name: find_request^
SELECT id, kind, credit_account, amount FROM transfer WHERE request_id = :request_id;

-- name: settle_due^
-- What expired or begins is recorded when somebody looks.
SELECT settle_due(:account_id) AS settled;

-- name: list_statement
-- Newest first, below a transfer id. Each side has an index of its own, so each is read by itself:
-- the cost of a page does not grow with the ledger.
SELECT s.id, s.kind, s.amount, s.hold_id, h.model, s.reason, s.actor, s.event_at, s.recorded_at, s.reverses,
       p.client_id AS person_client, coalesce(p.external_id, '') AS person
FROM (
    (SELECT t.id, t.kind, t.amount, t.hold_id, t.reason, t.actor, t.event_at, t.recorded_at, t.reverses
     FROM transfer AS t WHERE t.credit_account = :account_id AND t.id < :below ORDER BY t.id DESC LIMIT :page_size)
    UNION ALL
    (SELECT t.id, t.kind, -t.amount, t.hold_id, t.reason, t.actor, t.event_at, t.recorded_at, t.reverses
     FROM transfer AS t WHERE t.debit_account = :account_id AND t.id < :below ORDER BY t.id DESC LIMIT :page_size)
) AS s
LEFT JOIN hold AS h ON h.id = s.hold_id LEFT JOIN account AS p ON p.id = h.person_id
ORDER BY s.id DESC LIMIT :page_size;

-- name: read_mode^
-- The mode, and the version under which the processes hear of it.
SELECT e.mode, n.version, (SELECT count(*) FROM account AS a WHERE a.mode_override = 'enforce') AS enforcing
FROM enforcement AS e CROSS JOIN news AS n WHERE n.topic = 'mode';

-- name: set_mode^
WITH before AS (SELECT e.mode FROM enforcement AS e FOR UPDATE),
changed AS (
    UPDATE enforcement SET mode = :mode, changed_at = now() FROM before RETURNING enforcement.mode),
-- Back to shadow is back for everybody, for a cohort that enforced first too.
released AS (
    UPDATE account SET mode_override = NULL WHERE mode_override = 'enforce' AND :mode = 'shadow' RETURNING id),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor, 'set_mode', c.mode, jsonb_build_object('reason', :reason::text, 'before', b.mode,
                                                          'released', (SELECT count(*) FROM released))
    FROM changed AS c CROSS JOIN before AS b)
SELECT mode FROM changed;

-- name: list_holds
-- Open holds, the next to free first, after a (deadline, id); with the kinds of records seen so far. Whose call it is:
-- the person's, also where a pool pays.
SELECT o.hold_id, o.amount, o.deadline_at, h.model, a.client_id, a.external_id,
       extract(epoch FROM now() - h.placed_at)::bigint AS age_s,
       ARRAY(SELECT DISTINCT r.kind || coalesce('_' || (r.body ->> 'stage'), '') FROM call_record AS r
             WHERE r.hold_id = o.hold_id) AS records
FROM hold_open AS o
JOIN hold AS h ON h.id = o.hold_id
JOIN account AS a ON a.id = coalesce(o.person_id, o.account_id)
WHERE (o.deadline_at, o.hold_id) > (:after_at::timestamptz, :after_id::uuid)
  AND (:account_id::bigint IS NULL OR o.account_id = :account_id::bigint OR o.person_id = :account_id::bigint)
ORDER BY o.deadline_at, o.hold_id LIMIT :page_size;

-- name: release_hold^
-- By the same function as every close, so that the books stay right whatever comes in at that moment.
-- No row: it is closed, unknown, or a report came in between.
WITH closed AS (
    SELECT c.o_hold_id, c.o_captured FROM close_batch(jsonb_build_array(jsonb_build_object(
               'hold_id', :hold_id::uuid, 'outcome', 'released', 'reason', 'released_by_support', 'estimate', 0,
               'records_seen', (SELECT count(*) FROM call_record AS r WHERE r.hold_id = :hold_id::uuid)))) AS c),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor, 'release_hold', c.o_hold_id::text, jsonb_build_object(
               'reason', :reason::text, 'captured_nanos', c.o_captured)
    FROM closed AS c)
SELECT o_hold_id FROM closed;

-- name: find_hold^
-- Whose it is, whether it is open, what was still reserved when it closed.
SELECT a.client_id, a.external_id, c.hold_id IS NULL AS open, greatest(c.granted - c.captured, 0) AS freed
FROM hold AS h JOIN account AS a ON a.id = coalesce(h.person_id, h.account_id) LEFT JOIN hold_close AS c ON c.hold_id = h.id
WHERE h.id = :hold_id;

-- name: list_exceptions
-- Newest first, below an id. With the words of whoever called a refusal wrong: those are kept apart, since they can be erased.
SELECT e.id, e.kind, e.subject, e.detail || jsonb_strip_nulls(jsonb_build_object('words', d.words)) AS detail, e.recorded_at,
       e.resolved_at, e.resolved_by, e.resolution
FROM exception AS e LEFT JOIN dispute AS d ON d.exception_id = e.id
WHERE e.id < :below AND (:kind::text = '' OR e.kind = :kind::text) AND (:resolved::boolean OR e.resolved_at IS NULL)
ORDER BY e.id DESC LIMIT :page_size;

-- name: list_alarms
-- Newest first, below an id.
SELECT a.id, a.kind, a.subject, a.detail, a.raised_at FROM alarm AS a
WHERE a.id < :below AND (:kind::text = '' OR a.kind = :kind::text)
ORDER BY a.id DESC LIMIT :page_size;

-- name: name_accounts
-- Whose accounts these are; the ledger's own have no name.
SELECT a.id, a.client_id, a.external_id FROM account AS a WHERE a.id = ANY (:ids);

-- name: find_exception^
SELECT e.resolved_by, e.resolution FROM exception AS e WHERE e.id = :id;

-- name: resolve_exception^
-- Once: of two who resolve it together one waits, then finds no row.
WITH resolved AS (
    UPDATE exception SET resolved_at = now(), resolved_by = :actor::text, resolution = :reason::text
    WHERE id = :id AND resolved_at IS NULL
    RETURNING id, kind, subject, detail, recorded_at, resolved_at, resolved_by, resolution),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor::text, 'resolve_exception', x.id::text, jsonb_build_object(
               'reason', :reason::text, 'kind', x.kind, 'subject', x.subject)
    FROM resolved AS x)
SELECT id, kind, subject, detail, recorded_at, resolved_at, resolved_by, resolution FROM resolved;

-- name: explain_decisions
-- Refusals and would-be refusals; a reference is the beginning of an id, so a range of ids.
SELECT d.hold_id, d.kind, d.reason, d.detail, d.model, d.want, d.target, d.minimum, d.posted, d.held, d.overdraft, d.others,
       (SELECT jsonb_object_agg(o.id, jsonb_build_object('pool', x.name, 'period', c.period, 'limit', c.limit_nanos,
                                    'whose', CASE WHEN c.owner_id IS NULL THEN 'everybody' WHEN c.source = 'self' THEN 'own' ELSE 'admin' END,
                                    'out_of', (SELECT y.name FROM account AS y WHERE y.id = c.pool_id)))
        FROM jsonb_to_recordset(d.others) AS o (id bigint) JOIN account AS x ON x.id = o.id
        LEFT JOIN cap AS c ON c.account_id = o.id) AS named,
       d.decided_at, coalesce(a.client_id, d.client_id) AS client_id, a.external_id, a.id IS NULL AS person_unknown,
       -- What the account was at the version that the refusal names: suspended by a person, or frozen.
       (SELECT x.status FROM account_history AS x WHERE x.account_id = d.account_id AND x.version <= d.account_version
        ORDER BY x.version DESC LIMIT 1) AS then_status
FROM decision AS d LEFT JOIN hold AS h ON h.id = d.hold_id
LEFT JOIN account AS a ON a.id = coalesce(h.person_id, d.account_id)
WHERE d.hold_id BETWEEN :low AND :high ORDER BY d.decided_at DESC LIMIT :page_size;

-- name: explain_holds
SELECT h.id AS hold_id, h.model, h.route, h.want, h.target, h.minimum, h.placed_at, a.client_id, a.external_id,
       false AS person_unknown, coalesce(c.granted, o.granted, h.granted) AS granted, coalesce(c.captured, o.captured, 0) AS captured,
       coalesce(c.overage, 0) AS overage,
       -- Debited since the close: the charges and an estimate that still stands, less what the close says.
       CASE WHEN c.hold_id IS NULL THEN 0 ELSE
           coalesce((SELECT sum(u.cost) FROM usage_event AS u WHERE u.hold_id = h.id), 0)
           + coalesce((SELECT t.amount FROM transfer AS t WHERE t.hold_id = h.id AND t.kind = 'estimate'
                       AND NOT EXISTS (SELECT FROM transfer AS x WHERE x.reverses = t.id)), 0)
           - c.captured END::bigint AS late,
       (SELECT r.body ->> 'field' FROM call_record AS r WHERE r.hold_id = h.id AND r.kind = 'end'
        ORDER BY r.recorded_at, r.id LIMIT 1) AS field, c.outcome, c.reason, c.closed_at, h.placed_by,
       h.markup_percent, EXISTS (SELECT FROM usage_event AS u WHERE u.hold_id = h.id AND 'house_price' = ANY (u.flags)) AS house,
       ARRAY(SELECT DISTINCT r.kind || coalesce('_' || (r.body ->> 'stage'), '') FROM call_record AS r
             WHERE r.hold_id = h.id) AS records
FROM hold AS h
JOIN account AS a ON a.id = coalesce(h.person_id, h.account_id)
LEFT JOIN hold_open AS o ON o.hold_id = h.id
LEFT JOIN hold_close AS c ON c.hold_id = h.id
WHERE h.id BETWEEN :low AND :high ORDER BY h.placed_at DESC LIMIT :page_size;

-- name: find_policy^
-- The newest of a subject.
SELECT version, subject_kind, subject_id, body, changed_at, changed_by FROM policy
WHERE subject_kind = :kind AND subject_id = :id ORDER BY version DESC LIMIT 1;

-- name: list_policies
-- The newest of each subject, without those that say nothing.
SELECT p.version, p.subject_kind, p.subject_id, p.body, p.changed_at, p.changed_by
FROM (SELECT DISTINCT ON (subject_kind, subject_id) version, subject_kind, subject_id, body, changed_at, changed_by
      FROM policy ORDER BY subject_kind, subject_id, version DESC) AS p
WHERE p.body <> '{}' ORDER BY p.subject_kind, p.subject_id;

-- name: set_policy^
-- No row: another version is in force than the caller has seen, or a rival was first (the unique index decides).
WITH present AS (
    SELECT coalesce(max(p.version), 0) AS version FROM policy AS p
    WHERE p.subject_kind = :kind AND p.subject_id = :id),
made AS (
    INSERT INTO policy (subject_kind, subject_id, body, changed_by, replaces)
    SELECT :kind, :id, :body, :actor, c.version FROM present AS c
    WHERE :replaces::bigint IS NULL OR c.version = :replaces::bigint
    ON CONFLICT DO NOTHING
    RETURNING version, subject_kind, subject_id, body, changed_at, changed_by, replaces),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor, 'set_policy', m.subject_kind || ':' || m.subject_id, jsonb_build_object(
               'reason', :reason::text, 'version', m.version, 'body', m.body,
               'before', (SELECT b.body FROM policy AS b WHERE b.version = m.replaces))
    FROM made AS m)
SELECT version, subject_kind, subject_id, body, changed_at, changed_by FROM made;
