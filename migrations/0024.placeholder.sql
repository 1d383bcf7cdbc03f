-- The place of another branch's migration.
-- depends: 0023.purchases
SELECT 1;
