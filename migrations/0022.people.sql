-- People before accounts: who may chat is known by e-mail, the client's name for them only at their first request.
-- depends: 0021.payers

-- Personal data: the ledger and the audit name a person by number. Erased: the row stays, empty, so that the books can.
CREATE TABLE person (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email        text UNIQUE CHECK (email = lower(email) AND email ~ '^[^@\s,]+@[^@\s,]+$'),
    name         text,
    team         text,  -- the name of a pool
    cost_center  text,
    language     text CHECK (language IN ('pt-BR', 'en')),
    plan_id      text REFERENCES plan (id),
    state        text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'left', 'erased')),
    account_id   bigint UNIQUE REFERENCES account (id),
    -- Suspended because the person left: whoever comes back is resumed, whom somebody else suspended is not.
    suspended    boolean NOT NULL DEFAULT false,
    -- Whether the account is as this row says: a list changes many rows at once, the accounts follow one by one.
    furnished    boolean NOT NULL DEFAULT true,
    -- Team and language that the account has of this row.
    followed     jsonb NOT NULL DEFAULT '{}',
    created_at   timestamptz NOT NULL DEFAULT now(),
    CHECK ((state = 'erased') = (email IS NULL))
);

CREATE INDEX person_behind ON person (account_id) WHERE NOT furnished;

-- One person has several: each registration at a client is another.
CREATE TABLE identity (
    client_id    text NOT NULL REFERENCES client (id),
    external_id  text NOT NULL CHECK (length(external_id) BETWEEN 1 AND 128),
    person_id    bigint NOT NULL REFERENCES person (id),
    bound_by     text NOT NULL,
    bound_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (client_id, external_id)
);
CREATE INDEX identity_person ON identity (person_id);

-- Who came and matches nobody: "Who is this?". With an account where the client's rules gave one.
CREATE TABLE stranger (
    client_id    text NOT NULL REFERENCES client (id),
    external_id  text NOT NULL,
    email        text,
    account_id   bigint REFERENCES account (id),
    seen_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (client_id, external_id)
);
CREATE INDEX stranger_seen ON stranger (client_id, seen_at);
CREATE INDEX stranger_email ON stranger (email);

CREATE TABLE import_batch (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest       text NOT NULL,
    actor        text NOT NULL,
    reason       text NOT NULL,
    request_id   text NOT NULL UNIQUE,
    imported_at  timestamptz NOT NULL DEFAULT now(),
    undone_at    timestamptz
);

-- What a batch did to each person; before and after hold team, plan and the like, emptied when the person is erased.
CREATE TABLE import_item (
    batch_id   bigint NOT NULL REFERENCES import_batch (id),
    person_id  bigint NOT NULL,
    change     text NOT NULL CHECK (change IN ('new', 'moved', 'back', 'left')),
    before     jsonb NOT NULL DEFAULT '{}',
    after      jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (batch_id, person_id)
);
CREATE INDEX import_item_person ON import_item (person_id);

-- Credit that waits for the account, then names the grant that it became.
CREATE TABLE person_credit (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id    bigint NOT NULL REFERENCES person (id),
    batch_id     bigint NOT NULL REFERENCES import_batch (id),
    amount       bigint NOT NULL CHECK (amount > 0),
    valid_until  timestamptz,
    state        text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'given', 'lapsed', 'undone')),
    grant_id     bigint REFERENCES credit_grant (id),
    CHECK (state <> 'given' OR grant_id IS NOT NULL)
);
CREATE INDEX person_credit_person ON person_credit (person_id);

ALTER TABLE client
    ADD COLUMN verified_emails boolean NOT NULL DEFAULT false,
    ADD COLUMN guest_plan text REFERENCES plan (id),
    ADD COLUMN new_accounts_a_day integer NOT NULL DEFAULT 1000 CHECK (new_accounts_a_day >= 0);

-- A name that means another account than before: replicas forget the accounts they know.
INSERT INTO news (topic) VALUES ('people');

-- Whose account it is, as far as an e-mail says: also the person's own, whatever the label says by now.
CREATE OR REPLACE VIEW account_email AS
    SELECT l.account_id, lower(l.email) AS email FROM account_label AS l WHERE l.email IS NOT NULL
    UNION ALL
    SELECT a.id, lower(a.external_id) FROM account AS a WHERE a.kind = 'user'
    UNION ALL
    SELECT p.account_id, p.email FROM person AS p WHERE p.account_id IS NOT NULL AND p.email IS NOT NULL;
