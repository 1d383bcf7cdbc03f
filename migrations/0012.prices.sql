-- Prices that a person brings: in force from a moment on, and able to come back.
-- depends: 0011.cohort

-- request_id: set for an imported book; without one it is what an installed LiteLLM carries. An imported book whose
-- effective_at has come goes before those. The same prices may come again after others: digest is no longer unique.
ALTER TABLE price_book
    DROP CONSTRAINT price_book_digest_key,
    ADD COLUMN effective_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN request_id text UNIQUE;
CREATE INDEX price_book_digest ON price_book (digest);
