-- What an account was at each version, and what the protocol needs when a part is away.
-- depends: 0003.guards

-- Every change of an account's figures, by version: any refusal can be recomputed at the version it was
-- decided on, and the mirror follows it. A placed hold raises the version by one and carries the version
-- before it (hold.account_version); the rows of a batch are written once, with its last version.
CREATE TABLE account_history (
    account_id  bigint NOT NULL REFERENCES account (id),
    version     bigint NOT NULL,
    posted      bigint NOT NULL,
    held        bigint NOT NULL,
    overdraft   bigint NOT NULL,
    status      text NOT NULL,
    tx          xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, version)
);
CREATE INDEX account_history_tx ON account_history (tx);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON account_history FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();

CREATE FUNCTION keep_history() RETURNS trigger LANGUAGE plpgsql AS '
BEGIN
    IF NEW.version <= OLD.version THEN
        RAISE EXCEPTION ''account % changes without a new version'', NEW.id USING ERRCODE = ''restrict_violation'';
    END IF;
    INSERT INTO account_history (account_id, version, posted, held, overdraft, status)
    VALUES (NEW.id, NEW.version, NEW.posted, NEW.held, NEW.overdraft, NEW.status);
    RETURN NULL;
END';
CREATE TRIGGER history AFTER UPDATE ON account FOR EACH ROW
WHEN ((OLD.posted, OLD.held, OLD.overdraft, OLD.status, OLD.version) IS DISTINCT FROM (NEW.posted, NEW.held, NEW.overdraft, NEW.status, NEW.version))
EXECUTE FUNCTION keep_history();

-- frozen: by the auditor, when the account's books do not add up; an administrator sets it active again.
ALTER TABLE account DROP CONSTRAINT account_status_check;
ALTER TABLE account ADD CONSTRAINT account_status_check CHECK (status IN ('active', 'suspended', 'frozen'));

-- bounded: granted by a replica of authz while Postgres was away, placed afterwards.
ALTER TABLE hold DROP CONSTRAINT hold_placed_by_check;
ALTER TABLE hold ADD CONSTRAINT hold_placed_by_check CHECK (placed_by IN ('authz', 'report', 'bounded'));
CREATE INDEX hold_account_version ON hold (account_id, account_version);

-- What the refused call itself held then, and had been granted in all (a refused extension);
-- decision.held are the account's other holds.
ALTER TABLE decision ADD COLUMN own_held bigint NOT NULL DEFAULT 0, ADD COLUMN own_granted bigint NOT NULL DEFAULT 0;

-- access: an entry of Envoy's access log, the second witness.
ALTER TABLE call_record DROP CONSTRAINT call_record_kind_check;
ALTER TABLE call_record ADD CONSTRAINT call_record_kind_check CHECK (kind IN ('start', 'end', 'cost', 'access'));

-- A person looked at it and said what came of it.
ALTER TABLE exception ADD COLUMN resolved_at timestamptz, ADD COLUMN resolved_by text, ADD COLUMN resolution text,
    ADD CONSTRAINT exception_resolved CHECK ((resolved_at IS NULL) = (resolved_by IS NULL) AND (resolved_at IS NULL) = (resolution IS NULL));
CREATE INDEX exception_unresolved ON exception (id) WHERE resolved_at IS NULL;

-- What somebody must be told: a store away or back, a violated invariant, a silent access log.
CREATE TABLE alarm (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL,
    subject    text NOT NULL,
    detail     jsonb NOT NULL DEFAULT '{}',
    raised_at  timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON alarm FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();
