-- The rules of credit: what an account's credit is made of (grants), what renews it (plans), what people share
-- (pools) and what bounds them (caps).
-- depends: 0008.quarantine

-- A plan renews credit each period; checked by credit/plan.py before it comes here.
CREATE TABLE plan (
    id              text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    period          text NOT NULL CHECK (period IN ('day', 'week', 'month')),
    time_zone       text NOT NULL,
    allowance       bigint NOT NULL CHECK (allowance > 0),
    rollover        text NOT NULL CHECK (rollover IN ('none', 'capped', 'all')),
    rollover_cap    bigint CHECK (rollover_cap > 0),
    prorate         boolean NOT NULL DEFAULT true,
    priority        integer NOT NULL DEFAULT 100,
    mode_override   text CHECK (mode_override = 'shadow'),
    version         bigint NOT NULL DEFAULT 1,
    changed_at      timestamptz NOT NULL DEFAULT now(),
    CHECK ((rollover = 'capped') = (rollover_cap IS NOT NULL))
);

-- Pools hold credit for several people, caps bound what is spent in a period, breakage is where unused credit goes.
ALTER TABLE account DROP CONSTRAINT account_kind_check, DROP CONSTRAINT account_check;
ALTER TABLE account
    ADD CONSTRAINT account_kind_check CHECK (kind IN ('user', 'service', 'unattributed', 'pool', 'cap',
                                                      'funding', 'provider', 'suspense', 'breakage')),
    ADD CONSTRAINT account_check CHECK ((client_id IS NULL) = (kind IN ('pool', 'cap', 'funding', 'provider', 'suspense', 'breakage'))),
    ADD COLUMN name text CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$'),
    ADD COLUMN pool_first boolean NOT NULL DEFAULT false,
    -- The next moment at which something must be settled before the account decides again; null: never.
    ADD COLUMN due_at timestamptz,
    ADD COLUMN plan_id text REFERENCES plan (id),
    -- The end of the period whose allowance was granted last.
    ADD COLUMN plan_ends_at timestamptz,
    -- The most that this period's allowance was worth so far: an upgrade adds what is above it.
    ADD COLUMN plan_allowance bigint,
    ADD CONSTRAINT account_pool CHECK ((kind = 'pool') = (name IS NOT NULL));
DROP INDEX account_system;
CREATE UNIQUE INDEX account_system ON account (kind) WHERE kind IN ('funding', 'provider', 'suspense', 'breakage');
CREATE UNIQUE INDEX account_pool_name ON account (name) WHERE kind = 'pool';
INSERT INTO account (kind) VALUES ('breakage');

CREATE TABLE pool_member (
    account_id  bigint NOT NULL REFERENCES account (id),
    pool_id     bigint NOT NULL REFERENCES account (id),
    position    integer NOT NULL DEFAULT 1,
    joined_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, pool_id),
    CHECK (account_id <> pool_id)
);
CREATE INDEX pool_member_pool ON pool_member (pool_id);

-- A cap is an account of its own, so that one lock order serves all: its posted is what is left of the limit in
-- this period, its held what open holds reserve under it. owner null: the whole organisation; pool null: whatever pays.
CREATE TABLE cap (
    account_id    bigint PRIMARY KEY REFERENCES account (id),
    owner_id      bigint REFERENCES account (id),
    pool_id       bigint REFERENCES account (id),
    period        text NOT NULL CHECK (period IN ('day', 'week', 'month')),
    time_zone     text NOT NULL,
    limit_nanos   bigint NOT NULL CHECK (limit_nanos > 0),
    period_at     timestamptz NOT NULL,
    ended_at      timestamptz,
    CHECK (owner_id IS NOT NULL OR pool_id IS NULL)
);
CREATE UNIQUE INDEX cap_one ON cap (owner_id, pool_id, period) NULLS NOT DISTINCT WHERE ended_at IS NULL;

-- What was counted under a cap, in the period in which it was debited.
CREATE TABLE cap_use (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cap_id       bigint NOT NULL REFERENCES cap (account_id),
    transfer_id  bigint NOT NULL REFERENCES transfer (id),
    period_at    timestamptz NOT NULL,
    amount       bigint NOT NULL
);
CREATE INDEX cap_use_period ON cap_use (cap_id, period_at);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON cap_use FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();

-- Whose call it is, who pays for it, what it counts under, by which constants of the grant rule and which prices.
ALTER TABLE hold
    ADD COLUMN person_id bigint REFERENCES account (id),
    ADD COLUMN caps bigint[] NOT NULL DEFAULT '{}',
    ADD COLUMN others jsonb,
    ADD COLUMN small_percent smallint NOT NULL DEFAULT 2,
    ADD COLUMN share_percent smallint NOT NULL DEFAULT 50,
    ADD COLUMN price_version bigint;
CREATE INDEX hold_person ON hold (person_id, placed_at) WHERE person_id IS NOT NULL;
ALTER TABLE hold_open ADD COLUMN person_id bigint;
CREATE INDEX hold_open_person ON hold_open (person_id);
ALTER TABLE decision
    ADD COLUMN others jsonb,
    ADD COLUMN small_percent smallint NOT NULL DEFAULT 2,
    ADD COLUMN share_percent smallint NOT NULL DEFAULT 50,
    ADD COLUMN price_version bigint;

ALTER TABLE transfer DROP CONSTRAINT transfer_kind_check;
ALTER TABLE transfer ADD CONSTRAINT transfer_kind_check CHECK (kind IN
    ('grant', 'charge', 'estimate', 'reversal', 'adjustment', 'expiry', 'revocation'));

-- An addition of credit with source, validity and priority. Burn order: priority, earliest expiry, age.
-- remaining is kept like posted: changed only under the account's lock, proved by its entries.
CREATE TABLE credit_grant (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id   bigint NOT NULL REFERENCES account (id),
    source       text NOT NULL CHECK (source IN
                 ('plan', 'rollover', 'purchase', 'request', 'goodwill', 'correction', 'opening')),
    amount       bigint NOT NULL CHECK (amount > 0),
    remaining    bigint NOT NULL CHECK (remaining >= 0),
    priority     integer NOT NULL DEFAULT 100,
    valid_from   timestamptz NOT NULL,
    valid_until  timestamptz CHECK (valid_until > valid_from),
    -- pending: begins later, not yet posted; expired and revoked: what remains is spared for holds that were open.
    state        text NOT NULL CHECK (state IN ('pending', 'active', 'expired', 'revoked')),
    -- Active, and something remains. A column of its own, so that the index does not move with each charge.
    open         boolean NOT NULL,
    actor        text NOT NULL,
    reason       text,
    request_id   text UNIQUE,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CHECK (remaining <= amount),
    CHECK (open = (state = 'active' AND remaining > 0)),
    CHECK (state <> 'pending' OR remaining = 0)
) WITH (fillfactor = 70);
CREATE INDEX credit_grant_order ON credit_grant (account_id, priority, valid_until, id) WHERE open;
CREATE INDEX credit_grant_ahead ON credit_grant (account_id) WHERE state = 'pending';
CREATE INDEX credit_grant_account ON credit_grant (account_id, id);

-- How each grant came to what remains of it; append-only. Without a transfer: moved within the account (rollover).
CREATE TABLE grant_entry (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    grant_id     bigint NOT NULL REFERENCES credit_grant (id),
    transfer_id  bigint REFERENCES transfer (id),
    kind         text NOT NULL CHECK (kind IN
                 ('opened', 'burn', 'restore', 'debt', 'rollover', 'expiry', 'revocation')),
    amount       bigint NOT NULL CHECK (amount <> 0)
);
CREATE INDEX grant_entry_grant ON grant_entry (grant_id);
CREATE INDEX grant_entry_transfer ON grant_entry (transfer_id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON grant_entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();

-- What an expired grant still owes to holds that were open when it expired; gone when they are closed.
CREATE TABLE hold_spared (
    hold_id   uuid NOT NULL REFERENCES hold (id),
    grant_id  bigint NOT NULL REFERENCES credit_grant (id),
    amount    bigint NOT NULL CHECK (amount > 0),
    PRIMARY KEY (hold_id, grant_id)
);

-- Credit of before there were grants: one grant each, without an end.
WITH opened AS (
    INSERT INTO credit_grant (account_id, source, amount, remaining, valid_from, state, open, actor, reason)
    SELECT a.id, 'opening', a.posted, a.posted, a.created_at, 'active', true, 'migration', 'credit of before grants'
    FROM account AS a WHERE a.posted > 0 AND a.kind NOT IN ('funding', 'provider', 'breakage') RETURNING id, amount)
INSERT INTO grant_entry (grant_id, kind, amount) SELECT o.id, 'opened', o.amount FROM opened AS o;
