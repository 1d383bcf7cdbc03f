-- Debits that were wrong: which grant gives back how much of which hold's debit.
-- depends: 0026.pages

CREATE TABLE correction_grant (
    grant_id  bigint PRIMARY KEY REFERENCES credit_grant (id),
    hold_id   uuid NOT NULL REFERENCES hold (id)
);
CREATE INDEX correction_grant_hold ON correction_grant (hold_id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON correction_grant FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();
