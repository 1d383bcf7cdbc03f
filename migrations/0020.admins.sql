-- Who administers: their roles, their tokens, what they propose for a second pair of eyes.
-- depends: 0019.address

-- The e-mail says who it is, in the audit log and against the accounts that are the same person's.
CREATE TABLE admin (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email       text NOT NULL CHECK (email = lower(email) AND email <> ''),
    name        text NOT NULL,
    added_at    timestamptz NOT NULL DEFAULT now(),
    removed_at  timestamptz
);
CREATE UNIQUE INDEX admin_email ON admin (email) WHERE removed_at IS NULL;

-- pool_id: of a scoped role, one row for each pool.
CREATE TABLE admin_role (
    admin_id  bigint NOT NULL REFERENCES admin,
    role      text NOT NULL CHECK (role IN ('viewer', 'support', 'approver', 'team_lead', 'treasurer', 'operator')),
    pool_id   bigint REFERENCES account,
    CHECK ((pool_id IS NOT NULL) = (role IN ('approver', 'team_lead')))
);
CREATE UNIQUE INDEX admin_role_once ON admin_role (admin_id, role, coalesce(pool_id, 0));

-- sha256: of the whole token, which is shown once. issued_by: the administrator who saw it; 0: the installation's own token.
CREATE TABLE admin_token (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    admin_id    bigint NOT NULL REFERENCES admin,
    sha256      bytea NOT NULL UNIQUE CHECK (length(sha256) = 32),
    label       text NOT NULL,
    issued_by   bigint NOT NULL,
    issued_at   timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    revoked_at  timestamptz
);
CREATE INDEX admin_token_admin ON admin_token (admin_id);

-- What one administrator gives, counted before it is given; an amount that was refused is taken out again.
CREATE TABLE given (
    admin_id    bigint NOT NULL,
    method      text NOT NULL,
    request_id  text NOT NULL,
    amount      bigint NOT NULL CHECK (amount > 0),
    given_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (admin_id, method, request_id, amount)
);
CREATE INDEX given_lately ON given (admin_id, given_at);

-- A write that waits for somebody else. request: the protobuf as it came; digest: its SHA-256.
CREATE TABLE proposal (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    method       text NOT NULL,
    request      bytea NOT NULL,
    digest       bytea NOT NULL,
    amount       bigint NOT NULL,
    reason       text NOT NULL,
    proposed_by  bigint NOT NULL,
    proposer     text NOT NULL,
    proposed_at  timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    status       text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'confirmed', 'executed', 'failed', 'denied')),
    decided_by   bigint,
    decider      text,
    decided_at   timestamptz,
    outcome      text NOT NULL DEFAULT '',
    CHECK ((status = 'waiting') = (decided_by IS NULL)),
    CHECK (status = 'denied' OR decided_by <> proposed_by)
);
CREATE INDEX proposal_digest ON proposal (proposed_by, digest);

-- Whose account it is, as far as an e-mail says: by its label, or because the client calls people by their e-mail.
CREATE VIEW account_email AS
    SELECT l.account_id, lower(l.email) AS email FROM account_label AS l WHERE l.email IS NOT NULL
    UNION ALL
    SELECT a.id, lower(a.external_id) FROM account AS a WHERE a.kind = 'user';
CREATE INDEX account_label_lower_email ON account_label (lower(email));
CREATE INDEX account_lower_external_id ON account (lower(external_id)) WHERE kind = 'user';

-- Questions to the audit log.
CREATE INDEX audit_actor ON audit (actor, id);
CREATE INDEX audit_subject ON audit (subject, id);
CREATE INDEX audit_action ON audit (action, id);
