-- What the people of a client or of a plan may use, and what they are told (credit/policy.py reads the body).
-- depends: 0009.rules

-- Append-only: the highest version of a subject is in force; a body of {} says nothing, which is how one is unset.
-- replaces: the version before it, 0 for the first; of two that replace the same one, one is refused.
CREATE TABLE policy (
    version       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject_kind  text NOT NULL CHECK (subject_kind IN ('client', 'plan')),
    subject_id    text NOT NULL CHECK (subject_id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    body          jsonb NOT NULL CHECK (jsonb_typeof(body) = 'object'),
    changed_at    timestamptz NOT NULL DEFAULT now(),
    changed_by    text NOT NULL,
    replaces      bigint NOT NULL,
    UNIQUE (subject_kind, subject_id, replaces)
);
CREATE INDEX policy_subject ON policy (subject_kind, subject_id, version DESC);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON policy FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();
CREATE TRIGGER news AFTER INSERT ON policy FOR EACH STATEMENT EXECUTE FUNCTION bump_news('policies');
INSERT INTO news (topic) VALUES ('policies');
-- Who is put on another plan is under its policy within a second. Fires only for statements that name the column.
CREATE TRIGGER news AFTER UPDATE OF plan_id ON account FOR EACH STATEMENT EXECUTE FUNCTION bump_news('policies');
