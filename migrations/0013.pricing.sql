-- Prices that a person sets for one model, and what a plan puts on top of the cost.
-- depends: 0012.prices

-- Per cent on each debit under this hold; pinned, as its prices are.
ALTER TABLE hold ADD COLUMN markup_percent smallint NOT NULL DEFAULT 0 CHECK (markup_percent BETWEEN 0 AND 1000);

-- Append-only: of the rows of a name the one that came into force last counts; a price of null ends it.
-- model: as clients ask for it; '*': each name without a price of its own. price: {input, output, cached, context,
-- max_output}, pico-USD per token and tokens.
CREATE TABLE price_override (
    version       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model         text NOT NULL CHECK (model <> ''),
    price         jsonb CHECK (jsonb_typeof(price) = 'object'),
    effective_at  timestamptz NOT NULL,
    changed_at    timestamptz NOT NULL DEFAULT now(),
    changed_by    text NOT NULL,
    reason        text NOT NULL,
    request_id    text NOT NULL UNIQUE
);
CREATE INDEX price_override_effective ON price_override (model, effective_at DESC, version DESC);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON price_override FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();

-- How many overrides had come into force when the map was made: fewer than there are now, and it is made anew.
ALTER TABLE model_map ADD COLUMN overrides bigint NOT NULL DEFAULT 0;
