-- A cohort goes first: an account may enforce while the ledger stays in shadow.
-- depends: 0010.policies

ALTER TABLE account DROP CONSTRAINT account_mode_override_check;
ALTER TABLE account ADD CONSTRAINT account_mode_override_check CHECK (mode_override IN ('shadow', 'enforce'));

-- Reports ask for the last days; both tables are written in the order of time, so a small index does.
CREATE INDEX hold_placed ON hold USING brin (placed_at);
CREATE INDEX decision_decided ON decision USING brin (decided_at);
