-- A number that another branch has.
-- depends: 0024.requests
SELECT 1;
