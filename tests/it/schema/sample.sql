-- A small history in the words of both engines: seven polls of two accounts. Poll 3 failed, poll 4
-- held the removal of avatar a2, poll 7 is the baseline of the account studio.
INSERT INTO accounts (account, last_poll_id, polls) VALUES ('default', 6, 6), ('studio', 7, 1);

INSERT INTO polls (poll_id, account, catalogue, trigger, started_at, observed_at, finished_at, outcome, policy, error)
VALUES
    (1, 'default', 'avatars', 'manual', '2026-11-01T05:00:00.000Z', '2026-11-01T05:00:01.000Z', '2026-11-01T05:00:02.000Z', 'succeeded', '{"after_polls":1}', NULL),
    (2, 'default', 'avatars', 'schedule', '2026-11-02T05:00:00.000Z', '2026-11-02T05:00:01.000Z', '2026-11-02T05:00:02.000Z', 'succeeded', NULL, NULL),
    (3, 'default', 'avatars', 'schedule', '2026-11-03T05:00:00.000Z', '2026-11-03T05:00:01.000Z', '2026-11-03T05:00:02.000Z', 'failed', NULL, 'status 502'),
    (4, 'default', 'avatars', 'file', '2026-11-04T05:00:00.000Z', '2026-11-04T05:00:01.000Z', '2026-11-04T05:00:02.000Z', 'held', NULL, NULL),
    (5, 'default', 'avatars', 'refresh', '2026-11-05T05:00:00.000Z', '2026-11-05T05:00:01.000Z', '2026-11-05T05:00:02.000Z', 'succeeded', NULL, NULL),
    (6, 'default', 'avatars', 'manual', '2026-11-06T23:59:59.000Z', '2026-11-06T23:59:59.999Z', '2026-11-07T00:00:01.000Z', 'succeeded', NULL, NULL),
    (7, 'studio', 'avatars', 'manual', '2026-11-07T00:00:00.000Z', '2026-11-07T00:00:00.000Z', '2026-11-07T00:00:02.000Z', 'succeeded', NULL, NULL);

INSERT INTO avatars (account, avatar_id, avatar_name, gender, preview_image_url, preview_video_url, premium, type, tags, extra, version, valid_from, first_seen_at, changed_at, missing_since, removed_at)
VALUES
    ('default', 'a1', 'Ann new', NULL, 'https://cdn/a1', 'https://cdn/a1v', FALSE, NULL, '["x","y"]', '{"k":1}', 3, '2026-11-05T05:00:01.000Z', '2026-11-01T05:00:01.000Z', '2026-11-02T05:00:01.000Z', NULL, NULL),
    ('default', 'a2', 'Bob', NULL, 'https://cdn/a2', NULL, TRUE, NULL, NULL, NULL, 1, '2026-11-01T05:00:01.000Z', '2026-11-01T05:00:01.000Z', '2026-11-01T05:00:01.000Z', '2026-11-04T05:00:01.000Z', NULL),
    ('default', 'a3', 'Cy', 'female', NULL, 'https://cdn/a3v', NULL, NULL, NULL, NULL, 2, '2026-11-06T23:59:59.999Z', '2026-11-01T05:00:01.000Z', '2026-11-06T23:59:59.999Z', NULL, NULL),
    ('default', 'a4', NULL, NULL, 'https://cdn/a4', NULL, NULL, NULL, '[]', NULL, 1, '2026-11-02T05:00:01.000Z', '2026-11-02T05:00:01.000Z', '2026-11-02T05:00:01.000Z', NULL, NULL),
    ('studio', 'a1', 'Ann', NULL, 'https://cdn/none', NULL, NULL, NULL, NULL, NULL, 1, '2026-11-07T00:00:00.000Z', '2026-11-07T00:00:00.000Z', '2026-11-07T00:00:00.000Z', NULL, NULL);

INSERT INTO talking_photos (account, talking_photo_id, talking_photo_name, preview_image_url, version, valid_from, first_seen_at, changed_at, missing_since, removed_at)
VALUES
    ('default', 't1', 'Tea', 'https://cdn/t1', 1, '2026-11-01T05:00:01.000Z', '2026-11-01T05:00:01.000Z', '2026-11-01T05:00:01.000Z', NULL, NULL),
    ('default', 't2', 'Two', 'https://cdn/t2', 1, '2026-11-02T05:00:01.000Z', '2026-11-02T05:00:01.000Z', '2026-11-02T05:00:01.000Z', '2026-11-05T05:00:01.000Z', '2026-11-06T23:59:59.999Z');

INSERT INTO avatar_groups (account, group_id, group_name, version, valid_from, first_seen_at, changed_at)
VALUES ('studio', 'g1', 'Ann', 1, '2026-11-07T00:00:00.000Z', '2026-11-07T00:00:00.000Z', '2026-11-07T00:00:00.000Z');

INSERT INTO voices (account, voice_id, voice_name, version, valid_from, first_seen_at, changed_at)
VALUES ('studio', 'v1', 'Calm', 1, '2026-11-07T00:00:00.000Z', '2026-11-07T00:00:00.000Z', '2026-11-07T00:00:00.000Z');

INSERT INTO avatar_history (account, avatar_id, version, valid_from, valid_to, opened_by, closed_by, opened_poll, closed_poll, opened_after, closed_after, avatar_name)
VALUES
    ('default', 'a1', 1, '2026-11-01T05:00:01.000Z', '2026-11-02T05:00:01.000Z', 'added', 'changed', 1, 2, NULL, '2026-11-01T05:00:01.000Z', 'Ann'),
    ('default', 'a1', 2, '2026-11-02T05:00:01.000Z', '2026-11-05T05:00:01.000Z', 'changed', 'learned', 2, 5, '2026-11-01T05:00:01.000Z', '2026-11-04T05:00:01.000Z', 'Ann new'),
    ('default', 'a1', 3, '2026-11-05T05:00:01.000Z', NULL, 'learned', NULL, 5, NULL, '2026-11-04T05:00:01.000Z', NULL, 'Ann new'),
    ('default', 'a2', 1, '2026-11-01T05:00:01.000Z', NULL, 'added', NULL, 1, NULL, NULL, NULL, 'Bob'),
    ('default', 'a3', 1, '2026-11-01T05:00:01.000Z', '2026-11-05T05:00:01.000Z', 'added', 'removed', 1, 5, NULL, '2026-11-04T05:00:01.000Z', 'Cy'),
    ('default', 'a3', 2, '2026-11-06T23:59:59.999Z', NULL, 'restored', NULL, 6, NULL, '2026-11-05T05:00:01.000Z', NULL, 'Cy'),
    ('default', 'a4', 1, '2026-11-02T05:00:01.000Z', NULL, 'added', NULL, 2, NULL, '2026-11-01T05:00:01.000Z', NULL, NULL),
    ('studio', 'a1', 1, '2026-11-07T00:00:00.000Z', NULL, 'added', NULL, 7, NULL, NULL, NULL, 'Ann');

INSERT INTO talking_photo_history (account, talking_photo_id, version, valid_from, valid_to, opened_by, closed_by, opened_poll, closed_poll, opened_after, closed_after, talking_photo_name)
VALUES
    ('default', 't1', 1, '2026-11-01T05:00:01.000Z', NULL, 'added', NULL, 1, NULL, NULL, NULL, 'Tea'),
    ('default', 't2', 1, '2026-11-02T05:00:01.000Z', '2026-11-06T23:59:59.999Z', 'added', 'removed', 2, 6, '2026-11-01T05:00:01.000Z', '2026-11-04T05:00:01.000Z', 'Two');

INSERT INTO field_changes (poll_id, account, kind, item_id, version, field, old_value, new_value)
VALUES
    (2, 'default', 'avatar', 'a1', 2, 'avatar_name', 'Ann', 'Ann new'),
    (2, 'default', 'avatar', 'a1', 2, 'premium', 'true', 'false'),
    (6, 'default', 'avatar', 'a3', 2, 'gender', NULL, 'female');

INSERT INTO schema_changes (poll_id, account, kind, field, change, json_type, example)
VALUES
    (1, 'default', 'avatar', 'avatar_id', 'appeared', 'string', '"a1"'),
    (1, 'default', 'avatar', 'tags', 'appeared', NULL, NULL),
    (2, 'default', 'avatar', 'voice', 'appeared', 'string', '"v"'),
    (4, 'default', 'avatar', 'voice', 'vanished', 'string', NULL),
    (5, 'default', 'avatar', 'voice', 'appeared', NULL, NULL),
    (6, 'default', 'avatar', 'tags', 'retyped', 'array', '["x"]'),
    (6, 'default', 'avatar', 'voice', 'retyped', 'number|string', '7'),
    (7, 'studio', 'avatar', 'avatar_id', 'appeared', 'string', '"a1"');

INSERT INTO assets (url, role, signed_url, expires_at, state, file)
VALUES
    ('https://cdn/a1', 'image', 'https://cdn/a1?s', '2026-11-03T00:00:00.000Z', 'failed', NULL),
    ('https://cdn/a2', 'image', NULL, NULL, 'mirrored', 'sha256/ab/a2.png'),
    ('https://cdn/a3v', 'video', 'https://cdn/a3v?s', '9000-01-01T00:00:00.000Z', 'mirrored', 'sha256/ab/a3.mp4'),
    ('https://cdn/a4', 'image', 'https://cdn/a4?s', NULL, 'pending', NULL),
    ('https://cdn/t1', 'image', 'https://cdn/t1?s', '9000-01-01T00:00:00.000Z', 'pending', NULL);

INSERT INTO asset_versions (url, fetched_at, sha256, file, bytes)
VALUES ('https://cdn/a2', '2026-11-01T05:00:03.000Z', 'ab', 'sha256/ab/a2.png', 7);

INSERT INTO notices (notice_id, poll_id, account, receiver, kind, body, created_at)
VALUES (1, 2, 'default', 'webhook', 'changes', '{"changed":1}', '2026-11-02T05:00:01.000Z');
