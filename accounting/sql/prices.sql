-- Statements of the price books, read by aiosql; a header above each says why.
-- A book is written with its prices and its audit line in one statement, and never changed after it.
-- Prices are pico-USD per token, inside the documents of credit/prices.py.

-- name: find_book_at^
-- The book in force at a moment (null: now). An imported one goes before what LiteLLM carries; of those
-- the one that the map in force was made with.
SELECT b.version, b.digest, b.source, b.effective_at
FROM price_book AS b
WHERE b.effective_at <= coalesce(:at::timestamptz, ledger_now())
ORDER BY (b.request_id IS NOT NULL) DESC,
         (b.request_id IS NULL AND b.version IS NOT DISTINCT FROM
             (SELECT m.price_book FROM model_map AS m ORDER BY m.version DESC LIMIT 1)) DESC,
         b.effective_at DESC, b.version DESC
LIMIT 1;

-- name: find_imported_book^
-- The imported book in force; no row: LiteLLM's own file is.
SELECT b.version FROM price_book AS b
WHERE b.request_id IS NOT NULL AND b.effective_at <= ledger_now()
ORDER BY b.effective_at DESC, b.version DESC LIMIT 1;

-- name: find_import^
-- What was imported under a request id.
SELECT b.version, b.digest, b.effective_at FROM price_book AS b WHERE b.request_id = :request_id;

-- name: list_book_prices
SELECT p.model, p.price FROM price AS p WHERE p.version = :version ORDER BY p.model;

-- name: list_books
-- Newest first; which of them is in force is find_book_at's to say.
SELECT b.version, b.digest, b.source, b.imported_at, b.effective_at, b.request_id IS NOT NULL AS imported,
       b.effective_at > ledger_now() AS coming, (SELECT count(*) FROM price AS p WHERE p.version = b.version) AS models
FROM price_book AS b ORDER BY b.version DESC LIMIT :page_size;

-- name: import_book^
-- Book, prices and audit line, or none of them. No row: this request id has been used.
WITH made AS (
    INSERT INTO price_book (digest, source, effective_at, request_id)
    VALUES (:digest, :source, coalesce(:effective_at::timestamptz, ledger_now()), :request_id)
    ON CONFLICT DO NOTHING RETURNING version, effective_at),
prices AS (
    INSERT INTO price (version, model, price)
    SELECT m.version, p.key, p.value FROM made AS m CROSS JOIN jsonb_each(:prices::jsonb) AS p (key, value)),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor::text, 'import_prices', m.version::text, jsonb_build_object(
               'reason', :reason::text, 'digest', :digest::text, 'effective_at', m.effective_at,
               'forced', :forced::boolean, 'added', :added::bigint, 'removed', :removed::bigint,
               'changed', :changed::bigint, 'sharp', :sharp::bigint)
    FROM made AS m)
SELECT version, effective_at FROM made;

-- name: is_book_waiting^
-- Whether the moment of an imported book or of an override has come, and the map in force was made without it.
SELECT (SELECT count(*) FROM price_override AS o WHERE o.effective_at <= ledger_now())
    <> coalesce((SELECT m.overrides FROM model_map AS m ORDER BY m.version DESC LIMIT 1), 0)
    OR coalesce((SELECT b.version FROM price_book AS b
                 WHERE b.request_id IS NOT NULL AND b.effective_at <= ledger_now()
                 ORDER BY b.effective_at DESC, b.version DESC LIMIT 1)
                <> (SELECT m.price_book FROM model_map AS m ORDER BY m.version DESC LIMIT 1), false) AS waiting;

-- name: list_overrides_in_force
-- The newest of each name by the moment it came into force (null price: ended), and how many changes there were.
SELECT DISTINCT ON (o.model) o.model, o.price, o.effective_at, count(*) OVER () AS changes
FROM price_override AS o WHERE o.effective_at <= coalesce(:at::timestamptz, ledger_now())
ORDER BY o.model, o.effective_at DESC, o.version DESC;

-- name: list_overrides
-- All changes, newest first.
SELECT o.version, o.model, o.price, o.effective_at, o.changed_at, o.changed_by, o.reason,
       o.effective_at > ledger_now() AS coming,
       o.version = (SELECT x.version FROM price_override AS x
                    WHERE x.model = o.model AND x.effective_at <= ledger_now()
                    ORDER BY x.effective_at DESC, x.version DESC LIMIT 1) AS newest
FROM price_override AS o ORDER BY o.version DESC LIMIT :page_size;

-- name: find_override^
-- What was set under a request id.
SELECT o.version, o.model, o.price, o.effective_at FROM price_override AS o WHERE o.request_id = :request_id;

-- name: set_override^
-- The change with its audit line, or neither. No row: this request id has been used.
WITH made AS (
    INSERT INTO price_override (model, price, effective_at, changed_by, reason, request_id)
    VALUES (:model, :price, coalesce(:effective_at::timestamptz, ledger_now()), :actor, :reason, :request_id)
    ON CONFLICT DO NOTHING RETURNING version, model, effective_at),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor::text, 'override_price', m.model, jsonb_build_object(
               'reason', :reason::text, 'version', m.version, 'effective_at', m.effective_at,
               'price', :price::jsonb, 'forced', :forced::boolean)
    FROM made AS m)
SELECT version, effective_at FROM made;

-- name: list_priced_names
-- The names that people can ask for, with the models behind them as the price book calls them.
SELECT DISTINCT n.key AS name, d ->> 'key' AS key
FROM (SELECT m.map FROM model_map AS m ORDER BY m.version DESC LIMIT 1) AS m
CROSS JOIN jsonb_each(m.map) AS n (key, value)
CROSS JOIN LATERAL (SELECT x -> 'price' AS d FROM jsonb_array_elements(n.value -> 'deployments') AS x) AS y (d)
WHERE jsonb_typeof(d) = 'object' ORDER BY name, key;

-- name: lock_sync
-- Two synchronisations at once would each find the map changed; the second waits and finds it done.
SELECT pg_advisory_xact_lock(5048);

-- name: add_price_book^
-- What LiteLLM carries. No row: these prices are here already. (Under lock_sync, so nobody adds them meanwhile.)
INSERT INTO price_book (digest, source)
SELECT :digest::text, :source::text
WHERE NOT EXISTS (SELECT FROM price_book AS b WHERE b.digest = :digest::text AND b.request_id IS NULL)
RETURNING version;

-- name: find_price_book^
SELECT version FROM price_book WHERE digest = :digest AND request_id IS NULL;

-- name: add_prices!
INSERT INTO price (version, model, price)
SELECT :version, p.key, p.value FROM jsonb_each(:prices::jsonb) AS p (key, value);

-- name: read_map_digest^
-- Of the map in force: the highest version.
SELECT version, digest, price_book, overrides FROM model_map ORDER BY version DESC LIMIT 1;

-- name: add_model_map^
WITH made AS (
    INSERT INTO model_map (price_book, overrides, digest, map) VALUES (:price_book, :overrides, :digest, :map)
    RETURNING version, price_book),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor, 'sync_models', m.version::text, jsonb_build_object('reason', :reason::text, 'price_book', m.price_book)
    FROM made AS m)
SELECT version FROM made;
