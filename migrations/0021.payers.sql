-- Who pays for a person, for the time that Postgres is away: the mirror follows each change (credit/sql/outages.sql).
-- depends: 0020.admins

-- One row a change, so that nobody who makes one waits for another. How many there are is the version of what
-- payers_of says. person null: everybody (a cap of the whole organisation).
CREATE TABLE payer_change (
    person_id  bigint REFERENCES account (id),
    tx         xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX payer_change_person ON payer_change (person_id);
CREATE INDEX payer_change_tx ON payer_change (tx);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payer_change FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();

-- The argument names the column that holds the person.
CREATE FUNCTION note_payers() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS '
BEGIN
    INSERT INTO payer_change (person_id) VALUES ((to_jsonb(coalesce(NEW, OLD)) ->> TG_ARGV[0])::bigint);
    RETURN NULL;
END';
CREATE TRIGGER payers AFTER INSERT OR UPDATE OR DELETE ON pool_member FOR EACH ROW EXECUTE FUNCTION note_payers('account_id');
CREATE TRIGGER payers AFTER INSERT OR DELETE ON cap FOR EACH ROW EXECUTE FUNCTION note_payers('owner_id');
-- A period that begins anew, or another limit, is a matter of the cap's own figures.
CREATE TRIGGER payers_of_ended AFTER UPDATE ON cap FOR EACH ROW
    WHEN (OLD.ended_at IS DISTINCT FROM NEW.ended_at) EXECUTE FUNCTION note_payers('owner_id');
CREATE TRIGGER payers AFTER UPDATE OF pool_first ON account FOR EACH ROW
    WHEN (OLD.pool_first <> NEW.pool_first) EXECUTE FUNCTION note_payers('id');
CREATE TRIGGER payers_of_first AFTER INSERT ON account_setting FOR EACH ROW
    WHEN (NEW.first_pool_id IS NOT NULL) EXECUTE FUNCTION note_payers('account_id');
CREATE TRIGGER payers AFTER UPDATE ON account_setting FOR EACH ROW
    WHEN (OLD.first_pool_id IS DISTINCT FROM NEW.first_pool_id) EXECUTE FUNCTION note_payers('account_id');
