-- Statements of signing in, read by aiosql; every mutation is one statement that also writes its audit line.

-- name: find_password^
-- Of an administrator; hash null: none was set.
SELECT a.id, a.email, p.hash, p.set_by FROM admin AS a LEFT JOIN admin_password AS p ON p.admin_id = a.id
WHERE a.email = :email AND a.removed_at IS NULL;

-- name: add_delays!
-- A row for each subject that has none; what is a day old counts no more.
WITH old AS (
    DELETE FROM sign_in_delay WHERE subject IN (
        SELECT d.subject FROM sign_in_delay AS d WHERE d.last_at < now() - interval '1 day' ORDER BY d.last_at LIMIT 100
        FOR UPDATE SKIP LOCKED))
INSERT INTO sign_in_delay (subject) SELECT s FROM unnest(:subjects::bytea[]) AS s ORDER BY s ON CONFLICT DO NOTHING;

-- name: lock_delays
-- One try after the other; wait_s 0: it may be made.
SELECT d.subject, CASE WHEN d.last_at < now() - interval '1 day' THEN 0 ELSE d.failures END AS failures,
       greatest(0, ceil(extract(epoch FROM d.until - clock_timestamp())))::int AS wait_s
FROM sign_in_delay AS d WHERE d.subject = ANY (:subjects::bytea[]) ORDER BY d.subject FOR UPDATE;

-- name: count_try!
-- As a wrong one, before it is looked at: many at once are counted as many.
UPDATE sign_in_delay SET failures = :failures, last_at = now(), until = clock_timestamp() + make_interval(secs => :wait_s)
WHERE subject = :subject;

-- name: note_failures!
INSERT INTO audit (actor, action, subject, detail)
VALUES ('pages', 'sign_in_failures', :subject, jsonb_build_object('reason', 'wrong passwords', 'tries', :failures::int, 'peer', :peer::text));

-- name: sign_in^
-- A session in place of an older one; no row: the password was changed meanwhile, or whose it is was removed.
-- right_ones: what counted this try as wrong, and starts again; shared_ones: where others may have been wrong before.
WITH who AS (
    SELECT a.id, a.email FROM admin AS a JOIN admin_password AS p ON p.admin_id = a.id
    WHERE a.id = :admin_id AND a.removed_at IS NULL AND p.hash = :hash FOR UPDATE OF p),
made AS (
    INSERT INTO admin_token (admin_id, sha256, label, issued_by, expires_at, session)
    SELECT w.id, :sha256, 'browser', :issued_by, now() + make_interval(hours => :hours), true FROM who AS w
    RETURNING id, expires_at),
replaced AS (
    UPDATE admin_token SET revoked_at = now() WHERE sha256 = :old_sha256 AND session AND revoked_at IS NULL),
forgotten AS (DELETE FROM sign_in_delay WHERE subject = ANY (:right_ones::bytea[]) AND EXISTS (SELECT FROM made)),
uncounted AS (
    UPDATE sign_in_delay SET failures = greatest(0, failures - 1), until = now()
    WHERE subject = ANY (:shared_ones::bytea[]) AND EXISTS (SELECT FROM made)),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT w.email, 'sign_in', w.email, jsonb_build_object('reason', 'signed in', 'token', m.id, 'peer', :peer::text)
    FROM who AS w CROSS JOIN made AS m)
SELECT w.email, m.expires_at FROM who AS w CROSS JOIN made AS m;

-- name: sign_in_vouched^
-- A session without a password; no row: nobody of that e-mail administers.
WITH who AS (SELECT a.id, a.email FROM admin AS a WHERE a.email = :email AND a.removed_at IS NULL),
made AS (
    INSERT INTO admin_token (admin_id, sha256, label, issued_by, expires_at, session)
    SELECT w.id, :sha256, 'browser', w.id, now() + make_interval(hours => :hours), true FROM who AS w
    RETURNING id, expires_at),
replaced AS (
    UPDATE admin_token SET revoked_at = now() WHERE sha256 = :old_sha256 AND session AND revoked_at IS NULL),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT w.email, 'sign_in', w.email, jsonb_build_object('reason', 'vouched for by the provider', 'token', m.id, 'peer', :peer::text)
    FROM who AS w CROSS JOIN made AS m)
SELECT w.email, m.expires_at FROM who AS w CROSS JOIN made AS m;

-- name: sign_out!
WITH gone AS (
    UPDATE admin_token AS t SET revoked_at = now() FROM admin AS a
    WHERE t.sha256 = :sha256 AND t.session AND t.revoked_at IS NULL AND a.id = t.admin_id RETURNING t.id, a.email)
INSERT INTO audit (actor, action, subject, detail)
SELECT g.email, 'sign_out', g.email, jsonb_build_object('reason', 'signed out', 'token', g.id) FROM gone AS g;

-- name: invite_admin^
-- No row: nobody of that e-mail administers.
WITH who AS (SELECT a.id, a.email FROM admin AS a WHERE a.email = :email AND a.removed_at IS NULL),
older AS (
    UPDATE admin_invite AS i SET ended_at = now() FROM who AS w WHERE i.admin_id = w.id AND i.ended_at IS NULL),
made AS (
    INSERT INTO admin_invite (sha256, admin_id, made_by, expires_at)
    SELECT :sha256, w.id, :made_by, now() + make_interval(hours => :hours) FROM who AS w RETURNING expires_at),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :actor, 'invite_admin', w.email, jsonb_build_object('reason', :reason::text) FROM who AS w)
SELECT expires_at FROM made;

-- name: find_invite^
SELECT a.email FROM admin_invite AS i JOIN admin AS a ON a.id = i.admin_id
WHERE i.sha256 = :sha256 AND i.ended_at IS NULL AND i.expires_at > now() AND a.removed_at IS NULL;

-- name: use_invite^
-- Once. The sessions end; what counted against the e-mail is forgotten: whoever has the code was let in by somebody.
WITH used AS (
    UPDATE admin_invite SET ended_at = now() WHERE sha256 = :sha256 AND ended_at IS NULL AND expires_at > now()
    RETURNING admin_id, made_by),
who AS (SELECT a.id, a.email, u.made_by FROM used AS u JOIN admin AS a ON a.id = u.admin_id WHERE a.removed_at IS NULL),
kept AS (
    INSERT INTO admin_password (admin_id, hash, set_by) SELECT w.id, :hash, w.made_by FROM who AS w
    ON CONFLICT (admin_id) DO UPDATE SET hash = excluded.hash, set_by = excluded.set_by, set_at = now()),
ended AS (
    UPDATE admin_token AS t SET revoked_at = now() FROM who AS w WHERE t.admin_id = w.id AND t.session AND t.revoked_at IS NULL),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT w.email, 'set_password', w.email, jsonb_build_object('reason', 'by invitation') FROM who AS w)
SELECT id, email, made_by FROM who;

-- name: change_password^
-- One's own; no row: it was changed meanwhile.
WITH kept AS (
    UPDATE admin_password SET hash = :hash, set_by = :admin_id, set_at = now()
    WHERE admin_id = :admin_id AND hash = :old_hash RETURNING admin_id),
ended AS (
    UPDATE admin_token AS t SET revoked_at = now() FROM kept AS k
    WHERE t.admin_id = k.admin_id AND t.session AND t.revoked_at IS NULL),
noted AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT :email, 'set_password', :email, jsonb_build_object('reason', 'changed by its owner') FROM kept AS k)
SELECT admin_id FROM kept;
