-- Statements of people and their imports, read by aiosql; a header above each says why.
-- An import and its undoing are several statements in one transaction, with one audit line for all of it.

-- name: lock_people
-- Two imports at once would each find the people changed. Whoever waits for an account gives up in time.
SELECT pg_advisory_xact_lock(5055), set_config('lock_timeout', '5s', true);

-- name: find_people_import^
SELECT b.id, b.digest, b.undone_at, b.imported_at FROM import_batch AS b
WHERE b.request_id = :request_id OR b.id = :id::bigint;

-- name: read_people
-- All but the erased, with what imports gave them.
SELECT p.id, p.email, p.name, p.plan_id AS plan, p.team, p.cost_center, p.language, p.state, p.account_id,
       coalesce((SELECT jsonb_agg(jsonb_build_object('amount', c.amount, 'until', extract(epoch FROM c.valid_until)::bigint))
                 FROM person_credit AS c WHERE c.person_id = p.id AND c.state <> 'undone'), '[]') AS credits
FROM person AS p WHERE p.state <> 'erased' ORDER BY p.account_id NULLS LAST, p.id;

-- name: add_batch^
INSERT INTO import_batch (digest, actor, reason, request_id) VALUES (:digest, :actor, :reason, :request_id) RETURNING id;

-- name: note_people_import!
INSERT INTO audit (actor, action, subject, detail)
VALUES (:actor, :action, :batch::bigint::text, :detail::jsonb || jsonb_build_object('reason', :reason::text));

-- name: add_person^
INSERT INTO person (email, name, plan_id, team, cost_center, language)
VALUES (:email, :name, :plan, :team, :cost_center, :language) RETURNING id;

-- name: change_person!
-- The fields that the object names, and no others.
UPDATE person AS p SET
    name = CASE WHEN x.o ? 'name' THEN x.o ->> 'name' ELSE p.name END,
    plan_id = CASE WHEN x.o ? 'plan' THEN x.o ->> 'plan' ELSE p.plan_id END,
    team = CASE WHEN x.o ? 'team' THEN x.o ->> 'team' ELSE p.team END,
    cost_center = CASE WHEN x.o ? 'cost_center' THEN x.o ->> 'cost_center' ELSE p.cost_center END,
    language = CASE WHEN x.o ? 'language' THEN x.o ->> 'language' ELSE p.language END,
    state = CASE WHEN x.o ? 'state' THEN x.o ->> 'state' ELSE p.state END
FROM (SELECT :fields::jsonb AS o) AS x WHERE p.id = :person_id;

-- name: add_item!
INSERT INTO import_item (batch_id, person_id, change, before, after)
VALUES (:batch, :person_id, :change, :before::jsonb, :after::jsonb);

-- name: add_credit!
INSERT INTO person_credit (person_id, batch_id, amount, valid_until) VALUES (:person_id, :batch, :amount, :valid_until);

-- name: furnish_person^
SELECT furnish_person(:person_id::bigint, :old_team::text)::text AS nothing;

-- name: list_expected
-- Who waited under "Who is this?" and is a person now: in the order of their accounts.
SELECT p.id AS person_id, s.client_id, s.external_id, s.account_id FROM stranger AS s JOIN person AS p ON p.email = s.email
JOIN client AS c ON c.id = s.client_id AND c.verified_emails ORDER BY s.account_id NULLS LAST, s.external_id;

-- name: attach_person^
SELECT attach_person(:person_id::bigint, :client_id::text, :external_id::text, :actor::text, :reason::text) AS account_id;

-- name: note_guest!
-- Whom the batch makes a person of, with the account that is a guest's: its undoing gives it back, on the plan it was on.
UPDATE import_item AS i SET after = i.after || '{"guest": true}',
    before = jsonb_build_object('plan', (SELECT a.plan_id FROM account AS a WHERE a.id = :account_id::bigint))
WHERE i.batch_id = :batch AND i.person_id = :person_id AND i.change = 'new';

-- name: forget_guest^
SELECT forget_guest(:person_id::bigint, :email::text)::text AS nothing;

-- name: list_items
-- In the order of their accounts; later: the first import since that changed the same person and stands.
SELECT i.person_id, i.change, i.before, i.after, p.email, p.account_id, p.plan_id AS plan, p.team, p.state,
       EXISTS (SELECT FROM identity AS d WHERE d.person_id = p.id) AS bound,
       (SELECT min(x.batch_id) FROM import_item AS x JOIN import_batch AS b ON b.id = x.batch_id
        WHERE x.person_id = i.person_id AND x.batch_id > i.batch_id AND b.undone_at IS NULL) AS later
FROM import_item AS i JOIN person AS p ON p.id = i.person_id
WHERE i.batch_id = :batch AND p.state <> 'erased' ORDER BY p.account_id NULLS LAST, p.id;

-- name: take_credit_back
-- Of one person: what waited is gone, of what was given what is left is revoked.
WITH undone AS (
    UPDATE person_credit AS c SET state = 'undone' WHERE c.batch_id = :batch AND c.person_id = :person_id AND c.state <> 'undone'
    RETURNING c.grant_id)
SELECT r.o_amount FROM undone AS u CROSS JOIN LATERAL revoke_grant(u.grant_id, :actor::text, :reason::text) AS r
WHERE u.grant_id IS NOT NULL;

-- name: take_allowance_back
-- What a plan given by the batch has granted since.
SELECT r.o_amount FROM (
    SELECT g.id FROM credit_grant AS g
    WHERE g.account_id = :account_id AND g.source = 'plan' AND g.reason = :plan AND g.state = 'active'
      AND g.created_at >= (SELECT b.imported_at FROM import_batch AS b WHERE b.id = :batch)) AS x
CROSS JOIN LATERAL revoke_grant(x.id, :actor::text, :reason::text) AS r;

-- name: remove_person!
-- Who has neither account nor name at a client: nothing of the ledger speaks of them.
WITH credits AS (DELETE FROM person_credit AS c WHERE c.person_id = :person_id),
items AS (UPDATE import_item AS i SET before = '{}', after = '{}' WHERE i.person_id = :person_id)
DELETE FROM person AS p WHERE p.id = :person_id;

-- name: end_batch!
UPDATE import_batch SET undone_at = now() WHERE id = :batch;

-- name: list_people_imports
SELECT b.id, b.actor, b.reason, b.imported_at, b.undone_at,
       (SELECT count(*) FROM import_item AS i WHERE i.batch_id = b.id) AS people
FROM import_batch AS b ORDER BY b.id DESC LIMIT 100;

-- name: list_people
-- After an id. available as it stands: what is due is settled when somebody looks at the account itself.
SELECT p.id, p.email, p.name, p.team, p.cost_center, p.language, p.plan_id AS plan, p.state, a.client_id, a.external_id,
       coalesce(a.posted + a.overdraft - a.held, 0) AS available,
       coalesce((SELECT sum(c.amount) FROM person_credit AS c WHERE c.person_id = p.id AND c.state = 'waiting'), 0)::bigint AS waiting
FROM person AS p LEFT JOIN account AS a ON a.id = p.account_id
WHERE p.id > :after AND p.state <> 'erased' AND (:email::text = '' OR p.email = :email::text)
  AND (:team::text = '' OR p.team = :team::text) AND (:state::text = '' OR p.state = :state::text)
ORDER BY p.id LIMIT :page_size;

-- name: list_identities
SELECT i.client_id, i.external_id FROM identity AS i WHERE i.person_id = :person_id ORDER BY i.bound_at, i.external_id;

-- name: find_identity^
SELECT i.person_id, p.email FROM identity AS i JOIN person AS p ON p.id = i.person_id
WHERE i.client_id = :client_id AND i.external_id = :external_id;

-- name: unbind_person^
-- The name means nobody from now on; its first request asks again.
WITH gone AS (
    DELETE FROM identity AS i WHERE i.client_id = :client_id AND i.external_id = :external_id RETURNING i.person_id),
told AS (UPDATE news SET version = version + 1 FROM gone AS g WHERE topic = 'people'),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor::text, 'unbind_person', g.person_id::text, jsonb_build_object('reason', :reason::text, 'client', :client_id::text)
    FROM gone AS g)
SELECT person_id FROM gone;

-- name: erase_person^
-- All that says who it is; account, entries and audit go on with numbers. The account is suspended.
WITH gone AS (
    UPDATE person AS p SET email = NULL, name = NULL, cost_center = NULL, language = NULL, state = 'erased'
    WHERE p.email = :email RETURNING p.id, p.account_id),
items AS (UPDATE import_item AS i SET before = '{}', after = '{}' FROM gone AS g WHERE i.person_id = g.id),
credits AS (UPDATE person_credit AS c SET state = 'undone' FROM gone AS g WHERE c.person_id = g.id AND c.state = 'waiting'),
strangers AS (DELETE FROM stranger AS s WHERE s.email = :email),
labels AS (DELETE FROM account_label AS l USING gone AS g WHERE l.account_id = g.account_id OR lower(l.email) = :email),
asked AS (  -- what they wrote goes, what waits for an answer is taken back
    UPDATE credit_request AS c SET why = NULL,
        state = CASE c.state WHEN 'requested' THEN 'withdrawn' ELSE c.state END, decided_at = coalesce(c.decided_at, ledger_now())
    FROM gone AS g WHERE c.account_id = g.account_id),
wrong AS (UPDATE dispute AS d SET words = NULL FROM gone AS g WHERE d.account_id = g.account_id),
links AS (DELETE FROM person_link AS k USING gone AS g WHERE k.account_id = g.account_id),
closed AS (
    UPDATE account AS a SET status = 'suspended', status_at = now(), version = a.version + 1
    FROM gone AS g WHERE a.id = g.account_id AND a.status = 'active'),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor::text, 'erase_person', g.id::text, jsonb_build_object('reason', :reason::text, 'account', g.account_id) FROM gone AS g)
SELECT id FROM gone;

-- name: list_strangers
-- Newest first.
SELECT s.client_id, s.external_id, coalesce(s.email, '') AS email, s.account_id IS NOT NULL AS has_account, s.seen_at
FROM stranger AS s ORDER BY s.seen_at DESC, s.external_id LIMIT :page_size;

-- name: list_client_people
SELECT c.id, c.verified_emails, coalesce(c.guest_plan, '') AS guest_plan, c.new_accounts_a_day
FROM client AS c WHERE c.kind = 'trusted' AND (:id::text = '' OR c.id = :id::text) ORDER BY c.id;

-- name: set_client_people^
-- An absent (null) argument leaves its column as it is; guest plan '' ends it.
WITH changed AS (
    UPDATE client AS c SET
        verified_emails = coalesce(:verified_emails::boolean, c.verified_emails),
        guest_plan = CASE WHEN :guest_plan::text IS NULL THEN c.guest_plan ELSE nullif(:guest_plan::text, '') END,
        new_accounts_a_day = coalesce(:new_accounts_a_day::integer, c.new_accounts_a_day)
    WHERE c.id = :id AND c.kind = 'trusted'
    RETURNING c.id, c.verified_emails, coalesce(c.guest_plan, '') AS guest_plan, c.new_accounts_a_day),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor::text, 'set_client_people', x.id, jsonb_build_object('reason', :reason::text,
               'verified_emails', x.verified_emails, 'guest_plan', x.guest_plan, 'new_accounts_a_day', x.new_accounts_a_day)
    FROM changed AS x)
SELECT id, verified_emails, guest_plan, new_accounts_a_day FROM changed;
