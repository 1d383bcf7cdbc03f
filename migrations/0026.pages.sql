-- The pages of people: refusals that they call wrong, and the addresses mailed to whoever asks for one.
-- depends: 0025.sign-ins

-- Once for each refusal. words: the person's, null once personal data are erased; the exception has the decision.
CREATE TABLE dispute (
    hold_id       uuid PRIMARY KEY,
    account_id    bigint NOT NULL REFERENCES account (id),
    exception_id  bigint NOT NULL UNIQUE REFERENCES exception (id),
    words         text,
    disputed_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX dispute_account ON dispute (account_id);

-- A mailed address: kept as a hash, made when the mail is sent. It opens for one browser, then for a day there.
CREATE TABLE person_link (
    sha256        bytea PRIMARY KEY CHECK (length(sha256) = 32),
    account_id    bigint NOT NULL REFERENCES account (id),
    expires_at    timestamptz NOT NULL,
    browser_mark  bytea CHECK (length(browser_mark) = 32),
    ends_at       timestamptz,
    CHECK ((browser_mark IS NULL) = (ends_at IS NULL))
);
CREATE INDEX person_link_expires ON person_link (expires_at);

ALTER TABLE notice
    DROP CONSTRAINT notice_kind_check,
    ADD CONSTRAINT notice_kind_check CHECK (kind IN
        ('threshold', 'allowance', 'exception', 'alarm', 'unpriced', 'mode', 'spike', 'request', 'request_outcome',
         'dispute_outcome', 'person_link'));

-- Whoever called a refusal wrong is told what came of it. With the rights of the owner, as all notices are written.
CREATE FUNCTION note_dispute() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO notice (kind, audience, account_id, key, detail)
    SELECT 'dispute_outcome', 'account', d.account_id, format('dispute_outcome/%s', NEW.id),
           jsonb_build_object('ref', left(d.hold_id::text, 6), 'answer', NEW.resolution)
    FROM dispute AS d WHERE d.exception_id = NEW.id
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER dispute_notice AFTER UPDATE OF resolved_at ON exception FOR EACH ROW
    WHEN (OLD.resolved_at IS NULL AND NEW.resolved_at IS NOT NULL) EXECUTE FUNCTION note_dispute();
