-- payers_of: who may pay for a person, in the order in which the decision tries them, each with the caps that bound it.
-- Why: while Postgres is away a replica of authz decides itself (authz/bounded.py); this is what it must know beside
--      the figures of these accounts. The order is that of decide_over (place_batch.sql); a test holds the two equal.
-- Keys: account.id, pool_member, cap. Arguments: the person.
-- Result: [{id, caps}], the person's own account among them.
CREATE OR REPLACE FUNCTION payers_of(p_person bigint) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_agg(jsonb_build_object('id', c.id, 'caps', ARRAY(
               SELECT l.account_id FROM cap AS l
               WHERE (l.owner_id = p_person OR l.owner_id IS NULL) AND l.ended_at IS NULL AND (l.pool_id IS NULL OR l.pool_id = c.id)
               ORDER BY l.account_id)) ORDER BY c.round, c.position, c.id)
    FROM (SELECT a.id, CASE WHEN a.pool_first THEN 1 ELSE 0 END AS round, 0 AS position FROM account AS a WHERE a.id = p_person
          UNION ALL
          SELECT m.pool_id, CASE WHEN a.pool_first THEN 0 ELSE 1 END, CASE WHEN m.pool_id = s.first_pool_id THEN -1 ELSE m.position END
          FROM pool_member AS m JOIN account AS a ON a.id = m.account_id
          LEFT JOIN account_setting AS s ON s.account_id = m.account_id WHERE m.account_id = p_person) AS c
$$;

-- payers_version: of two answers of payers_of the one with the higher version is the newer.
CREATE OR REPLACE FUNCTION payers_version(p_person bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT (SELECT count(*) FROM payer_change AS c WHERE c.person_id = p_person)
           + (SELECT count(*) FROM payer_change AS c WHERE c.person_id IS NULL)
$$;
