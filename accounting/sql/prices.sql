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
-- Whether an imported book's moment has come and the map in force was made with another.
SELECT coalesce((SELECT b.version FROM price_book AS b
                 WHERE b.request_id IS NOT NULL AND b.effective_at <= ledger_now()
                 ORDER BY b.effective_at DESC, b.version DESC LIMIT 1)
                <> (SELECT m.price_book FROM model_map AS m ORDER BY m.version DESC LIMIT 1), false) AS waiting;
