-- Placeholder: the place of another change.
-- depends: 0013.pricing

SELECT 1;
