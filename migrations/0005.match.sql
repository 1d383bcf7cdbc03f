-- What the match asks each few seconds must not grow with the ledger: each question has an index by time.
-- depends: 0004.history

CREATE INDEX hold_close_closed ON hold_close (closed_at);
CREATE INDEX call_record_access ON call_record (recorded_at) WHERE kind = 'access';
CREATE INDEX alarm_recent ON alarm (kind, subject, raised_at);
