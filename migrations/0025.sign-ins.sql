-- How administrators come in by a browser: passwords, invitations to set one, delays after wrong ones.
-- depends: 0024.requests

-- A session is a token like others, ended by signing out, and by a new password.
ALTER TABLE admin_token ADD COLUMN session boolean NOT NULL DEFAULT false;

-- set_by: who has seen the invitation that it was set with; of one that its owner chose since, the owner.
CREATE TABLE admin_password (
    admin_id  bigint PRIMARY KEY REFERENCES admin,
    hash      text NOT NULL CHECK (hash LIKE '$argon2id$%'),
    set_by    bigint NOT NULL,
    set_at    timestamptz NOT NULL DEFAULT now()
);

-- sha256: of the code, which is shown once.
CREATE TABLE admin_invite (
    sha256      bytea PRIMARY KEY CHECK (length(sha256) = 32),
    admin_id    bigint NOT NULL REFERENCES admin,
    made_by     bigint NOT NULL,
    made_at     timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    ended_at    timestamptz
);
CREATE INDEX admin_invite_admin ON admin_invite (admin_id);

-- subject: SHA-256 of what is counted (an e-mail, a browser that was in before, an address), known to us or not.
CREATE TABLE sign_in_delay (
    subject   bytea PRIMARY KEY CHECK (length(subject) = 32),
    failures  integer NOT NULL DEFAULT 0,
    until     timestamptz NOT NULL DEFAULT now(),
    last_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sign_in_delay_last ON sign_in_delay (last_at);
