-- Accounts of which something is due, found without reading all of them.
-- depends: 0014.settings

CREATE INDEX account_due ON account (due_at) WHERE due_at IS NOT NULL;
-- On which plan somebody was at a moment: a refusal of then is decided again by the policy of then.
CREATE INDEX audit_assigned ON audit (subject, id) WHERE action = 'assign_plan';
