-- Credit requests: a person asks, whoever may give answers; who stands in for whom; the addresses in the mails.
-- depends: 0023.purchases

-- Asked once, answered once. why: the person's words, null once personal data are erased. decided_by: the administrator,
-- 0: the installation's token, null: the policy, the person, or time.
CREATE TABLE credit_request (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id    bigint NOT NULL REFERENCES account (id),
    amount        bigint NOT NULL CHECK (amount > 0),
    why           text,
    advance       boolean NOT NULL DEFAULT false,
    request_id    text NOT NULL UNIQUE,
    submitter     text NOT NULL,
    requested_at  timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    fallback_at   timestamptz NOT NULL,
    state         text NOT NULL CHECK (state IN ('requested', 'approved', 'denied', 'withdrawn', 'expired')),
    granted       bigint CHECK (granted > 0 AND granted <= amount),
    grant_id      bigint UNIQUE REFERENCES credit_grant (id),
    by_policy     boolean NOT NULL DEFAULT false,
    decided_by    bigint,
    decider       text,
    answer        text,
    decided_at    timestamptz,
    CHECK ((state = 'approved') = (grant_id IS NOT NULL)),
    CHECK ((state = 'approved') = (granted IS NOT NULL)),
    CHECK ((state = 'requested') = (decided_at IS NULL)),
    CHECK (NOT by_policy OR state = 'approved')
);
CREATE INDEX credit_request_account ON credit_request (account_id, requested_at);
CREATE INDEX credit_request_open ON credit_request (expires_at) WHERE state = 'requested';

-- What was asked never changes, what was answered neither; only the person's words may go.
CREATE FUNCTION guard_request() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' THEN RAISE EXCEPTION 'credit_request is never deleted' USING ERRCODE = 'restrict_violation'; END IF;
    IF (NEW.id, NEW.account_id, NEW.amount, NEW.advance, NEW.request_id, NEW.submitter, NEW.requested_at, NEW.expires_at, NEW.fallback_at)
        <> (OLD.id, OLD.account_id, OLD.amount, OLD.advance, OLD.request_id, OLD.submitter, OLD.requested_at, OLD.expires_at, OLD.fallback_at)
       OR (NEW.why IS DISTINCT FROM OLD.why AND NEW.why IS NOT NULL)
       OR (OLD.state <> 'requested'
           AND (NEW.state, NEW.granted, NEW.grant_id, NEW.by_policy, NEW.decided_by, NEW.decider, NEW.answer, NEW.decided_at)
               IS DISTINCT FROM
               (OLD.state, OLD.granted, OLD.grant_id, OLD.by_policy, OLD.decided_by, OLD.decider, OLD.answer, OLD.decided_at)) THEN
        RAISE EXCEPTION 'a credit request is answered once' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON credit_request FOR EACH ROW EXECUTE FUNCTION guard_request();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON credit_request FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();

-- Who decides in somebody's place, and is told what they would be told.
CREATE TABLE deputy (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    admin_id   bigint NOT NULL REFERENCES admin,
    deputy_id  bigint NOT NULL REFERENCES admin,
    from_at    timestamptz NOT NULL,
    until_at   timestamptz NOT NULL,
    actor      text NOT NULL,
    reason     text NOT NULL,
    ended_at   timestamptz,
    CHECK (admin_id <> deputy_id),
    CHECK (until_at > from_at)
);
CREATE INDEX deputy_deputy ON deputy (deputy_id, until_at) WHERE ended_at IS NULL;
CREATE INDEX deputy_admin ON deputy (admin_id, until_at) WHERE ended_at IS NULL;

-- An address in a mail: made when the mail is sent, kept as a hash, for one verb of one administrator.
CREATE TABLE request_address (
    sha256      bytea PRIMARY KEY CHECK (length(sha256) = 32),
    request_id  bigint NOT NULL REFERENCES credit_request (id),
    admin_id    bigint NOT NULL REFERENCES admin,
    verb        text NOT NULL CHECK (verb IN ('approve', 'deny')),
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz
);
CREATE INDEX request_address_request ON request_address (request_id);

-- One notice for each who may answer, so that one refused address keeps nobody else waiting.
ALTER TABLE notice
    ADD COLUMN admin_id bigint REFERENCES admin,
    ADD COLUMN credit_request_id bigint REFERENCES credit_request (id),
    DROP CONSTRAINT notice_kind_check,
    DROP CONSTRAINT notice_audience_check,
    ADD CONSTRAINT notice_kind_check CHECK (kind IN
        ('threshold', 'allowance', 'exception', 'alarm', 'unpriced', 'mode', 'spike', 'request', 'request_outcome')),
    ADD CONSTRAINT notice_audience_check CHECK (audience IN ('account', 'admins', 'admin')),
    ADD CONSTRAINT notice_admin CHECK ((audience = 'admin') = (admin_id IS NOT NULL)),
    ADD CONSTRAINT notice_request CHECK ((kind IN ('request', 'request_outcome')) = (credit_request_id IS NOT NULL));

-- Whoever asked is told how it ended; who took it back knows. With the rights of the owner, as all notices are written.
CREATE FUNCTION note_outcome() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO notice (kind, audience, account_id, credit_request_id, key)
    SELECT 'request_outcome', 'account', NEW.account_id, NEW.id, format('request_outcome/%s', NEW.id)
    FROM account AS a WHERE a.id = NEW.account_id AND a.kind = 'user'
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER notice AFTER UPDATE OF state ON credit_request FOR EACH ROW
    WHEN (OLD.state = 'requested' AND NEW.state IN ('approved', 'denied', 'expired')) EXECUTE FUNCTION note_outcome();

-- What was had of the allowances to come: so much less is in the next. The entries add up to it.
ALTER TABLE account ADD COLUMN advanced bigint NOT NULL DEFAULT 0 CHECK (advanced >= 0);
CREATE TABLE advance_entry (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id   bigint NOT NULL REFERENCES account (id),
    kind         text NOT NULL CHECK (kind IN ('taken', 'deducted', 'revoked')),
    amount       bigint NOT NULL CHECK ((amount > 0) = (kind = 'taken') AND amount <> 0),
    grant_id     bigint REFERENCES credit_grant (id),  -- the advance; null: deducted, from an allowance
    period_at    timestamptz,  -- deducted: when the allowance's period began, or was joined
    recorded_at  timestamptz NOT NULL DEFAULT now(),
    CHECK ((kind = 'deducted') = (period_at IS NOT NULL)),
    CHECK ((kind = 'deducted') = (grant_id IS NULL))
);
CREATE INDEX advance_entry_account ON advance_entry (account_id, id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON advance_entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();
