-- Placeholder: the place of another change.
-- depends: 0015.people

SELECT 1;
