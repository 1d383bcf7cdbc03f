-- Placeholder: the place of another change.
-- depends: 0016.admins

SELECT 1;
