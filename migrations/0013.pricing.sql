-- A placeholder for the migration of prices; the one that is merged takes its place.
-- depends: 0012.prices

SELECT 1;
