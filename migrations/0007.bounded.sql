-- What replicas of authz granted while Postgres was away, by time: a replica that starts reads the accounts, since
-- the mirror in Redis may be older than these holds (credit/sql/outages.sql, list_recently_bounded).
-- depends: 0006.seal

CREATE INDEX hold_bounded ON hold (placed_at) WHERE placed_by = 'bounded';
