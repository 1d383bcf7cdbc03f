-- What each process may touch. The roles cannot log in; the operator grants them to the users that do.
-- Keys: none. Arguments: none. Result: none; running it again changes nothing.
DO $$
BEGIN
    CREATE ROLE pedagio_authz NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;
DO $$
BEGIN
    CREATE ROLE pedagio_accounting NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO pedagio_authz, pedagio_accounting;
-- Holds are placed by functions with the rights of the owner; beside them the door opens accounts, and notes what happened.
GRANT INSERT (client_id, external_id, kind) ON account TO pedagio_authz;
GRANT INSERT ON decision, alarm, audit TO pedagio_authz;
GRANT INSERT ON credit_grant, grant_entry, hold_spared TO pedagio_accounting;
GRANT UPDATE (remaining, open, state) ON credit_grant TO pedagio_accounting;
GRANT UPDATE (due_at, plan_ends_at, plan_allowance, plan_since) ON account TO pedagio_accounting;
GRANT INSERT ON plan, pool_member, cap, cap_use TO pedagio_accounting;
GRANT UPDATE ON plan, pool_member, cap, hold_spared TO pedagio_accounting;
GRANT DELETE ON pool_member, cap, hold_spared TO pedagio_accounting;
GRANT UPDATE (plan_id, pool_first, overdraft) ON account TO pedagio_accounting;
GRANT INSERT ON account, account_history, alarm, seal, account_label, client, transfer, hold, hold_open, hold_close, usage_event, call_record,
    usage_conflict, usage_quarantine, exception, decision, audit, price_book, price, price_override, model_map, policy,
    account_setting, setting_request TO pedagio_accounting;
GRANT UPDATE (posted, held, version, status, status_at, mode_override) ON account TO pedagio_accounting;
GRANT UPDATE ON hold_open, enforcement, client, news, account_label, account_setting TO pedagio_accounting;
GRANT INSERT, DELETE ON address_opening TO pedagio_accounting;
GRANT UPDATE (resolved_at, resolved_by, resolution) ON exception TO pedagio_accounting;
GRANT DELETE ON hold_open TO pedagio_accounting;
GRANT INSERT ON notice, notice_delivery TO pedagio_accounting;
GRANT UPDATE ON notice_delivery TO pedagio_accounting;
-- Who administers, and what they propose, is no business of the door.
GRANT INSERT ON admin, admin_role, admin_token, given, proposal TO pedagio_accounting;
GRANT UPDATE (removed_at) ON admin TO pedagio_accounting;
GRANT UPDATE (revoked_at) ON admin_token TO pedagio_accounting;
GRANT UPDATE (status, decided_by, decider, decided_at, outcome) ON proposal TO pedagio_accounting;
GRANT DELETE ON admin_role, given TO pedagio_accounting;
REVOKE SELECT ON admin, admin_role, admin_token, given, proposal FROM pedagio_authz;
GRANT INSERT, UPDATE, DELETE ON person, identity, stranger, import_item, person_credit TO pedagio_accounting;
GRANT INSERT, UPDATE ON import_batch TO pedagio_accounting;
GRANT INSERT ON purchase, purchase_grant, correction_grant TO pedagio_accounting;
-- Only to erase what says who somebody is.
GRANT UPDATE (external_id) ON account TO pedagio_accounting;
GRANT UPDATE (request) ON proposal TO pedagio_accounting;
-- Only to lock a row of it.
GRANT UPDATE (id) ON purchase TO pedagio_accounting;
GRANT DELETE ON account_label TO pedagio_accounting;
-- What people write when they ask, and who answers, is no business of the door either.
GRANT INSERT ON credit_request, deputy, request_address, advance_entry TO pedagio_accounting;
GRANT UPDATE (why, state, granted, grant_id, by_policy, decided_by, decider, answer, decided_at) ON credit_request TO pedagio_accounting;
GRANT UPDATE (ended_at) ON deputy TO pedagio_accounting;
GRANT UPDATE (used_at) ON request_address TO pedagio_accounting;
GRANT DELETE ON request_address TO pedagio_accounting;
GRANT UPDATE (advanced) ON account TO pedagio_accounting;
REVOKE SELECT ON credit_request, deputy, request_address FROM pedagio_authz;
GRANT INSERT, UPDATE ON admin_password, admin_invite, sign_in_delay TO pedagio_accounting;
GRANT DELETE ON sign_in_delay TO pedagio_accounting;
REVOKE SELECT ON admin_password, admin_invite, sign_in_delay FROM pedagio_authz;
-- The pages of people: what they call wrong, and the addresses mailed to them.
GRANT INSERT ON dispute, person_link TO pedagio_accounting;
GRANT UPDATE (words) ON dispute TO pedagio_accounting;
GRANT UPDATE (browser_mark, ends_at) ON person_link TO pedagio_accounting;
GRANT DELETE ON person_link TO pedagio_accounting;
REVOKE SELECT ON dispute, person_link FROM pedagio_authz;
