-- Placeholder.
-- depends: 0014.settings

SELECT 1;
