-- A number that is taken by name elsewhere.
-- depends: 0013.pricing
SELECT 1;
