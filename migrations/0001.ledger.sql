-- The ledger: who may spend, what moved, what is reserved, and how each hold ended.
-- Amounts are nano-USD (bigint). Identifiers of holds are Envoy's x-request-id.

CREATE TABLE enforcement (
    singleton   boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    mode        text NOT NULL CHECK (mode IN ('off', 'shadow', 'enforce', 'closed')),
    changed_at  timestamptz NOT NULL DEFAULT now()
);
-- A new installation observes before it bites (DESIGN: a new installation starts in shadow).
INSERT INTO enforcement (mode) VALUES ('shadow');

-- One row per topic that the processes keep in memory; bumped by triggers, polled each 250 ms.
CREATE TABLE news (
    topic    text PRIMARY KEY,
    version  bigint NOT NULL DEFAULT 1
);
INSERT INTO news (topic) VALUES ('mode'), ('clients'), ('models');

CREATE TABLE account (
    id             bigint GENERATED ALWAYS AS IDENTITY (START WITH 1000) PRIMARY KEY,
    client_id      text,
    external_id    text,
    kind           text NOT NULL CHECK (kind IN
                   ('user', 'service', 'unattributed', 'funding', 'provider', 'suspense')),
    status         text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    status_at      timestamptz NOT NULL DEFAULT now(),
    mode_override  text CHECK (mode_override = 'shadow'),
    posted         bigint NOT NULL DEFAULT 0,
    held           bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
    overdraft      bigint NOT NULL DEFAULT 0 CHECK (overdraft >= 0),
    version        bigint NOT NULL DEFAULT 0,
    created_at     timestamptz NOT NULL DEFAULT now(),
    CHECK ((client_id IS NULL) = (kind IN ('funding', 'provider', 'suspense'))),
    CHECK ((external_id IS NOT NULL) = (kind = 'user')),
    CHECK (length(external_id) BETWEEN 1 AND 128)
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX account_user ON account (client_id, external_id) WHERE kind = 'user';
CREATE UNIQUE INDEX account_service ON account (client_id, kind) WHERE kind IN ('service', 'unattributed');
CREATE UNIQUE INDEX account_system ON account (kind) WHERE client_id IS NULL;
INSERT INTO account (kind) VALUES ('funding'), ('provider'), ('suspense');

-- Personal data apart from the ledger, so that it can be erased (LGPD) while the books stay.
CREATE TABLE account_label (
    account_id    bigint PRIMARY KEY REFERENCES account (id),
    display_name  text,
    email         text
);

CREATE TABLE client (
    id               text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    kind             text NOT NULL CHECK (kind IN ('trusted', 'service')),
    key_sha256       bytea NOT NULL UNIQUE CHECK (length(key_sha256) = 32),
    litellm_key      text NOT NULL DEFAULT 'inject' CHECK (litellm_key IN ('inject', 'pass_through')),
    unknown_users    text NOT NULL DEFAULT 'refuse' CHECK (unknown_users IN ('create', 'refuse')),
    style            text NOT NULL DEFAULT 'plain' CHECK (style IN ('librechat', 'plain')),
    language         text NOT NULL DEFAULT 'pt-BR' CHECK (language IN ('pt-BR', 'en')),
    enabled          boolean NOT NULL DEFAULT true,
    created_at       timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE account ADD FOREIGN KEY (client_id) REFERENCES client (id);

CREATE TABLE transfer (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    debit_account   bigint NOT NULL REFERENCES account (id),
    credit_account  bigint NOT NULL REFERENCES account (id),
    amount          bigint NOT NULL CHECK (amount > 0),
    kind            text NOT NULL CHECK (kind IN ('grant', 'charge', 'estimate', 'reversal', 'adjustment')),
    hold_id         uuid,
    event_id        text,
    reverses        bigint UNIQUE REFERENCES transfer (id),
    actor           text NOT NULL,
    reason          text,
    request_id      text UNIQUE,
    event_at        timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL DEFAULT now(),
    CHECK (debit_account <> credit_account),
    CHECK ((kind = 'reversal') = (reverses IS NOT NULL)),
    CHECK (kind <> 'charge' OR event_id IS NOT NULL),
    CHECK (kind <> 'estimate' OR hold_id IS NOT NULL)
);
CREATE INDEX transfer_debit ON transfer (debit_account, id);
CREATE INDEX transfer_credit ON transfer (credit_account, id);
CREATE UNIQUE INDEX transfer_one_estimate ON transfer (hold_id) WHERE kind = 'estimate';
CREATE UNIQUE INDEX transfer_one_charge ON transfer (event_id) WHERE kind = 'charge';

-- Placed once, never changed. placed_by 'report': authz placed none (mode off or shadow, or it
-- could not know), the first report of the call did, with nothing reserved.
CREATE TABLE hold (
    id               uuid PRIMARY KEY,
    account_id       bigint NOT NULL REFERENCES account (id),
    client_id        text NOT NULL,
    route            text NOT NULL,
    model            text NOT NULL,
    granted          bigint NOT NULL CHECK (granted >= 0),
    want             bigint NOT NULL,
    target           bigint NOT NULL,
    minimum          bigint NOT NULL,
    account_version  bigint NOT NULL,
    placed_by        text NOT NULL CHECK (placed_by IN ('authz', 'report')),
    placed_at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX hold_account ON hold (account_id, placed_at);

-- The working set: what is reserved now. amount shrinks as events are captured, grows by extend.
CREATE TABLE hold_open (
    hold_id      uuid PRIMARY KEY REFERENCES hold (id),
    account_id   bigint NOT NULL,
    amount       bigint NOT NULL CHECK (amount >= 0),
    granted      bigint NOT NULL CHECK (granted >= 0),
    captured     bigint NOT NULL DEFAULT 0,
    deadline_at  timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX hold_open_account ON hold_open (account_id);
CREATE INDEX hold_open_deadline ON hold_open (deadline_at);

CREATE TABLE hold_close (
    hold_id    uuid PRIMARY KEY REFERENCES hold (id),
    outcome    text NOT NULL CHECK (outcome IN ('captured', 'released', 'settled')),
    reason     text NOT NULL,
    granted    bigint NOT NULL,
    captured   bigint NOT NULL CHECK (captured >= 0),
    overage    bigint NOT NULL CHECK (overage >= 0),
    closed_at  timestamptz NOT NULL DEFAULT now()
);

-- What one call consumed. Kept for ever: this key is the exactly-once of every debit.
CREATE TABLE usage_event (
    id             text PRIMARY KEY,
    hold_id        uuid NOT NULL,
    account_id     bigint NOT NULL,
    source         text NOT NULL,
    status         text NOT NULL CHECK (status IN ('success', 'failure')),
    provider_id    text NOT NULL,
    model_group    text NOT NULL,
    model          text NOT NULL,
    model_id       text NOT NULL,
    usage          jsonb NOT NULL,
    service_tier   text,
    cost           bigint NOT NULL CHECK (cost >= 0),
    litellm_cost   bigint NOT NULL CHECK (litellm_cost >= 0),
    book_cost      bigint CHECK (book_cost >= 0),
    price_version  bigint,
    flags          text[] NOT NULL DEFAULT '{}',
    event_at       timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX usage_event_hold ON usage_event (hold_id);
CREATE INDEX usage_event_answer ON usage_event (provider_id);
CREATE INDEX usage_event_recorded ON usage_event (recorded_at);

-- The evidence: start, end and cost records as they came (allow-listed fields only, no prompts).
CREATE TABLE call_record (
    id           text PRIMARY KEY,
    hold_id      uuid NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('start', 'end', 'cost')),
    body         jsonb NOT NULL,
    at           timestamptz NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX call_record_hold ON call_record (hold_id);
CREATE INDEX call_record_ended ON call_record (recorded_at) WHERE kind = 'end';

CREATE TABLE usage_conflict (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id     text NOT NULL,
    record_id    text NOT NULL UNIQUE,
    body         jsonb NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE usage_quarantine (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest       text NOT NULL UNIQUE,
    reason       text NOT NULL,
    body         jsonb NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE exception (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind         text NOT NULL,
    subject      text NOT NULL,
    detail       jsonb NOT NULL DEFAULT '{}',
    recorded_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (kind, subject)
);

-- Refusals, would-be refusals and the figures they were decided on: each one can be recomputed.
CREATE TABLE decision (
    hold_id          uuid PRIMARY KEY,
    ref              text GENERATED ALWAYS AS (left(hold_id::text, 6)) STORED,
    account_id       bigint,
    client_id        text,
    kind             text NOT NULL CHECK (kind IN ('refuse', 'would_refuse')),
    reason           text NOT NULL,
    model            text,
    detail           text,
    want             bigint,
    target           bigint,
    minimum          bigint,
    posted           bigint,
    held             bigint,
    overdraft        bigint,
    account_version  bigint,
    decided_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX decision_ref ON decision (ref);
CREATE INDEX decision_account ON decision (account_id, decided_at);

CREATE TABLE audit (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    actor        text NOT NULL,
    action       text NOT NULL,
    subject      text NOT NULL,
    detail       jsonb NOT NULL DEFAULT '{}',
    recorded_at  timestamptz NOT NULL DEFAULT now()
);
