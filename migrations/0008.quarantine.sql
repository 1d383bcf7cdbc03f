-- A record that could not be accepted names its hold: before a hold is released as never started, one looks here.
-- depends: 0006.seal

CREATE INDEX usage_quarantine_hold ON usage_quarantine ((body ->> 'hold'));
