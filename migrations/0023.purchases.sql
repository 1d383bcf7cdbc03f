-- What was bought from a provider or reseller, and which grants it backs.
-- depends: 0022.people

CREATE TABLE purchase (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bought_on    date NOT NULL,
    supplier     text NOT NULL,
    reference    text NOT NULL,  -- of the invoice
    buyer        text NOT NULL,
    amount       bigint NOT NULL CHECK (amount > 0),  -- what was paid, in cents of the currency
    currency     text NOT NULL CHECK (currency IN ('BRL', 'USD')),
    worth        bigint NOT NULL CHECK (worth > 0),  -- the most credit that it backs, nano-USD
    actor        text NOT NULL,
    reason       text NOT NULL,
    request_id   text NOT NULL UNIQUE,
    recorded_at  timestamptz NOT NULL DEFAULT now()
);
-- One invoice entered twice, however it is written, would back its credit twice.
CREATE UNIQUE INDEX purchase_invoice ON purchase (lower(supplier), lower(reference));
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON purchase FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();

CREATE TABLE purchase_grant (
    grant_id     bigint PRIMARY KEY REFERENCES credit_grant (id),
    purchase_id  bigint NOT NULL REFERENCES purchase (id)
);
CREATE INDEX purchase_grant_purchase ON purchase_grant (purchase_id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON purchase_grant FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();
