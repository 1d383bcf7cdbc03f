-- Prices and the model map: versioned, never changed in place.
-- depends: 0001.ledger

CREATE TABLE price_book (
    version      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest       text NOT NULL UNIQUE,
    source       text NOT NULL,
    imported_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE price (
    version  bigint NOT NULL REFERENCES price_book (version),
    model    text NOT NULL,
    price    jsonb NOT NULL,
    PRIMARY KEY (version, model)
);

-- One row per synchronisation that changed something; the highest version is in force.
CREATE TABLE model_map (
    version     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    price_book  bigint NOT NULL REFERENCES price_book (version),
    digest      text NOT NULL,
    map         jsonb NOT NULL,
    synced_at   timestamptz NOT NULL DEFAULT now()
);
