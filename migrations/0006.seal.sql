-- The seal: a hash chain over rows that are final, so that nobody rewrites the books unseen.
-- depends: 0005.match

-- The transaction that wrote a row. Below the horizon (pg_snapshot_xmin) every transaction has ended: no row can
-- come there any more, so a link over such rows never changes. The default of rows that are here already is this
-- transaction (it is stable, so the tables are not rewritten).
ALTER TABLE transfer ADD COLUMN tx xid8 NOT NULL DEFAULT pg_current_xact_id();
ALTER TABLE usage_event ADD COLUMN tx xid8 NOT NULL DEFAULT pg_current_xact_id();
ALTER TABLE hold_close ADD COLUMN tx xid8 NOT NULL DEFAULT pg_current_xact_id();
ALTER TABLE decision ADD COLUMN tx xid8 NOT NULL DEFAULT pg_current_xact_id();
ALTER TABLE audit ADD COLUMN tx xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX transfer_tx ON transfer (tx);
CREATE INDEX usage_event_tx ON usage_event (tx);
CREATE INDEX hold_close_tx ON hold_close (tx);
CREATE INDEX decision_tx ON decision (tx);
CREATE INDEX audit_tx ON audit (tx);

-- Accounts from before there was a history open theirs here.
INSERT INTO account_history (account_id, version, posted, held, overdraft, status)
SELECT a.id, a.version, a.posted, a.held, a.overdraft, a.status FROM account AS a
WHERE a.version > 0 AND NOT EXISTS (SELECT FROM account_history AS x WHERE x.account_id = a.id);

-- One link a minute, where there was something to seal. parts: {table: {rows, digest}}; rule: the canonical
-- form of the rows (accounting/sql/seal.sql); digest: sha-256 over the previous one and all of this link.
CREATE TABLE seal (
    number     bigint PRIMARY KEY,
    rule       smallint NOT NULL,
    from_tx    xid8 NOT NULL,
    to_tx      xid8 NOT NULL,
    parts      jsonb NOT NULL,
    previous   text NOT NULL UNIQUE,
    digest     text NOT NULL UNIQUE,
    sealed_at  timestamptz NOT NULL,
    CHECK (number >= 0 AND to_tx > from_tx)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON seal FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();
-- Link 0 says where the chain begins: what is older has no history to be checked against.
INSERT INTO seal (number, rule, from_tx, to_tx, parts, previous, digest, sealed_at)
VALUES (0, 0, '0', pg_current_xact_id(), '{}', '', 'pedagio', now());

-- Accounts that the auditor once froze are looked at whole, each minute.
CREATE INDEX audit_frozen ON audit (subject) WHERE action = 'freeze_account';

-- As Postgres itself writes it: a restored dump then has the same definition, letter by letter, which the auditor compares.
CREATE OR REPLACE TRIGGER history AFTER UPDATE ON account FOR EACH ROW
WHEN (OLD.posted IS DISTINCT FROM NEW.posted OR OLD.held IS DISTINCT FROM NEW.held
      OR OLD.overdraft IS DISTINCT FROM NEW.overdraft OR OLD.status IS DISTINCT FROM NEW.status
      OR OLD.version IS DISTINCT FROM NEW.version)
EXECUTE FUNCTION keep_history();
