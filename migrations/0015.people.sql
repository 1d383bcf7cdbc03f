-- Placeholder: the place of another change.
-- depends: 0014.settings

SELECT 1;
