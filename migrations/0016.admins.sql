-- Placeholder.
-- depends: 0015.people

SELECT 1;
