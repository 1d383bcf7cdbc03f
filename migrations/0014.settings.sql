-- What a person sets for themselves: language, notices, which team pays first, limits below the balance.
-- depends: 0013.pricing

-- language null: the client's; first_pool_id counts only while the person draws on that pool.
CREATE TABLE account_setting (
    account_id     bigint PRIMARY KEY REFERENCES account (id),
    language       text CHECK (language IN ('pt-BR', 'en')),
    notices        boolean NOT NULL DEFAULT true,
    first_pool_id  bigint REFERENCES account (id),
    version        bigint NOT NULL DEFAULT 1,
    changed_at     timestamptz NOT NULL DEFAULT now()
);

-- Replicas hear of a language within a second. Who pays first is read where it is decided.
-- Other settings are none of their business.
CREATE TRIGGER news_of_first AFTER INSERT ON account_setting FOR EACH ROW
    WHEN (NEW.language IS NOT NULL) EXECUTE FUNCTION bump_news('languages');
CREATE TRIGGER news AFTER UPDATE ON account_setting FOR EACH ROW
    WHEN (OLD.language IS DISTINCT FROM NEW.language) EXECUTE FUNCTION bump_news('languages');
INSERT INTO news (topic) VALUES ('languages');

-- Each request to change settings, once; append-only.
CREATE TABLE setting_request (
    request_id  text PRIMARY KEY,
    account_id  bigint NOT NULL REFERENCES account (id),
    asked       jsonb NOT NULL,
    made_at     timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON setting_request FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();

-- A person's own limit is a cap of another source: both bind, and neither command reaches the other's.
ALTER TABLE cap
    ADD COLUMN source text NOT NULL DEFAULT 'admin' CHECK (source IN ('admin', 'self')),
    ADD CONSTRAINT cap_self CHECK (source = 'admin' OR owner_id IS NOT NULL AND pool_id IS NULL);
DROP INDEX cap_one;
CREATE UNIQUE INDEX cap_one ON cap (owner_id, pool_id, period, source) NULLS NOT DISTINCT WHERE ended_at IS NULL;
-- Both take the source now; credit/sql/rules.sql makes them anew.
DROP FUNCTION IF EXISTS set_cap(bigint, bigint, text, text, bigint);
DROP FUNCTION IF EXISTS clear_cap(bigint, bigint, text);

-- Since when an account is on plans: what a plan may give in the period in which that was.
ALTER TABLE account ADD COLUMN plan_since timestamptz;
UPDATE account AS a SET plan_since = coalesce(
    (SELECT min(g.valid_from) FROM credit_grant AS g WHERE g.account_id = a.id AND g.source = 'plan'), a.created_at)
WHERE a.plan_id IS NOT NULL;
