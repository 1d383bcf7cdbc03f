-- Debits that are given back, read by aiosql; a header above each says why.

-- name: lock_correction
-- Two corrections of one hold at once would each find what is left of its debit.
SELECT pg_advisory_xact_lock(5056, hashtext(:hold_id::text));

-- name: find_debit^
-- Who paid for a closed hold, what it was debited in the end (late debits and reversed estimates with it), what of that was
-- given back, without what was revoked again.
SELECT h.account_id,
       (SELECT coalesce(sum(CASE WHEN t.debit_account = h.account_id THEN t.amount ELSE -t.amount END), 0)::bigint
        FROM transfer AS t
        WHERE (t.debit_account = h.account_id OR t.credit_account = h.account_id)
          AND t.hold_id = h.id AND t.kind IN ('charge', 'estimate', 'reversal')) AS debited,
       (SELECT coalesce(sum(given_of(g)), 0)::bigint
        FROM correction_grant AS c JOIN credit_grant AS g ON g.id = c.grant_id WHERE c.hold_id = h.id) AS corrected
FROM hold AS h JOIN hold_close AS k ON k.hold_id = h.id WHERE h.id = :hold_id::uuid;

-- name: correct_debit!
INSERT INTO correction_grant (grant_id, hold_id) VALUES (:grant_id, :hold_id::uuid);
