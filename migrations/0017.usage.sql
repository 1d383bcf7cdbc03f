-- What was used, by time: found without reading all that was ever moved.
-- depends: 0016.outbox

-- Rows come in the order of time, so a block range says all that is needed, at next to no cost per row.
CREATE INDEX transfer_recorded ON transfer USING brin (recorded_at) WITH (pages_per_range = 32);
