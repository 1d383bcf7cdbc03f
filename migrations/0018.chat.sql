-- Credit inside the chat: the line under an answer once a day.
-- depends: 0017.usage

-- The day (on the clock of the plan) on which an answer last ended with the line that credit runs low, and the hold of it:
-- a call asked for twice gets the same answer.
ALTER TABLE account ADD COLUMN line_on date, ADD COLUMN line_hold uuid;
