-- What somebody must be told: written in the transaction that caused it, sent afterwards, as often as it takes.
-- depends: 0015.due

-- Append-only. audience 'account': its person; 'admins': those whom the installation names. detail: figures and names,
-- never a prompt. key: the event; the same one twice is one notice.
CREATE TABLE notice (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('threshold', 'allowance', 'exception', 'alarm', 'unpriced', 'mode', 'spike')),
    audience    text NOT NULL CHECK (audience IN ('account', 'admins')),
    account_id  bigint REFERENCES account (id),
    detail      jsonb NOT NULL DEFAULT '{}',
    key         text NOT NULL UNIQUE,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CHECK (audience = 'admins' OR account_id IS NOT NULL)
);
CREATE INDEX notice_created ON notice (created_at);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON notice FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();

-- One way to tell it. skipped: there is nobody to tell (no address, or notices are off).
CREATE TABLE notice_delivery (
    notice_id   bigint NOT NULL REFERENCES notice (id),
    channel     text NOT NULL CHECK (channel IN ('mail', 'webhook')),
    state       text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'skipped', 'failed')),
    attempts    integer NOT NULL DEFAULT 0,
    next_at     timestamptz NOT NULL DEFAULT now(),
    problem     text,
    done_at     timestamptz,
    PRIMARY KEY (notice_id, channel)
);
CREATE INDEX notice_delivery_due ON notice_delivery (next_at) WHERE state = 'pending';

-- What "all of it" means for a person: what they had when credit came last (grant_id: that grant).
CREATE TABLE notice_base (
    account_id  bigint PRIMARY KEY REFERENCES account (id),
    grant_id    bigint NOT NULL,
    full_nanos  bigint NOT NULL
);

-- At how much used, in per cent, the people of a plan are told.
ALTER TABLE plan ADD COLUMN notice_percents integer[] NOT NULL DEFAULT '{80,100}'
    CHECK (1 <= ALL (notice_percents) AND 100 >= ALL (notice_percents) AND cardinality(notice_percents) <= 10);

-- With the rights of the owner: whoever debits tells, and can tell nothing else.
CREATE FUNCTION note_threshold() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    newest    bigint := (SELECT max(g.id) FROM credit_grant AS g WHERE g.account_id = NEW.id AND g.state = 'active');
    base      notice_base%ROWTYPE;
    percent   integer;
    bound     bigint;
BEGIN
    IF newest IS NULL THEN RETURN NULL; END IF;
    SELECT b.* INTO base FROM notice_base AS b WHERE b.account_id = NEW.id;
    -- Credit came since: from here on it is counted anew. Looked at by the rise, so that a debit in between is not lost.
    IF base.grant_id IS DISTINCT FROM newest THEN
        base.full_nanos := greatest(OLD.posted, NEW.posted);
        INSERT INTO notice_base (account_id, grant_id, full_nanos) VALUES (NEW.id, newest, base.full_nanos)
        ON CONFLICT (account_id) DO UPDATE SET grant_id = excluded.grant_id, full_nanos = excluded.full_nanos;
    END IF;
    FOREACH percent IN ARRAY coalesce((SELECT p.notice_percents FROM plan AS p WHERE p.id = NEW.plan_id), '{80,100}') LOOP
        -- The last hundredth pays for no call worth the name: it counts as nothing left.
        bound := base.full_nanos / 100 * greatest(100 - percent, 1);
        IF OLD.posted > bound AND NEW.posted <= bound THEN
            INSERT INTO notice (kind, audience, account_id, key, detail)
            VALUES ('threshold', CASE NEW.kind WHEN 'user' THEN 'account' ELSE 'admins' END, NEW.id,
                    format('threshold/%s/%s/%s', percent, NEW.id, newest),
                    jsonb_build_object('percent', percent, 'posted', NEW.posted, 'full', base.full_nanos))
            ON CONFLICT DO NOTHING;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
CREATE TRIGGER notice AFTER UPDATE OF posted ON account FOR EACH ROW
    WHEN (NEW.kind IN ('user', 'service', 'pool') AND NEW.posted <> OLD.posted) EXECUTE FUNCTION note_threshold();

CREATE FUNCTION note_allowance() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO notice (kind, audience, account_id, key, detail)
    SELECT 'allowance', 'account', NEW.account_id, format('allowance/%s', NEW.id),
           jsonb_build_object('amount', NEW.amount, 'plan', NEW.reason, 'until', NEW.valid_until)
    FROM account AS a WHERE a.id = NEW.account_id AND a.kind = 'user'
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER notice AFTER INSERT ON credit_grant FOR EACH ROW WHEN (NEW.source = 'plan') EXECUTE FUNCTION note_allowance();

-- Of a kind that comes often the administrators hear once an hour; the list has them all.
CREATE FUNCTION note_exception() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO notice (kind, audience, key, detail)
    VALUES (TG_ARGV[0], 'admins', format('%s/%s/%s', TG_ARGV[0], NEW.kind, date_trunc('hour', now())),
            jsonb_build_object('kind', NEW.kind, 'subject', NEW.subject))
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER notice AFTER INSERT ON exception FOR EACH ROW EXECUTE FUNCTION note_exception('exception');
CREATE TRIGGER notice AFTER INSERT ON alarm FOR EACH ROW EXECUTE FUNCTION note_exception('alarm');

CREATE FUNCTION note_unpriced() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO notice (kind, audience, key, detail)
    -- Anybody can ask for any name: so once an hour, whatever they ask for.
    VALUES ('unpriced', 'admins', format('unpriced/%s', date_trunc('hour', now())), jsonb_build_object('model', NEW.model))
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER notice AFTER INSERT ON decision FOR EACH ROW WHEN (NEW.reason = 'model_unpriced') EXECUTE FUNCTION note_unpriced();

CREATE FUNCTION note_mode() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO notice (kind, audience, key, detail)
    VALUES ('mode', 'admins', format('mode/%s/%s', NEW.mode, NEW.changed_at), jsonb_build_object('before', OLD.mode, 'mode', NEW.mode))
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER notice AFTER UPDATE OF mode ON enforcement FOR EACH ROW WHEN (NEW.mode <> OLD.mode) EXECUTE FUNCTION note_mode();
