-- A number that is taken by name elsewhere.
-- depends: 0014.settings
SELECT 1;
