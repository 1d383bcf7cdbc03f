-- The short address in a refusal: who opened it first.
-- depends: 0018.chat

-- A code follows from its refusal (credit/address.py), so nothing is written until somebody opens it. Then a row binds it
-- to that browser for the rest of its day. No code and no browser's secret stands here: marks under a key of ours.
CREATE TABLE address_opening (
    hold_id       uuid PRIMARY KEY,
    account_id    bigint NOT NULL REFERENCES account (id),
    code_mark     bytea NOT NULL CHECK (length(code_mark) = 32),
    browser_mark  bytea NOT NULL CHECK (length(browser_mark) = 32),
    opened_at     timestamptz NOT NULL DEFAULT now(),
    ends_at       timestamptz NOT NULL
);
CREATE INDEX address_opening_end ON address_opening (ends_at);
