-- Accounts of which something is due, found without reading all of them.
-- depends: 0014.settings

CREATE INDEX account_due ON account (due_at) WHERE due_at IS NOT NULL;
