-- People: whose account a client's name for somebody means, and what a person gets with the account.
-- Why: an import names people by e-mail before any client has; the first request makes the account and hands over what
--      waited. Both processes do it, so it stands here.
-- Lock order: the name (advisory), the client's newcomers (advisory), person, account. Each wait is bounded by the caller.

-- The account that a name means: its person's, else one of that name which is nobody else's.
CREATE OR REPLACE FUNCTION named_account(p_client text, p_external text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (SELECT p.account_id FROM identity AS i JOIN person AS p ON p.id = i.person_id
         WHERE i.client_id = p_client AND i.external_id = p_external),
        (SELECT a.id FROM account AS a
         WHERE a.client_id = p_client AND a.external_id = p_external AND a.kind = 'user'
           AND NOT EXISTS (SELECT FROM person AS p WHERE p.account_id = a.id)))
$$;

-- The account that an administrator means: a client and what it calls somebody, or an e-mail alone (no client): a
-- person's, who may have none yet, else that of the one label.
CREATE OR REPLACE FUNCTION meant_account(p_client text, p_external text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CASE
    WHEN p_client = '' AND EXISTS (SELECT FROM person AS p WHERE p.email = lower(p_external)) THEN
        (SELECT p.account_id FROM person AS p WHERE p.email = lower(p_external))
    WHEN p_client = '' THEN
        (SELECT min(l.account_id) FROM account_label AS l WHERE lower(l.email) = lower(p_external) HAVING count(*) = 1)
    ELSE named_account(p_client, p_external) END
$$;

-- furnish_person: bring account, label and language to what the person's row says: plan, team, credit that waits, left or
-- not. Nothing where there is no account yet.
CREATE OR REPLACE FUNCTION furnish_person(p_person bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    p     person%ROWTYPE;
    a     account%ROWTYPE;
    c     record;
    made  bigint;
BEGIN
    SELECT x.* INTO p FROM person AS x WHERE x.id = p_person FOR UPDATE;
    IF p.account_id IS NULL OR p.state = 'erased' THEN RETURN; END IF;
    SELECT x.* INTO a FROM account AS x WHERE x.id = p.account_id FOR NO KEY UPDATE;
    INSERT INTO account_label AS l (account_id, display_name, email) VALUES (p.account_id, p.name, p.email)
    ON CONFLICT (account_id) DO UPDATE SET display_name = excluded.display_name, email = excluded.email;
    IF a.plan_id IS DISTINCT FROM p.plan_id THEN PERFORM assign_plan(a.id, p.plan_id, true); END IF;
    IF p.followed ->> 'team' IS DISTINCT FROM p.team THEN
        DELETE FROM pool_member AS m USING account AS t
        WHERE m.account_id = a.id AND t.id = m.pool_id AND t.kind = 'pool' AND t.name = p.followed ->> 'team';
    END IF;
    INSERT INTO pool_member (account_id, pool_id)
    SELECT a.id, t.id FROM account AS t WHERE t.kind = 'pool' AND t.name = p.team ON CONFLICT DO NOTHING;
    -- What the person chose stays.
    IF p.followed ->> 'language' IS DISTINCT FROM p.language THEN
        INSERT INTO account_setting AS s (account_id, language) VALUES (a.id, p.language)
        ON CONFLICT (account_id) DO UPDATE SET language = excluded.language, version = s.version + 1, changed_at = now()
        WHERE s.language IS NOT DISTINCT FROM p.followed ->> 'language';
    END IF;
    FOR c IN SELECT x.id, x.batch_id, x.amount, x.valid_until FROM person_credit AS x
             WHERE x.person_id = p_person AND x.state = 'waiting' ORDER BY x.id FOR UPDATE LOOP
        IF c.valid_until <= ledger_now() THEN
            UPDATE person_credit SET state = 'lapsed' WHERE id = c.id;
            CONTINUE;
        END IF;
        SELECT g.o_grant_id INTO made FROM grant_credit(a.id, c.amount, 'goodwill', 100, NULL, c.valid_until, 'people',
            format('people import %s', c.batch_id), format('person-credit/%s', c.id)) AS g;
        UPDATE person_credit SET state = 'given', grant_id = made WHERE id = c.id;
    END LOOP;
    IF p.state <> 'active' AND a.status = 'active' THEN
        UPDATE account SET status = 'suspended', status_at = now(), version = version + 1 WHERE id = a.id;
        p.suspended := true;
    ELSIF p.state = 'active' AND p.suspended THEN
        UPDATE account SET status = 'active', status_at = now(), version = version + 1
        WHERE id = a.id AND status = 'suspended';
        p.suspended := false;
    END IF;
    UPDATE person SET suspended = p.suspended, furnished = true,
           followed = jsonb_build_object('team', p.team, 'language', p.language) WHERE id = p_person;
END
$$;

-- attach_person: a client's name is this person's from now on. Who has no account gets the one of that name, made or
-- taken over (undoing the import gives it back as it was); who has one keeps it, and what the name had before gets no
-- allowance any more. Where the account of that name is another person's, one beside it is made.
-- Again: nothing. Result: the account; null: the person is not there any more, or the name is another's by now.
CREATE OR REPLACE FUNCTION attach_person(p_person bigint, p_client text, p_external text, p_actor text, p_reason text)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    p       person%ROWTYPE;
    a       account%ROWTYPE;
    others  boolean;
    whose   bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(5053, hashtext(p_client || '/' || p_external));
    SELECT x.* INTO p FROM person AS x WHERE x.id = p_person AND x.state <> 'erased' FOR UPDATE;
    IF NOT FOUND THEN RETURN NULL; END IF;
    SELECT i.person_id INTO whose FROM identity AS i WHERE i.client_id = p_client AND i.external_id = p_external;
    IF whose IS NOT NULL THEN RETURN CASE whose WHEN p_person THEN p.account_id END; END IF;
    SELECT x.* INTO a FROM account AS x WHERE x.client_id = p_client AND x.external_id = p_external AND x.kind = 'user';
    PERFORM FROM account AS x WHERE x.id IN (a.id, p.account_id) ORDER BY x.id FOR NO KEY UPDATE;
    others := EXISTS (SELECT FROM person AS x WHERE x.account_id = a.id AND x.id <> p_person);
    IF p.account_id IS NULL AND (a.id IS NULL OR others) THEN
        INSERT INTO account (client_id, external_id, kind)
        VALUES (p_client, CASE WHEN others THEN left(p_external, 100) || '~' || p_person ELSE p_external END, 'user')
        RETURNING id INTO p.account_id;
        UPDATE person SET account_id = p.account_id WHERE id = p_person;
    ELSIF p.account_id IS NULL THEN
        UPDATE import_item AS i SET after = i.after || '{"guest": true}', before = jsonb_build_object('plan', a.plan_id)
        WHERE i.person_id = p_person AND i.change = 'new';
        -- Of a plan that was no guest's nobody is taken by a list that names none.
        UPDATE person AS x SET account_id = a.id, plan_id = coalesce(x.plan_id, (
            SELECT a.plan_id FROM client AS c WHERE c.id = p_client AND c.guest_plan IS DISTINCT FROM a.plan_id))
        WHERE x.id = p_person;
        p.account_id := a.id;
    ELSIF a.id <> p.account_id AND NOT others THEN
        PERFORM assign_plan(a.id, NULL, false);
        UPDATE news SET version = version + 1 WHERE topic = 'people';
    END IF;
    INSERT INTO identity (client_id, external_id, person_id, bound_by) VALUES (p_client, p_external, p_person, p_actor);
    DELETE FROM stranger AS s WHERE s.client_id = p_client AND s.external_id = p_external;
    PERFORM furnish_person(p_person);
    INSERT INTO audit (actor, action, subject, detail)
    VALUES (p_actor, 'bind_person', p_person::text,
            jsonb_build_object('reason', p_reason, 'client', p_client, 'account', p.account_id));
    RETURN p.account_id;
END
$$;

-- forget_guest: undo that an import made a person of a guest: the account is a guest's again, the person is gone.
CREATE OR REPLACE FUNCTION forget_guest(p_person bigint, p_email text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    theirs  bigint;
BEGIN
    SELECT p.account_id INTO theirs FROM person AS p WHERE p.id = p_person FOR UPDATE;
    INSERT INTO stranger (client_id, external_id, email, account_id)
    SELECT i.client_id, i.external_id, p_email, a.id FROM identity AS i
    LEFT JOIN account AS a ON a.id = theirs AND a.client_id = i.client_id AND a.external_id = i.external_id
    WHERE i.person_id = p_person;
    DELETE FROM identity AS i WHERE i.person_id = p_person;
    DELETE FROM account_label AS l WHERE l.account_id = theirs;
    UPDATE person SET account_id = NULL WHERE id = p_person;
    UPDATE news SET version = version + 1 WHERE topic = 'people';
END
$$;

-- erase_person: all that says whose an e-mail is; account, entries and audit go on with numbers, the account is suspended.
-- Also of who was never on a list: a guest, or whom an administrator wrote on an account. A name that is itself the
-- address goes too. What was proposed, and is decided, forgets the request.
-- Result: the person's number; null: nobody has this e-mail.
CREATE OR REPLACE FUNCTION erase_person(p_email text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    p       person%ROWTYPE;
    theirs  bigint[];
BEGIN
    SELECT x.* INTO p FROM person AS x WHERE x.email = p_email FOR UPDATE;
    SELECT coalesce(array_agg(x.id), '{}') INTO theirs FROM (
        SELECT p.account_id AS id WHERE p.account_id IS NOT NULL
        UNION SELECT a.id FROM account AS a WHERE a.kind = 'user' AND lower(a.external_id) = p_email
        UNION SELECT s.account_id FROM stranger AS s WHERE s.email = p_email AND s.account_id IS NOT NULL
        UNION SELECT l.account_id FROM account_label AS l JOIN account AS a ON a.id = l.account_id
              WHERE lower(l.email) = p_email AND p.id IS NULL AND a.kind = 'user') AS x;
    IF p.id IS NULL THEN
        IF theirs = '{}' AND NOT EXISTS (SELECT FROM stranger AS s WHERE s.email = p_email) THEN RETURN NULL; END IF;
        INSERT INTO person (state) VALUES ('erased') RETURNING id INTO p.id;
    ELSE
        UPDATE person SET email = NULL, name = NULL, cost_center = NULL, language = NULL, state = 'erased', furnished = true,
               followed = '{}' WHERE id = p.id;
    END IF;
    UPDATE import_item SET before = '{}', after = '{}' WHERE person_id = p.id;
    UPDATE person_credit SET state = 'undone' WHERE person_id = p.id AND state = 'waiting';
    DELETE FROM account_label AS l WHERE l.account_id = ANY (theirs) OR lower(l.email) = p_email OR l.account_id IN (
        SELECT a.id FROM identity AS i JOIN account AS a ON a.client_id = i.client_id AND a.external_id = i.external_id
        WHERE i.person_id = p.id AND a.kind = 'user' AND NOT EXISTS (SELECT FROM person AS x WHERE x.account_id = a.id));
    DELETE FROM stranger WHERE email = p_email;
    DELETE FROM identity WHERE lower(external_id) = p_email;
    PERFORM FROM account AS a WHERE a.id = ANY (theirs) ORDER BY a.id FOR NO KEY UPDATE;
    UPDATE account SET status = 'suspended', status_at = now(), version = version + 1
    WHERE id = ANY (theirs) AND status = 'active';
    UPDATE account SET external_id = 'erased-' || id WHERE kind = 'user' AND lower(external_id) = p_email;
    -- What they wrote goes, what waits for an answer is taken back.
    UPDATE credit_request SET why = NULL, state = CASE state WHEN 'requested' THEN 'withdrawn' ELSE state END,
           decided_at = coalesce(decided_at, ledger_now()) WHERE account_id = ANY (theirs);
    UPDATE dispute SET words = NULL WHERE account_id = ANY (theirs);
    DELETE FROM person_link WHERE account_id = ANY (theirs);
    UPDATE proposal SET request = '' WHERE position(p_email IN lower(encode(request, 'escape'))) > 0;
    UPDATE news SET version = version + 1 WHERE topic = 'people';
    RETURN p.id;
END
$$;

-- meet_person: a trusted client names somebody. An e-mail that the client has verified binds a name that is nobody's to
-- its person, with the account that the name may have had before; anybody else keeps that, or waits under "Who is this?", with an account where the client's rules give one.
-- Runs with the rights of the owner: authz may neither make plans nor grant. Asked once for a name: the door remembers,
-- until the news says that there are new people.
-- Result: the account; null: there is none.
CREATE OR REPLACE FUNCTION meet_person(p_client text, p_external text, p_email text) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    c      client%ROWTYPE;
    who    bigint;
    own    bigint;
    comes  boolean;
BEGIN
    SELECT x.* INTO c FROM client AS x WHERE x.id = p_client AND x.kind = 'trusted' AND x.enabled;
    IF NOT FOUND THEN RETURN NULL; END IF;
    -- A first message is three requests at once, each at another replica.
    PERFORM pg_advisory_xact_lock(5053, hashtext(p_client || '/' || p_external));
    own := named_account(p_client, p_external);
    IF EXISTS (SELECT FROM identity AS i WHERE i.client_id = p_client AND i.external_id = p_external) THEN RETURN own; END IF;
    IF c.verified_emails AND p_email IS NOT NULL THEN
        SELECT p.id INTO who FROM person AS p WHERE p.email = lower(p_email);
        IF who IS NOT NULL THEN
            RETURN attach_person(who, p_client, p_external, 'authz', 'first request with the e-mail of this person');
        END IF;
    END IF;
    IF own IS NOT NULL THEN RETURN own; END IF;
    comes := c.unknown_users = 'create' OR c.guest_plan IS NOT NULL;
    IF NOT comes AND EXISTS (SELECT FROM stranger AS s WHERE s.client_id = p_client AND s.external_id = p_external) THEN
        RETURN NULL;
    END IF;
    -- The name's own account is a person's who was unbound from it: it stays that person's.
    comes := comes AND NOT EXISTS (SELECT FROM account AS a WHERE a.client_id = p_client AND a.external_id = p_external);
    PERFORM pg_advisory_xact_lock(5054, hashtext(p_client));
    IF (SELECT count(*) FROM stranger AS s
        WHERE s.client_id = p_client AND s.external_id <> p_external AND s.seen_at > now() - interval '1 day')
            >= c.new_accounts_a_day THEN
        INSERT INTO alarm (kind, subject, detail)
        SELECT 'too_many_new_people', p_client, jsonb_build_object('new_accounts_a_day', c.new_accounts_a_day)
        WHERE NOT EXISTS (SELECT FROM alarm AS x WHERE x.kind = 'too_many_new_people' AND x.subject = p_client
                          AND x.raised_at > now() - interval '1 day');
        RETURN NULL;
    END IF;
    IF comes THEN
        INSERT INTO account (client_id, external_id, kind) VALUES (p_client, p_external, 'user') RETURNING id INTO own;
        IF c.guest_plan IS NOT NULL THEN PERFORM assign_plan(own, c.guest_plan, false); END IF;
    END IF;
    INSERT INTO stranger AS s (client_id, external_id, email, account_id)
    VALUES (p_client, p_external, CASE WHEN c.verified_emails THEN lower(p_email) END, own)
    ON CONFLICT (client_id, external_id) DO UPDATE SET account_id = excluded.account_id, seen_at = now();
    RETURN own;
END
$$;
