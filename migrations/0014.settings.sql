-- Placeholder.
-- depends: 0013.pricing

SELECT 1;
