-- HeyGen's avatars, talking photos, avatar groups and voices, with their history:
-- PostgreSQL 13 and later.
-- The SQLite migration of the same number has the same tables, columns and views, in the same
-- order and with the same values; a test compares the two.
--
-- Start with current_avatars, current_talking_photos, current_avatar_groups and current_voices (the
-- current items), changes (the change feed), and avatar_history and the other histories (the state
-- at any time):
--     WHERE valid_from <= '2026-11-23 00:00Z'
--         AND (valid_to IS NULL OR valid_to > '2026-11-23 00:00Z')
--
-- Times are in whole milliseconds. Text is compared by bytes (COLLATE "C"), as in SQLite, so that
-- both databases sort alike. Values of the API are not checked here.
-- Every table, view and column has a comment: \d+ in psql shows them.

CREATE TABLE accounts (
    account TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    last_poll_id BIGINT,
    polls BIGINT NOT NULL DEFAULT 0,
    digest TEXT COLLATE "C"
);
COMMENT ON TABLE accounts IS
    'one row per account, with a summary of its polls, failed ones included';
COMMENT ON COLUMN accounts.account IS 'name of the account: what one API key sees';
COMMENT ON COLUMN accounts.last_poll_id IS 'its latest poll, failed ones included';
COMMENT ON COLUMN accounts.polls IS 'number of its polls, failed ones included';
COMMENT ON COLUMN accounts.digest IS
    'digest of its latest sealed poll; null while polls are not sealed';

CREATE TABLE polls (
    poll_id BIGINT NOT NULL PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (account) ON UPDATE CASCADE,
    catalogue TEXT COLLATE "C" NOT NULL,
    trigger TEXT COLLATE "C" NOT NULL,
    api_version TEXT COLLATE "C",
    source TEXT COLLATE "C",
    started_at TIMESTAMPTZ NOT NULL,
    observed_at TIMESTAMPTZ,
    finished_at TIMESTAMPTZ NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    avatars_listed BIGINT,
    talking_photos_listed BIGINT,
    avatar_groups_listed BIGINT,
    voices_listed BIGINT,
    added BIGINT,
    changed BIGINT,
    removed BIGINT,
    restored BIGINT,
    learned BIGINT,
    missing BIGINT,
    duplicates BIGINT,
    rejected BIGINT,
    held BIGINT,
    held_reason TEXT COLLATE "C",
    policy JSONB,
    http_status BIGINT,
    request_id TEXT COLLATE "C",
    response_bytes BIGINT,
    response_sha256 TEXT COLLATE "C",
    warning TEXT COLLATE "C",
    superseded BOOLEAN NOT NULL DEFAULT FALSE,
    error TEXT COLLATE "C",
    host TEXT COLLATE "C",
    tool_version TEXT COLLATE "C",
    digest TEXT COLLATE "C"
);
COMMENT ON TABLE polls IS 'one row per poll of a catalogue, failed ones included';
COMMENT ON COLUMN polls.poll_id IS '1, 2, 3 … without gaps, in commit order';
COMMENT ON COLUMN polls.account IS 'name of the account: what one API key sees';
COMMENT ON COLUMN polls.catalogue IS 'catalogue that was polled: avatars, avatar_groups or voices';
COMMENT ON COLUMN polls.trigger IS 'what started it: manual, schedule, file or refresh';
COMMENT ON COLUMN polls.api_version IS 'API version that was read: v2 or v3';
COMMENT ON COLUMN polls.source IS 'URL or file name that was read; no credentials';
COMMENT ON COLUMN polls.started_at IS 'start time';
COMMENT ON COLUMN polls.observed_at IS
    'when the response was received, the time used in history; null if none';
COMMENT ON COLUMN polls.finished_at IS 'when it was ready to commit';
COMMENT ON COLUMN polls.outcome IS 'succeeded, held (removals were held) or failed';
COMMENT ON COLUMN polls.avatars_listed IS
    'distinct avatar ids listed; this and the other counts are null if the poll failed';
COMMENT ON COLUMN polls.talking_photos_listed IS 'distinct talking-photo ids listed';
COMMENT ON COLUMN polls.avatar_groups_listed IS 'distinct avatar-group ids listed';
COMMENT ON COLUMN polls.voices_listed IS 'distinct voice ids listed';
COMMENT ON COLUMN polls.added IS 'items added';
COMMENT ON COLUMN polls.changed IS 'items changed';
COMMENT ON COLUMN polls.removed IS 'items removed';
COMMENT ON COLUMN polls.restored IS 'removed items that were listed again';
COMMENT ON COLUMN polls.learned IS 'items with values that became known without having changed';
COMMENT ON COLUMN polls.missing IS 'items missing and not removed, after this poll';
COMMENT ON COLUMN polls.duplicates IS 'records that repeat an earlier id';
COMMENT ON COLUMN polls.rejected IS 'records that could not be read';
COMMENT ON COLUMN polls.held IS 'due removals that were held';
COMMENT ON COLUMN polls.held_reason IS 'why removals were held; null if none were';
COMMENT ON COLUMN polls.policy IS
    'JSON of the removal rules in force: after_polls, min_count, max_share, accepted';
COMMENT ON COLUMN polls.http_status IS 'HTTP status of the response; null if none';
COMMENT ON COLUMN polls.request_id IS 'request id given by the API';
COMMENT ON COLUMN polls.response_bytes IS 'size of the decoded body, in bytes';
COMMENT ON COLUMN polls.response_sha256 IS 'SHA-256 of the decoded body, in hex';
COMMENT ON COLUMN polls.warning IS 'deprecation or sunset announced by the API';
COMMENT ON COLUMN polls.superseded IS 'whether its API version no longer existed';
COMMENT ON COLUMN polls.error IS 'why it failed; null otherwise';
COMMENT ON COLUMN polls.host IS 'machine that ran it';
COMMENT ON COLUMN polls.tool_version IS 'version of this program';
COMMENT ON COLUMN polls.digest IS
    'digest in the account''s hash chain; null while polls are not sealed';

CREATE TABLE avatars (
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (account) ON UPDATE CASCADE,
    avatar_id TEXT COLLATE "C" NOT NULL,
    avatar_name TEXT COLLATE "C",
    gender TEXT COLLATE "C",
    preview_image_url TEXT COLLATE "C",
    preview_video_url TEXT COLLATE "C",
    premium BOOLEAN,
    type TEXT COLLATE "C",
    tags JSONB,
    default_voice_id TEXT COLLATE "C",
    avatar_type TEXT COLLATE "C",
    group_id TEXT COLLATE "C",
    status TEXT COLLATE "C",
    supported_api_engines JSONB,
    preferred_orientation TEXT COLLATE "C",
    image_width BIGINT,
    image_height BIGINT,
    extra JSONB,
    version BIGINT NOT NULL,
    valid_from TIMESTAMPTZ NOT NULL,
    first_seen_at TIMESTAMPTZ NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL,
    missing_since TIMESTAMPTZ,
    removed_at TIMESTAMPTZ,
    fingerprint TEXT COLLATE "C",
    PRIMARY KEY (account, avatar_id)
);
COMMENT ON TABLE avatars IS 'every avatar ever seen, in its last known state';
COMMENT ON COLUMN avatars.account IS 'name of the account: what one API key sees';
COMMENT ON COLUMN avatars.avatar_id IS 'id given by the API';
COMMENT ON COLUMN avatars.avatar_name IS 'name as the API gave it; not unique';
COMMENT ON COLUMN avatars.gender IS 'free text of the API, mostly male, female or unknown';
COMMENT ON COLUMN avatars.preview_image_url IS
    'canonical URL of the picture: no signature parameters';
COMMENT ON COLUMN avatars.preview_video_url IS
    'canonical URL of the video: no signature parameters';
COMMENT ON COLUMN avatars.premium IS 'whether the API calls it premium for this account';
COMMENT ON COLUMN avatars.type IS 'the API''s type field';
COMMENT ON COLUMN avatars.tags IS 'sorted JSON array of strings; null and [] differ';
COMMENT ON COLUMN avatars.default_voice_id IS 'voice that the API suggests';
COMMENT ON COLUMN avatars.avatar_type IS
    'type of the look in v3, for example studio_avatar, digital_twin or photo_avatar';
COMMENT ON COLUMN avatars.group_id IS 'avatar group that the look belongs to in v3';
COMMENT ON COLUMN avatars.status IS
    'state of the look in v3, for example completed, processing, pending_consent or failed';
COMMENT ON COLUMN avatars.supported_api_engines IS
    'sorted JSON array of the engines that v3 offers for the look';
COMMENT ON COLUMN avatars.preferred_orientation IS
    'orientation of the look in v3: portrait, landscape or square';
COMMENT ON COLUMN avatars.image_width IS 'width of the look''s picture in v3, in pixels';
COMMENT ON COLUMN avatars.image_height IS 'height of the look''s picture in v3, in pixels';
COMMENT ON COLUMN avatars.extra IS
    'JSON object of fields and values without a column; null if there are none';
COMMENT ON COLUMN avatars.version IS 'number of the current version in the history, from 1';
COMMENT ON COLUMN avatars.valid_from IS 'start of the current version';
COMMENT ON COLUMN avatars.first_seen_at IS 'observed_at of the poll that added it';
COMMENT ON COLUMN avatars.changed_at IS
    'when it was last added, changed or restored; learned values do not count';
COMMENT ON COLUMN avatars.missing_since IS
    'observed_at of the first poll in a row without it; null while it is listed; kept after removal';
COMMENT ON COLUMN avatars.removed_at IS
    'observed_at of the poll that removed it; null if not removed';
COMMENT ON COLUMN avatars.fingerprint IS
    'internal: hash by which an unchanged record is recognised; null: the next record is decoded';

CREATE TABLE talking_photos (
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (account) ON UPDATE CASCADE,
    talking_photo_id TEXT COLLATE "C" NOT NULL,
    talking_photo_name TEXT COLLATE "C",
    gender TEXT COLLATE "C",
    preview_image_url TEXT COLLATE "C",
    preview_video_url TEXT COLLATE "C",
    tags JSONB,
    default_voice_id TEXT COLLATE "C",
    avatar_type TEXT COLLATE "C",
    group_id TEXT COLLATE "C",
    status TEXT COLLATE "C",
    supported_api_engines JSONB,
    preferred_orientation TEXT COLLATE "C",
    image_width BIGINT,
    image_height BIGINT,
    extra JSONB,
    version BIGINT NOT NULL,
    valid_from TIMESTAMPTZ NOT NULL,
    first_seen_at TIMESTAMPTZ NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL,
    missing_since TIMESTAMPTZ,
    removed_at TIMESTAMPTZ,
    fingerprint TEXT COLLATE "C",
    PRIMARY KEY (account, talking_photo_id)
);
COMMENT ON TABLE talking_photos IS 'every talking photo ever seen, in its last known state';
COMMENT ON COLUMN talking_photos.account IS 'name of the account: what one API key sees';
COMMENT ON COLUMN talking_photos.talking_photo_id IS 'id given by the API';
COMMENT ON COLUMN talking_photos.talking_photo_name IS 'name as the API gave it; not unique';
COMMENT ON COLUMN talking_photos.gender IS 'free text of the API, mostly male, female or unknown';
COMMENT ON COLUMN talking_photos.preview_image_url IS
    'canonical URL of the picture: no signature parameters';
COMMENT ON COLUMN talking_photos.preview_video_url IS
    'canonical URL of the video: no signature parameters';
COMMENT ON COLUMN talking_photos.tags IS 'sorted JSON array of strings; null and [] differ';
COMMENT ON COLUMN talking_photos.default_voice_id IS 'voice that the API suggests';
COMMENT ON COLUMN talking_photos.avatar_type IS
    'type of the look in v3, for example studio_avatar, digital_twin or photo_avatar';
COMMENT ON COLUMN talking_photos.group_id IS 'avatar group that the look belongs to in v3';
COMMENT ON COLUMN talking_photos.status IS
    'state of the look in v3, for example completed, processing, pending_consent or failed';
COMMENT ON COLUMN talking_photos.supported_api_engines IS
    'sorted JSON array of the engines that v3 offers for the look';
COMMENT ON COLUMN talking_photos.preferred_orientation IS
    'orientation of the look in v3: portrait, landscape or square';
COMMENT ON COLUMN talking_photos.image_width IS 'width of the look''s picture in v3, in pixels';
COMMENT ON COLUMN talking_photos.image_height IS 'height of the look''s picture in v3, in pixels';
COMMENT ON COLUMN talking_photos.extra IS
    'JSON object of fields and values without a column; null if there are none';
COMMENT ON COLUMN talking_photos.version IS 'number of the current version in the history, from 1';
COMMENT ON COLUMN talking_photos.valid_from IS 'start of the current version';
COMMENT ON COLUMN talking_photos.first_seen_at IS 'observed_at of the poll that added it';
COMMENT ON COLUMN talking_photos.changed_at IS
    'when it was last added, changed or restored; learned values do not count';
COMMENT ON COLUMN talking_photos.missing_since IS
    'observed_at of the first poll in a row without it; null while it is listed; kept after removal';
COMMENT ON COLUMN talking_photos.removed_at IS
    'observed_at of the poll that removed it; null if not removed';
COMMENT ON COLUMN talking_photos.fingerprint IS
    'internal: hash by which an unchanged record is recognised; null: the next record is decoded';

CREATE TABLE avatar_groups (
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (account) ON UPDATE CASCADE,
    group_id TEXT COLLATE "C" NOT NULL,
    group_name TEXT COLLATE "C",
    gender TEXT COLLATE "C",
    preview_image_url TEXT COLLATE "C",
    preview_video_url TEXT COLLATE "C",
    default_voice_id TEXT COLLATE "C",
    looks_count BIGINT,
    consent_status TEXT COLLATE "C",
    status TEXT COLLATE "C",
    created_at BIGINT,
    extra JSONB,
    version BIGINT NOT NULL,
    valid_from TIMESTAMPTZ NOT NULL,
    first_seen_at TIMESTAMPTZ NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL,
    missing_since TIMESTAMPTZ,
    removed_at TIMESTAMPTZ,
    fingerprint TEXT COLLATE "C",
    PRIMARY KEY (account, group_id)
);
COMMENT ON TABLE avatar_groups IS 'every avatar group ever seen, in its last known state';
COMMENT ON COLUMN avatar_groups.account IS 'name of the account: what one API key sees';
COMMENT ON COLUMN avatar_groups.group_id IS 'id given by the API';
COMMENT ON COLUMN avatar_groups.group_name IS 'name as the API gave it; not unique';
COMMENT ON COLUMN avatar_groups.gender IS 'free text of the API, mostly male, female or unknown';
COMMENT ON COLUMN avatar_groups.preview_image_url IS
    'canonical URL of the picture: no signature parameters';
COMMENT ON COLUMN avatar_groups.preview_video_url IS
    'canonical URL of the video: no signature parameters';
COMMENT ON COLUMN avatar_groups.default_voice_id IS 'voice that the API suggests';
COMMENT ON COLUMN avatar_groups.looks_count IS 'number of looks that the API counts in the group';
COMMENT ON COLUMN avatar_groups.consent_status IS
    'state of the person''s consent, as the API gives it';
COMMENT ON COLUMN avatar_groups.status IS
    'state of the group, for example completed, processing, pending_consent or failed';
COMMENT ON COLUMN avatar_groups.created_at IS
    'when the group was created, in Unix seconds, as the API gives it';
COMMENT ON COLUMN avatar_groups.extra IS
    'JSON object of fields and values without a column; null if there are none';
COMMENT ON COLUMN avatar_groups.version IS 'number of the current version in the history, from 1';
COMMENT ON COLUMN avatar_groups.valid_from IS 'start of the current version';
COMMENT ON COLUMN avatar_groups.first_seen_at IS 'observed_at of the poll that added it';
COMMENT ON COLUMN avatar_groups.changed_at IS
    'when it was last added, changed or restored; learned values do not count';
COMMENT ON COLUMN avatar_groups.missing_since IS
    'observed_at of the first poll in a row without it; null while it is listed; kept after removal';
COMMENT ON COLUMN avatar_groups.removed_at IS
    'observed_at of the poll that removed it; null if not removed';
COMMENT ON COLUMN avatar_groups.fingerprint IS
    'internal: hash by which an unchanged record is recognised; null: the next record is decoded';

CREATE TABLE voices (
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (account) ON UPDATE CASCADE,
    voice_id TEXT COLLATE "C" NOT NULL,
    voice_name TEXT COLLATE "C",
    language TEXT COLLATE "C",
    gender TEXT COLLATE "C",
    type TEXT COLLATE "C",
    preview_audio_url TEXT COLLATE "C",
    support_pause BOOLEAN,
    support_locale BOOLEAN,
    extra JSONB,
    version BIGINT NOT NULL,
    valid_from TIMESTAMPTZ NOT NULL,
    first_seen_at TIMESTAMPTZ NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL,
    missing_since TIMESTAMPTZ,
    removed_at TIMESTAMPTZ,
    fingerprint TEXT COLLATE "C",
    PRIMARY KEY (account, voice_id)
);
COMMENT ON TABLE voices IS 'every voice ever seen, in its last known state';
COMMENT ON COLUMN voices.account IS 'name of the account: what one API key sees';
COMMENT ON COLUMN voices.voice_id IS 'id given by the API';
COMMENT ON COLUMN voices.voice_name IS 'name as the API gave it; not unique';
COMMENT ON COLUMN voices.language IS 'language of the voice, as the API gives it';
COMMENT ON COLUMN voices.gender IS 'free text of the API, mostly male, female or unknown';
COMMENT ON COLUMN voices.type IS 'public or private';
COMMENT ON COLUMN voices.preview_audio_url IS
    'canonical URL of the sample: no signature parameters';
COMMENT ON COLUMN voices.support_pause IS 'whether the voice supports pauses';
COMMENT ON COLUMN voices.support_locale IS 'whether the voice supports locales';
COMMENT ON COLUMN voices.extra IS
    'JSON object of fields and values without a column; null if there are none';
COMMENT ON COLUMN voices.version IS 'number of the current version in the history, from 1';
COMMENT ON COLUMN voices.valid_from IS 'start of the current version';
COMMENT ON COLUMN voices.first_seen_at IS 'observed_at of the poll that added it';
COMMENT ON COLUMN voices.changed_at IS
    'when it was last added, changed or restored; learned values do not count';
COMMENT ON COLUMN voices.missing_since IS
    'observed_at of the first poll in a row without it; null while it is listed; kept after removal';
COMMENT ON COLUMN voices.removed_at IS
    'observed_at of the poll that removed it; null if not removed';
COMMENT ON COLUMN voices.fingerprint IS
    'internal: hash by which an unchanged record is recognised; null: the next record is decoded';

CREATE TABLE avatar_history (
    account TEXT COLLATE "C" NOT NULL,
    avatar_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    valid_from TIMESTAMPTZ NOT NULL,
    valid_to TIMESTAMPTZ,
    opened_by TEXT COLLATE "C" NOT NULL,
    closed_by TEXT COLLATE "C",
    opened_poll BIGINT NOT NULL REFERENCES polls (poll_id),
    closed_poll BIGINT REFERENCES polls (poll_id),
    opened_after TIMESTAMPTZ,
    closed_after TIMESTAMPTZ,
    avatar_name TEXT COLLATE "C",
    gender TEXT COLLATE "C",
    preview_image_url TEXT COLLATE "C",
    preview_video_url TEXT COLLATE "C",
    premium BOOLEAN,
    type TEXT COLLATE "C",
    tags JSONB,
    default_voice_id TEXT COLLATE "C",
    avatar_type TEXT COLLATE "C",
    group_id TEXT COLLATE "C",
    status TEXT COLLATE "C",
    supported_api_engines JSONB,
    preferred_orientation TEXT COLLATE "C",
    image_width BIGINT,
    image_height BIGINT,
    extra JSONB,
    PRIMARY KEY (account, avatar_id, version),
    FOREIGN KEY (account, avatar_id) REFERENCES avatars (account, avatar_id) ON UPDATE CASCADE
);
COMMENT ON TABLE avatar_history IS
    'every version of every avatar, the current one included; [valid_from, valid_to), no overlaps';
COMMENT ON COLUMN avatar_history.account IS 'name of the account: what one API key sees';
COMMENT ON COLUMN avatar_history.avatar_id IS 'id given by the API';
COMMENT ON COLUMN avatar_history.version IS '1, 2, 3 … for each item';
COMMENT ON COLUMN avatar_history.valid_from IS 'inclusive start: observed_at of opened_poll';
COMMENT ON COLUMN avatar_history.valid_to IS
    'exclusive end: observed_at of closed_poll; null while open';
COMMENT ON COLUMN avatar_history.opened_by IS 'added, changed, restored or learned';
COMMENT ON COLUMN avatar_history.closed_by IS 'changed, removed or learned; null while open';
COMMENT ON COLUMN avatar_history.opened_poll IS 'poll that opened it';
COMMENT ON COLUMN avatar_history.closed_poll IS 'poll that closed it; null while open';
COMMENT ON COLUMN avatar_history.opened_after IS
    'observed_at of the last poll with the previous state; null at the baseline';
COMMENT ON COLUMN avatar_history.closed_after IS
    'observed_at of the last poll with this state; null while open';
COMMENT ON COLUMN avatar_history.avatar_name IS 'name as the API gave it; not unique';
COMMENT ON COLUMN avatar_history.gender IS 'free text of the API, mostly male, female or unknown';
COMMENT ON COLUMN avatar_history.preview_image_url IS
    'canonical URL of the picture: no signature parameters';
COMMENT ON COLUMN avatar_history.preview_video_url IS
    'canonical URL of the video: no signature parameters';
COMMENT ON COLUMN avatar_history.premium IS 'whether the API calls it premium for this account';
COMMENT ON COLUMN avatar_history.type IS 'the API''s type field';
COMMENT ON COLUMN avatar_history.tags IS 'sorted JSON array of strings; null and [] differ';
COMMENT ON COLUMN avatar_history.default_voice_id IS 'voice that the API suggests';
COMMENT ON COLUMN avatar_history.avatar_type IS
    'type of the look in v3, for example studio_avatar, digital_twin or photo_avatar';
COMMENT ON COLUMN avatar_history.group_id IS 'avatar group that the look belongs to in v3';
COMMENT ON COLUMN avatar_history.status IS
    'state of the look in v3, for example completed, processing, pending_consent or failed';
COMMENT ON COLUMN avatar_history.supported_api_engines IS
    'sorted JSON array of the engines that v3 offers for the look';
COMMENT ON COLUMN avatar_history.preferred_orientation IS
    'orientation of the look in v3: portrait, landscape or square';
COMMENT ON COLUMN avatar_history.image_width IS 'width of the look''s picture in v3, in pixels';
COMMENT ON COLUMN avatar_history.image_height IS 'height of the look''s picture in v3, in pixels';
COMMENT ON COLUMN avatar_history.extra IS
    'JSON object of fields and values without a column; null if there are none';

CREATE TABLE talking_photo_history (
    account TEXT COLLATE "C" NOT NULL,
    talking_photo_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    valid_from TIMESTAMPTZ NOT NULL,
    valid_to TIMESTAMPTZ,
    opened_by TEXT COLLATE "C" NOT NULL,
    closed_by TEXT COLLATE "C",
    opened_poll BIGINT NOT NULL REFERENCES polls (poll_id),
    closed_poll BIGINT REFERENCES polls (poll_id),
    opened_after TIMESTAMPTZ,
    closed_after TIMESTAMPTZ,
    talking_photo_name TEXT COLLATE "C",
    gender TEXT COLLATE "C",
    preview_image_url TEXT COLLATE "C",
    preview_video_url TEXT COLLATE "C",
    tags JSONB,
    default_voice_id TEXT COLLATE "C",
    avatar_type TEXT COLLATE "C",
    group_id TEXT COLLATE "C",
    status TEXT COLLATE "C",
    supported_api_engines JSONB,
    preferred_orientation TEXT COLLATE "C",
    image_width BIGINT,
    image_height BIGINT,
    extra JSONB,
    PRIMARY KEY (account, talking_photo_id, version),
    FOREIGN KEY (account, talking_photo_id) REFERENCES talking_photos (account, talking_photo_id)
        ON UPDATE CASCADE
);
COMMENT ON TABLE talking_photo_history IS
    'every version of every talking photo, the current one included; [valid_from, valid_to), no overlaps';
COMMENT ON COLUMN talking_photo_history.account IS 'name of the account: what one API key sees';
COMMENT ON COLUMN talking_photo_history.talking_photo_id IS 'id given by the API';
COMMENT ON COLUMN talking_photo_history.version IS '1, 2, 3 … for each item';
COMMENT ON COLUMN talking_photo_history.valid_from IS 'inclusive start: observed_at of opened_poll';
COMMENT ON COLUMN talking_photo_history.valid_to IS
    'exclusive end: observed_at of closed_poll; null while open';
COMMENT ON COLUMN talking_photo_history.opened_by IS 'added, changed, restored or learned';
COMMENT ON COLUMN talking_photo_history.closed_by IS 'changed, removed or learned; null while open';
COMMENT ON COLUMN talking_photo_history.opened_poll IS 'poll that opened it';
COMMENT ON COLUMN talking_photo_history.closed_poll IS 'poll that closed it; null while open';
COMMENT ON COLUMN talking_photo_history.opened_after IS
    'observed_at of the last poll with the previous state; null at the baseline';
COMMENT ON COLUMN talking_photo_history.closed_after IS
    'observed_at of the last poll with this state; null while open';
COMMENT ON COLUMN talking_photo_history.talking_photo_name IS 'name as the API gave it; not unique';
COMMENT ON COLUMN talking_photo_history.gender IS
    'free text of the API, mostly male, female or unknown';
COMMENT ON COLUMN talking_photo_history.preview_image_url IS
    'canonical URL of the picture: no signature parameters';
COMMENT ON COLUMN talking_photo_history.preview_video_url IS
    'canonical URL of the video: no signature parameters';
COMMENT ON COLUMN talking_photo_history.tags IS 'sorted JSON array of strings; null and [] differ';
COMMENT ON COLUMN talking_photo_history.default_voice_id IS 'voice that the API suggests';
COMMENT ON COLUMN talking_photo_history.avatar_type IS
    'type of the look in v3, for example studio_avatar, digital_twin or photo_avatar';
COMMENT ON COLUMN talking_photo_history.group_id IS 'avatar group that the look belongs to in v3';
COMMENT ON COLUMN talking_photo_history.status IS
    'state of the look in v3, for example completed, processing, pending_consent or failed';
COMMENT ON COLUMN talking_photo_history.supported_api_engines IS
    'sorted JSON array of the engines that v3 offers for the look';
COMMENT ON COLUMN talking_photo_history.preferred_orientation IS
    'orientation of the look in v3: portrait, landscape or square';
COMMENT ON COLUMN talking_photo_history.image_width IS
    'width of the look''s picture in v3, in pixels';
COMMENT ON COLUMN talking_photo_history.image_height IS
    'height of the look''s picture in v3, in pixels';
COMMENT ON COLUMN talking_photo_history.extra IS
    'JSON object of fields and values without a column; null if there are none';

CREATE TABLE avatar_group_history (
    account TEXT COLLATE "C" NOT NULL,
    group_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    valid_from TIMESTAMPTZ NOT NULL,
    valid_to TIMESTAMPTZ,
    opened_by TEXT COLLATE "C" NOT NULL,
    closed_by TEXT COLLATE "C",
    opened_poll BIGINT NOT NULL REFERENCES polls (poll_id),
    closed_poll BIGINT REFERENCES polls (poll_id),
    opened_after TIMESTAMPTZ,
    closed_after TIMESTAMPTZ,
    group_name TEXT COLLATE "C",
    gender TEXT COLLATE "C",
    preview_image_url TEXT COLLATE "C",
    preview_video_url TEXT COLLATE "C",
    default_voice_id TEXT COLLATE "C",
    looks_count BIGINT,
    consent_status TEXT COLLATE "C",
    status TEXT COLLATE "C",
    created_at BIGINT,
    extra JSONB,
    PRIMARY KEY (account, group_id, version),
    FOREIGN KEY (account, group_id) REFERENCES avatar_groups (account, group_id) ON UPDATE CASCADE
);
COMMENT ON TABLE avatar_group_history IS
    'every version of every avatar group, the current one included; [valid_from, valid_to), no overlaps';
COMMENT ON COLUMN avatar_group_history.account IS 'name of the account: what one API key sees';
COMMENT ON COLUMN avatar_group_history.group_id IS 'id given by the API';
COMMENT ON COLUMN avatar_group_history.version IS '1, 2, 3 … for each item';
COMMENT ON COLUMN avatar_group_history.valid_from IS 'inclusive start: observed_at of opened_poll';
COMMENT ON COLUMN avatar_group_history.valid_to IS
    'exclusive end: observed_at of closed_poll; null while open';
COMMENT ON COLUMN avatar_group_history.opened_by IS 'added, changed, restored or learned';
COMMENT ON COLUMN avatar_group_history.closed_by IS 'changed, removed or learned; null while open';
COMMENT ON COLUMN avatar_group_history.opened_poll IS 'poll that opened it';
COMMENT ON COLUMN avatar_group_history.closed_poll IS 'poll that closed it; null while open';
COMMENT ON COLUMN avatar_group_history.opened_after IS
    'observed_at of the last poll with the previous state; null at the baseline';
COMMENT ON COLUMN avatar_group_history.closed_after IS
    'observed_at of the last poll with this state; null while open';
COMMENT ON COLUMN avatar_group_history.group_name IS 'name as the API gave it; not unique';
COMMENT ON COLUMN avatar_group_history.gender IS
    'free text of the API, mostly male, female or unknown';
COMMENT ON COLUMN avatar_group_history.preview_image_url IS
    'canonical URL of the picture: no signature parameters';
COMMENT ON COLUMN avatar_group_history.preview_video_url IS
    'canonical URL of the video: no signature parameters';
COMMENT ON COLUMN avatar_group_history.default_voice_id IS 'voice that the API suggests';
COMMENT ON COLUMN avatar_group_history.looks_count IS
    'number of looks that the API counts in the group';
COMMENT ON COLUMN avatar_group_history.consent_status IS
    'state of the person''s consent, as the API gives it';
COMMENT ON COLUMN avatar_group_history.status IS
    'state of the group, for example completed, processing, pending_consent or failed';
COMMENT ON COLUMN avatar_group_history.created_at IS
    'when the group was created, in Unix seconds, as the API gives it';
COMMENT ON COLUMN avatar_group_history.extra IS
    'JSON object of fields and values without a column; null if there are none';

CREATE TABLE voice_history (
    account TEXT COLLATE "C" NOT NULL,
    voice_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    valid_from TIMESTAMPTZ NOT NULL,
    valid_to TIMESTAMPTZ,
    opened_by TEXT COLLATE "C" NOT NULL,
    closed_by TEXT COLLATE "C",
    opened_poll BIGINT NOT NULL REFERENCES polls (poll_id),
    closed_poll BIGINT REFERENCES polls (poll_id),
    opened_after TIMESTAMPTZ,
    closed_after TIMESTAMPTZ,
    voice_name TEXT COLLATE "C",
    language TEXT COLLATE "C",
    gender TEXT COLLATE "C",
    type TEXT COLLATE "C",
    preview_audio_url TEXT COLLATE "C",
    support_pause BOOLEAN,
    support_locale BOOLEAN,
    extra JSONB,
    PRIMARY KEY (account, voice_id, version),
    FOREIGN KEY (account, voice_id) REFERENCES voices (account, voice_id) ON UPDATE CASCADE
);
COMMENT ON TABLE voice_history IS
    'every version of every voice, the current one included; [valid_from, valid_to), no overlaps';
COMMENT ON COLUMN voice_history.account IS 'name of the account: what one API key sees';
COMMENT ON COLUMN voice_history.voice_id IS 'id given by the API';
COMMENT ON COLUMN voice_history.version IS '1, 2, 3 … for each item';
COMMENT ON COLUMN voice_history.valid_from IS 'inclusive start: observed_at of opened_poll';
COMMENT ON COLUMN voice_history.valid_to IS
    'exclusive end: observed_at of closed_poll; null while open';
COMMENT ON COLUMN voice_history.opened_by IS 'added, changed, restored or learned';
COMMENT ON COLUMN voice_history.closed_by IS 'changed, removed or learned; null while open';
COMMENT ON COLUMN voice_history.opened_poll IS 'poll that opened it';
COMMENT ON COLUMN voice_history.closed_poll IS 'poll that closed it; null while open';
COMMENT ON COLUMN voice_history.opened_after IS
    'observed_at of the last poll with the previous state; null at the baseline';
COMMENT ON COLUMN voice_history.closed_after IS
    'observed_at of the last poll with this state; null while open';
COMMENT ON COLUMN voice_history.voice_name IS 'name as the API gave it; not unique';
COMMENT ON COLUMN voice_history.language IS 'language of the voice, as the API gives it';
COMMENT ON COLUMN voice_history.gender IS 'free text of the API, mostly male, female or unknown';
COMMENT ON COLUMN voice_history.type IS 'public or private';
COMMENT ON COLUMN voice_history.preview_audio_url IS
    'canonical URL of the sample: no signature parameters';
COMMENT ON COLUMN voice_history.support_pause IS 'whether the voice supports pauses';
COMMENT ON COLUMN voice_history.support_locale IS 'whether the voice supports locales';
COMMENT ON COLUMN voice_history.extra IS
    'JSON object of fields and values without a column; null if there are none';

CREATE TABLE field_changes (
    poll_id BIGINT NOT NULL REFERENCES polls (poll_id),
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (account) ON UPDATE CASCADE,
    kind TEXT COLLATE "C" NOT NULL,
    item_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    field TEXT COLLATE "C" NOT NULL,
    old_value TEXT COLLATE "C",
    new_value TEXT COLLATE "C"
);
COMMENT ON TABLE field_changes IS
    'changed fields of each version opened by changed or restored, one row per field';
COMMENT ON COLUMN field_changes.poll_id IS 'poll that saw the change';
COMMENT ON COLUMN field_changes.account IS 'name of the account: what one API key sees';
COMMENT ON COLUMN field_changes.kind IS 'avatar, talking_photo, avatar_group or voice';
COMMENT ON COLUMN field_changes.item_id IS 'id of the item';
COMMENT ON COLUMN field_changes.version IS 'version that the change opened';
COMMENT ON COLUMN field_changes.field IS
    'field name in the API, with or without a column of its own';
COMMENT ON COLUMN field_changes.old_value IS
    'old value as text: strings verbatim, else compact JSON; null if null';
COMMENT ON COLUMN field_changes.new_value IS 'new value in the same form';

CREATE TABLE schema_changes (
    poll_id BIGINT NOT NULL REFERENCES polls (poll_id),
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (account) ON UPDATE CASCADE,
    kind TEXT COLLATE "C" NOT NULL,
    field TEXT COLLATE "C" NOT NULL,
    change TEXT COLLATE "C" NOT NULL,
    json_type TEXT COLLATE "C",
    example TEXT COLLATE "C"
);
COMMENT ON TABLE schema_changes IS
    'fields that appeared in a list, vanished from it or changed their JSON type';
COMMENT ON COLUMN schema_changes.poll_id IS 'poll that saw it';
COMMENT ON COLUMN schema_changes.account IS 'name of the account: what one API key sees';
COMMENT ON COLUMN schema_changes.kind IS 'the list: avatar, talking_photo, avatar_group or voice';
COMMENT ON COLUMN schema_changes.field IS 'field name in the API';
COMMENT ON COLUMN schema_changes.change IS 'appeared, vanished or retyped';
COMMENT ON COLUMN schema_changes.json_type IS
    'JSON types of its non-null values, sorted and joined by |; last known if vanished; null if none was seen';
COMMENT ON COLUMN schema_changes.example IS 'one value in canonical form, at most 200 characters';

CREATE TABLE assets (
    url TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    role TEXT COLLATE "C" NOT NULL,
    signed_url TEXT COLLATE "C",
    expires_at TIMESTAMPTZ,
    state TEXT COLLATE "C" NOT NULL DEFAULT 'pending',
    sha256 TEXT COLLATE "C",
    file TEXT COLLATE "C",
    bytes BIGINT,
    content_type TEXT COLLATE "C",
    etag TEXT COLLATE "C",
    last_modified TEXT COLLATE "C",
    attempts BIGINT NOT NULL DEFAULT 0,
    next_attempt_at TIMESTAMPTZ,
    mirrored_at TIMESTAMPTZ,
    checked_at TIMESTAMPTZ,
    last_error TEXT COLLATE "C"
);
COMMENT ON TABLE assets IS
    'one row per canonical URL of a preview: its working link and its mirrored copy';
COMMENT ON COLUMN assets.url IS 'canonical URL: no signature parameters; at most 2,000 bytes';
COMMENT ON COLUMN assets.role IS 'image, video or audio';
COMMENT ON COLUMN assets.signed_url IS
    'signed link from the API: a credential until it expires; null if unsigned';
COMMENT ON COLUMN assets.expires_at IS
    'when signed_url expires; null if unsigned or unknown, which counts as expired';
COMMENT ON COLUMN assets.state IS 'pending, mirrored, failed (is retried), gone or skipped';
COMMENT ON COLUMN assets.sha256 IS 'SHA-256 of the mirrored content, in hex';
COMMENT ON COLUMN assets.file IS 'name of the mirrored content within the store';
COMMENT ON COLUMN assets.bytes IS 'size of the mirrored content, in bytes';
COMMENT ON COLUMN assets.content_type IS 'media type, from the first bytes of the content';
COMMENT ON COLUMN assets.etag IS 'ETag of the last response with content';
COMMENT ON COLUMN assets.last_modified IS
    'Last-Modified of the last response with content, verbatim';
COMMENT ON COLUMN assets.attempts IS 'fetches since the last success';
COMMENT ON COLUMN assets.next_attempt_at IS 'earliest next fetch; null means at once';
COMMENT ON COLUMN assets.mirrored_at IS 'when the content was stored';
COMMENT ON COLUMN assets.checked_at IS 'when it was last fetched or found unchanged';
COMMENT ON COLUMN assets.last_error IS 'why the last fetch failed; never holds a signature';

CREATE TABLE asset_versions (
    url TEXT COLLATE "C" NOT NULL REFERENCES assets (url),
    fetched_at TIMESTAMPTZ NOT NULL,
    sha256 TEXT COLLATE "C" NOT NULL,
    file TEXT COLLATE "C" NOT NULL,
    bytes BIGINT NOT NULL,
    content_type TEXT COLLATE "C",
    pruned_at TIMESTAMPTZ,
    PRIMARY KEY (url, fetched_at)
);
COMMENT ON TABLE asset_versions IS 'every content ever fetched from a URL';
COMMENT ON COLUMN asset_versions.url IS 'canonical URL';
COMMENT ON COLUMN asset_versions.fetched_at IS 'when it was first fetched from the URL';
COMMENT ON COLUMN asset_versions.sha256 IS 'SHA-256 of the content, in hex';
COMMENT ON COLUMN asset_versions.file IS 'name of the content within the store';
COMMENT ON COLUMN asset_versions.bytes IS 'size, in bytes';
COMMENT ON COLUMN asset_versions.content_type IS 'media type, from the first bytes';
COMMENT ON COLUMN asset_versions.pruned_at IS
    'when its file was deleted from the store; null if it is kept';

CREATE TABLE notices (
    notice_id BIGINT NOT NULL PRIMARY KEY,
    poll_id BIGINT NOT NULL REFERENCES polls (poll_id),
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (account) ON UPDATE CASCADE,
    receiver TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    body JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    next_attempt_at TIMESTAMPTZ,
    delivered_at TIMESTAMPTZ,
    last_error TEXT COLLATE "C",
    UNIQUE (poll_id, kind, receiver)
);
COMMENT ON TABLE notices IS
    'messages to be delivered at least once, each to one receiver; written with their poll, kept after delivery';
COMMENT ON COLUMN notices.notice_id IS '1, 2, 3 …: order of delivery to each receiver';
COMMENT ON COLUMN notices.poll_id IS 'reported poll';
COMMENT ON COLUMN notices.account IS 'name of the account: what one API key sees';
COMMENT ON COLUMN notices.receiver IS 'name of the receiver in the configuration';
COMMENT ON COLUMN notices.kind IS 'kind of notice; one of each kind per poll and receiver';
COMMENT ON COLUMN notices.body IS 'the message, as JSON';
COMMENT ON COLUMN notices.created_at IS 'when it was written';
COMMENT ON COLUMN notices.attempts IS 'delivery attempts';
COMMENT ON COLUMN notices.next_attempt_at IS 'earliest next attempt; null means at once';
COMMENT ON COLUMN notices.delivered_at IS 'when the receiver accepted it; null until then';
COMMENT ON COLUMN notices.last_error IS 'why the last attempt failed';

CREATE TABLE search_names (
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (account)
        ON UPDATE CASCADE ON DELETE CASCADE,
    kind TEXT COLLATE "C" NOT NULL,
    item_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    text TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account, kind, item_id, version)
);
COMMENT ON TABLE search_names IS
    'internal, derived from the histories: the folded text of each version whose name or id is not ASCII, for search';
COMMENT ON COLUMN search_names.account IS 'name of the account: what one API key sees';
COMMENT ON COLUMN search_names.kind IS 'kind of the item';
COMMENT ON COLUMN search_names.item_id IS 'id of the item';
COMMENT ON COLUMN search_names.version IS 'version of the item';
COMMENT ON COLUMN search_names.text IS
    'its name, a line break and its id, without case and diacritics';

-- The account's last poll; its polls in order.
CREATE INDEX polls_by_account ON polls (account, poll_id);
-- The same for each catalogue.
CREATE INDEX polls_by_catalogue ON polls (account, catalogue, poll_id);
-- The polls of a catalogue that did not fail, by time; no two have the same observed_at.
CREATE UNIQUE INDEX polls_good ON polls (account, catalogue, observed_at)
    WHERE outcome <> 'failed';
-- For the choice of the API version: its polls that did not fail, and those with a warning.
CREATE INDEX polls_served ON polls (account, catalogue, api_version, poll_id)
    WHERE outcome <> 'failed' AND trigger <> 'file';
CREATE INDEX polls_announced ON polls (account, catalogue, api_version, poll_id)
    WHERE warning IS NOT NULL AND trigger <> 'file';
-- Start of a time range of the change feed.
CREATE INDEX polls_by_time ON polls (observed_at);
-- Lists by name, without leading blanks and cut to 200 characters: PostgreSQL refuses entries over
-- 2.7 kB.
CREATE INDEX avatars_by_name
    ON avatars (
        account,
        nullif(left(ltrim(avatar_name, E'\t\n\x0B\f\r \u0085\u00A0\u200B\u3000\uFEFF'), 200), ''),
        avatar_id
    )
    WHERE removed_at IS NULL;
-- The looks of a group.
CREATE INDEX avatars_by_group ON avatars (account, substr(group_id, 1, 200))
    WHERE group_id IS NOT NULL;
-- Missing and removed items, by missing_since.
CREATE INDEX avatars_missing ON avatars (account, missing_since, removed_at)
    WHERE missing_since IS NOT NULL;
-- At most one open version per item.
CREATE UNIQUE INDEX avatar_history_open ON avatar_history (account, avatar_id)
    WHERE valid_to IS NULL;
-- Versions that a poll opened and closed.
CREATE INDEX avatar_history_opened ON avatar_history (opened_poll);
CREATE INDEX avatar_history_closed ON avatar_history (closed_poll)
    WHERE closed_poll IS NOT NULL;
CREATE INDEX talking_photos_by_name
    ON talking_photos (
        account,
        nullif(left(ltrim(talking_photo_name, E'\t\n\x0B\f\r \u0085\u00A0\u200B\u3000\uFEFF'), 200), ''),
        talking_photo_id
    )
    WHERE removed_at IS NULL;
CREATE INDEX talking_photos_by_group ON talking_photos (account, substr(group_id, 1, 200))
    WHERE group_id IS NOT NULL;
CREATE INDEX talking_photos_missing ON talking_photos (account, missing_since, removed_at)
    WHERE missing_since IS NOT NULL;
CREATE UNIQUE INDEX talking_photo_history_open ON talking_photo_history (account, talking_photo_id)
    WHERE valid_to IS NULL;
CREATE INDEX talking_photo_history_opened ON talking_photo_history (opened_poll);
CREATE INDEX talking_photo_history_closed ON talking_photo_history (closed_poll)
    WHERE closed_poll IS NOT NULL;
CREATE INDEX avatar_groups_by_name
    ON avatar_groups (
        account,
        nullif(left(ltrim(group_name, E'\t\n\x0B\f\r \u0085\u00A0\u200B\u3000\uFEFF'), 200), ''),
        group_id
    )
    WHERE removed_at IS NULL;
CREATE INDEX avatar_groups_missing ON avatar_groups (account, missing_since, removed_at)
    WHERE missing_since IS NOT NULL;
CREATE UNIQUE INDEX avatar_group_history_open ON avatar_group_history (account, group_id)
    WHERE valid_to IS NULL;
CREATE INDEX avatar_group_history_opened ON avatar_group_history (opened_poll);
CREATE INDEX avatar_group_history_closed ON avatar_group_history (closed_poll)
    WHERE closed_poll IS NOT NULL;
CREATE INDEX voices_by_name
    ON voices (
        account,
        nullif(left(ltrim(voice_name, E'\t\n\x0B\f\r \u0085\u00A0\u200B\u3000\uFEFF'), 200), ''),
        voice_id
    )
    WHERE removed_at IS NULL;
CREATE INDEX voices_missing ON voices (account, missing_since, removed_at)
    WHERE missing_since IS NOT NULL;
CREATE UNIQUE INDEX voice_history_open ON voice_history (account, voice_id)
    WHERE valid_to IS NULL;
CREATE INDEX voice_history_opened ON voice_history (opened_poll);
CREATE INDEX voice_history_closed ON voice_history (closed_poll)
    WHERE closed_poll IS NOT NULL;
-- By poll and by item, not by field: a field name may be too long for an index entry.
CREATE INDEX field_changes_by_poll ON field_changes (poll_id);
CREATE INDEX field_changes_by_item ON field_changes (account, kind, item_id, version);
CREATE INDEX schema_changes_by_poll ON schema_changes (account, poll_id);
-- The mirror's queue, by expiry.
CREATE INDEX assets_unsaved ON assets (expires_at, state) WHERE state <> 'mirrored';
-- The last writes of the mirror: the gallery derives the ETags of its pages from them.
CREATE INDEX assets_checked ON assets (checked_at) WHERE checked_at IS NOT NULL;
CREATE INDEX assets_retried ON assets (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX asset_versions_pruned ON asset_versions (pruned_at) WHERE pruned_at IS NOT NULL;
-- Undelivered notices in the order of each receiver; notices of the end of an API version.
CREATE INDEX notices_waiting ON notices (receiver, notice_id) WHERE delivered_at IS NULL;
CREATE INDEX notices_of_ends ON notices (account) WHERE kind = 'api_ending';

CREATE VIEW current_avatars AS
SELECT
    item.account, item.avatar_id, item.avatar_name, item.gender, item.preview_image_url,
    item.preview_video_url, item.premium, item.type, item.tags, item.default_voice_id,
    item.avatar_type, item.group_id, item.status, item.supported_api_engines,
    item.preferred_orientation, item.image_width, item.image_height, item.extra, item.version,
    item.valid_from, item.first_seen_at, item.changed_at, item.missing_since, item.removed_at,
    (
        SELECT max(poll.observed_at) FROM polls AS poll
        WHERE poll.account = item.account AND poll.outcome <> 'failed'
            AND poll.catalogue = 'avatars'
            AND poll.observed_at < coalesce(item.missing_since, 'infinity')
    ) AS last_listed_at,
    CASE
        WHEN image.signed_url IS NULL AND image.expires_at IS NULL THEN item.preview_image_url
        WHEN image.expires_at > now() THEN image.signed_url
    END AS preview_image_link,
    image.expires_at AS preview_image_expires_at,
    image.file AS preview_image_file,
    CASE
        WHEN video.signed_url IS NULL AND video.expires_at IS NULL THEN item.preview_video_url
        WHEN video.expires_at > now() THEN video.signed_url
    END AS preview_video_link,
    video.expires_at AS preview_video_expires_at,
    video.file AS preview_video_file,
    person.group_name,
    voice.voice_name AS default_voice_name
FROM avatars AS item
LEFT JOIN assets AS image ON image.url = item.preview_image_url
LEFT JOIN assets AS video ON video.url = item.preview_video_url
LEFT JOIN avatar_groups AS person
    ON person.account = item.account AND person.group_id = item.group_id
LEFT JOIN voices AS voice
    ON voice.account = item.account AND voice.voice_id = item.default_voice_id
WHERE item.removed_at IS NULL;
COMMENT ON VIEW current_avatars IS
    'the avatars that are not removed, with their working links and mirrored files';
COMMENT ON COLUMN current_avatars.account IS 'name of the account: what one API key sees';
COMMENT ON COLUMN current_avatars.avatar_id IS 'id given by the API';
COMMENT ON COLUMN current_avatars.avatar_name IS 'name as the API gave it; not unique';
COMMENT ON COLUMN current_avatars.gender IS 'free text of the API, mostly male, female or unknown';
COMMENT ON COLUMN current_avatars.preview_image_url IS
    'canonical URL of the picture: no signature parameters';
COMMENT ON COLUMN current_avatars.preview_video_url IS
    'canonical URL of the video: no signature parameters';
COMMENT ON COLUMN current_avatars.premium IS 'whether the API calls it premium for this account';
COMMENT ON COLUMN current_avatars.type IS 'the API''s type field';
COMMENT ON COLUMN current_avatars.tags IS 'sorted JSON array of strings; null and [] differ';
COMMENT ON COLUMN current_avatars.default_voice_id IS 'voice that the API suggests';
COMMENT ON COLUMN current_avatars.avatar_type IS
    'type of the look in v3, for example studio_avatar, digital_twin or photo_avatar';
COMMENT ON COLUMN current_avatars.group_id IS 'avatar group that the look belongs to in v3';
COMMENT ON COLUMN current_avatars.status IS
    'state of the look in v3, for example completed, processing, pending_consent or failed';
COMMENT ON COLUMN current_avatars.supported_api_engines IS
    'sorted JSON array of the engines that v3 offers for the look';
COMMENT ON COLUMN current_avatars.preferred_orientation IS
    'orientation of the look in v3: portrait, landscape or square';
COMMENT ON COLUMN current_avatars.image_width IS 'width of the look''s picture in v3, in pixels';
COMMENT ON COLUMN current_avatars.image_height IS 'height of the look''s picture in v3, in pixels';
COMMENT ON COLUMN current_avatars.extra IS
    'JSON object of fields and values without a column; null if there are none';
COMMENT ON COLUMN current_avatars.version IS 'number of the current version in the history, from 1';
COMMENT ON COLUMN current_avatars.valid_from IS 'start of the current version';
COMMENT ON COLUMN current_avatars.first_seen_at IS 'observed_at of the poll that added it';
COMMENT ON COLUMN current_avatars.changed_at IS
    'when it was last added, changed or restored; learned values do not count';
COMMENT ON COLUMN current_avatars.missing_since IS
    'observed_at of the first poll in a row without it; null while it is listed';
COMMENT ON COLUMN current_avatars.removed_at IS 'always null here';
COMMENT ON COLUMN current_avatars.last_listed_at IS 'observed_at of the last poll that listed it';
COMMENT ON COLUMN current_avatars.preview_image_link IS
    'working link to the picture: signed if the API signs it; null once it has expired';
COMMENT ON COLUMN current_avatars.preview_image_expires_at IS
    'when the signed link expires; null if unsigned or unknown';
COMMENT ON COLUMN current_avatars.preview_image_file IS
    'name of its mirrored content within the store; null if there is none';
COMMENT ON COLUMN current_avatars.preview_video_link IS
    'working link to the video: signed if the API signs it; null once it has expired';
COMMENT ON COLUMN current_avatars.preview_video_expires_at IS
    'when the signed link expires; null if unsigned or unknown';
COMMENT ON COLUMN current_avatars.preview_video_file IS
    'name of its mirrored content within the store; null if there is none';
COMMENT ON COLUMN current_avatars.group_name IS
    'last known name of its avatar group; null if groups were never polled';
COMMENT ON COLUMN current_avatars.default_voice_name IS
    'last known name of its default voice; null if voices were never polled';

CREATE VIEW current_talking_photos AS
SELECT
    item.account, item.talking_photo_id, item.talking_photo_name, item.gender,
    item.preview_image_url, item.preview_video_url, item.tags, item.default_voice_id,
    item.avatar_type, item.group_id, item.status, item.supported_api_engines,
    item.preferred_orientation, item.image_width, item.image_height, item.extra, item.version,
    item.valid_from, item.first_seen_at, item.changed_at, item.missing_since, item.removed_at,
    (
        SELECT max(poll.observed_at) FROM polls AS poll
        WHERE poll.account = item.account AND poll.outcome <> 'failed'
            AND poll.catalogue = 'avatars'
            AND poll.observed_at < coalesce(item.missing_since, 'infinity')
    ) AS last_listed_at,
    CASE
        WHEN image.signed_url IS NULL AND image.expires_at IS NULL THEN item.preview_image_url
        WHEN image.expires_at > now() THEN image.signed_url
    END AS preview_image_link,
    image.expires_at AS preview_image_expires_at,
    image.file AS preview_image_file,
    CASE
        WHEN video.signed_url IS NULL AND video.expires_at IS NULL THEN item.preview_video_url
        WHEN video.expires_at > now() THEN video.signed_url
    END AS preview_video_link,
    video.expires_at AS preview_video_expires_at,
    video.file AS preview_video_file,
    person.group_name,
    voice.voice_name AS default_voice_name
FROM talking_photos AS item
LEFT JOIN assets AS image ON image.url = item.preview_image_url
LEFT JOIN assets AS video ON video.url = item.preview_video_url
LEFT JOIN avatar_groups AS person
    ON person.account = item.account AND person.group_id = item.group_id
LEFT JOIN voices AS voice
    ON voice.account = item.account AND voice.voice_id = item.default_voice_id
WHERE item.removed_at IS NULL;
COMMENT ON VIEW current_talking_photos IS
    'the talking photos that are not removed, with their working links and mirrored files';
COMMENT ON COLUMN current_talking_photos.account IS 'name of the account: what one API key sees';
COMMENT ON COLUMN current_talking_photos.talking_photo_id IS 'id given by the API';
COMMENT ON COLUMN current_talking_photos.talking_photo_name IS
    'name as the API gave it; not unique';
COMMENT ON COLUMN current_talking_photos.gender IS
    'free text of the API, mostly male, female or unknown';
COMMENT ON COLUMN current_talking_photos.preview_image_url IS
    'canonical URL of the picture: no signature parameters';
COMMENT ON COLUMN current_talking_photos.preview_video_url IS
    'canonical URL of the video: no signature parameters';
COMMENT ON COLUMN current_talking_photos.tags IS 'sorted JSON array of strings; null and [] differ';
COMMENT ON COLUMN current_talking_photos.default_voice_id IS 'voice that the API suggests';
COMMENT ON COLUMN current_talking_photos.avatar_type IS
    'type of the look in v3, for example studio_avatar, digital_twin or photo_avatar';
COMMENT ON COLUMN current_talking_photos.group_id IS 'avatar group that the look belongs to in v3';
COMMENT ON COLUMN current_talking_photos.status IS
    'state of the look in v3, for example completed, processing, pending_consent or failed';
COMMENT ON COLUMN current_talking_photos.supported_api_engines IS
    'sorted JSON array of the engines that v3 offers for the look';
COMMENT ON COLUMN current_talking_photos.preferred_orientation IS
    'orientation of the look in v3: portrait, landscape or square';
COMMENT ON COLUMN current_talking_photos.image_width IS
    'width of the look''s picture in v3, in pixels';
COMMENT ON COLUMN current_talking_photos.image_height IS
    'height of the look''s picture in v3, in pixels';
COMMENT ON COLUMN current_talking_photos.extra IS
    'JSON object of fields and values without a column; null if there are none';
COMMENT ON COLUMN current_talking_photos.version IS
    'number of the current version in the history, from 1';
COMMENT ON COLUMN current_talking_photos.valid_from IS 'start of the current version';
COMMENT ON COLUMN current_talking_photos.first_seen_at IS
    'observed_at of the poll that added it';
COMMENT ON COLUMN current_talking_photos.changed_at IS
    'when it was last added, changed or restored; learned values do not count';
COMMENT ON COLUMN current_talking_photos.missing_since IS
    'observed_at of the first poll in a row without it; null while it is listed';
COMMENT ON COLUMN current_talking_photos.removed_at IS 'always null here';
COMMENT ON COLUMN current_talking_photos.last_listed_at IS
    'observed_at of the last poll that listed it';
COMMENT ON COLUMN current_talking_photos.preview_image_link IS
    'working link to the picture: signed if the API signs it; null once it has expired';
COMMENT ON COLUMN current_talking_photos.preview_image_expires_at IS
    'when the signed link expires; null if unsigned or unknown';
COMMENT ON COLUMN current_talking_photos.preview_image_file IS
    'name of its mirrored content within the store; null if there is none';
COMMENT ON COLUMN current_talking_photos.preview_video_link IS
    'working link to the video: signed if the API signs it; null once it has expired';
COMMENT ON COLUMN current_talking_photos.preview_video_expires_at IS
    'when the signed link expires; null if unsigned or unknown';
COMMENT ON COLUMN current_talking_photos.preview_video_file IS
    'name of its mirrored content within the store; null if there is none';
COMMENT ON COLUMN current_talking_photos.group_name IS
    'last known name of its avatar group; null if groups were never polled';
COMMENT ON COLUMN current_talking_photos.default_voice_name IS
    'last known name of its default voice; null if voices were never polled';

CREATE VIEW current_avatar_groups AS
SELECT
    item.account, item.group_id, item.group_name, item.gender, item.preview_image_url,
    item.preview_video_url, item.default_voice_id, item.looks_count, item.consent_status,
    item.status, item.created_at, item.extra, item.version, item.valid_from, item.first_seen_at,
    item.changed_at, item.missing_since, item.removed_at,
    (
        SELECT max(poll.observed_at) FROM polls AS poll
        WHERE poll.account = item.account AND poll.outcome <> 'failed'
            AND poll.catalogue = 'avatar_groups'
            AND poll.observed_at < coalesce(item.missing_since, 'infinity')
    ) AS last_listed_at,
    CASE
        WHEN image.signed_url IS NULL AND image.expires_at IS NULL THEN item.preview_image_url
        WHEN image.expires_at > now() THEN image.signed_url
    END AS preview_image_link,
    image.expires_at AS preview_image_expires_at,
    image.file AS preview_image_file,
    CASE
        WHEN video.signed_url IS NULL AND video.expires_at IS NULL THEN item.preview_video_url
        WHEN video.expires_at > now() THEN video.signed_url
    END AS preview_video_link,
    video.expires_at AS preview_video_expires_at,
    video.file AS preview_video_file
FROM avatar_groups AS item
LEFT JOIN assets AS image ON image.url = item.preview_image_url
LEFT JOIN assets AS video ON video.url = item.preview_video_url
WHERE item.removed_at IS NULL;
COMMENT ON VIEW current_avatar_groups IS
    'the avatar groups that are not removed, with their working links and mirrored files';
COMMENT ON COLUMN current_avatar_groups.account IS 'name of the account: what one API key sees';
COMMENT ON COLUMN current_avatar_groups.group_id IS 'id given by the API';
COMMENT ON COLUMN current_avatar_groups.group_name IS 'name as the API gave it; not unique';
COMMENT ON COLUMN current_avatar_groups.gender IS
    'free text of the API, mostly male, female or unknown';
COMMENT ON COLUMN current_avatar_groups.preview_image_url IS
    'canonical URL of the picture: no signature parameters';
COMMENT ON COLUMN current_avatar_groups.preview_video_url IS
    'canonical URL of the video: no signature parameters';
COMMENT ON COLUMN current_avatar_groups.default_voice_id IS 'voice that the API suggests';
COMMENT ON COLUMN current_avatar_groups.looks_count IS
    'number of looks that the API counts in the group';
COMMENT ON COLUMN current_avatar_groups.consent_status IS
    'state of the person''s consent, as the API gives it';
COMMENT ON COLUMN current_avatar_groups.status IS
    'state of the group, for example completed, processing, pending_consent or failed';
COMMENT ON COLUMN current_avatar_groups.created_at IS
    'when the group was created, in Unix seconds, as the API gives it';
COMMENT ON COLUMN current_avatar_groups.extra IS
    'JSON object of fields and values without a column; null if there are none';
COMMENT ON COLUMN current_avatar_groups.version IS
    'number of the current version in the history, from 1';
COMMENT ON COLUMN current_avatar_groups.valid_from IS 'start of the current version';
COMMENT ON COLUMN current_avatar_groups.first_seen_at IS
    'observed_at of the poll that added it';
COMMENT ON COLUMN current_avatar_groups.changed_at IS
    'when it was last added, changed or restored; learned values do not count';
COMMENT ON COLUMN current_avatar_groups.missing_since IS
    'observed_at of the first poll in a row without it; null while it is listed';
COMMENT ON COLUMN current_avatar_groups.removed_at IS 'always null here';
COMMENT ON COLUMN current_avatar_groups.last_listed_at IS
    'observed_at of the last poll that listed it';
COMMENT ON COLUMN current_avatar_groups.preview_image_link IS
    'working link to the picture: signed if the API signs it; null once it has expired';
COMMENT ON COLUMN current_avatar_groups.preview_image_expires_at IS
    'when the signed link expires; null if unsigned or unknown';
COMMENT ON COLUMN current_avatar_groups.preview_image_file IS
    'name of its mirrored content within the store; null if there is none';
COMMENT ON COLUMN current_avatar_groups.preview_video_link IS
    'working link to the video: signed if the API signs it; null once it has expired';
COMMENT ON COLUMN current_avatar_groups.preview_video_expires_at IS
    'when the signed link expires; null if unsigned or unknown';
COMMENT ON COLUMN current_avatar_groups.preview_video_file IS
    'name of its mirrored content within the store; null if there is none';

CREATE VIEW current_voices AS
SELECT
    item.account, item.voice_id, item.voice_name, item.language, item.gender, item.type,
    item.preview_audio_url, item.support_pause, item.support_locale, item.extra, item.version,
    item.valid_from, item.first_seen_at, item.changed_at, item.missing_since, item.removed_at,
    (
        SELECT max(poll.observed_at) FROM polls AS poll
        WHERE poll.account = item.account AND poll.outcome <> 'failed'
            AND poll.catalogue = 'voices'
            AND poll.observed_at < coalesce(item.missing_since, 'infinity')
    ) AS last_listed_at,
    CASE
        WHEN audio.signed_url IS NULL AND audio.expires_at IS NULL THEN item.preview_audio_url
        WHEN audio.expires_at > now() THEN audio.signed_url
    END AS preview_audio_link,
    audio.expires_at AS preview_audio_expires_at,
    audio.file AS preview_audio_file
FROM voices AS item
LEFT JOIN assets AS audio ON audio.url = item.preview_audio_url
WHERE item.removed_at IS NULL;
COMMENT ON VIEW current_voices IS
    'the voices that are not removed, with their working links and mirrored files';
COMMENT ON COLUMN current_voices.account IS 'name of the account: what one API key sees';
COMMENT ON COLUMN current_voices.voice_id IS 'id given by the API';
COMMENT ON COLUMN current_voices.voice_name IS 'name as the API gave it; not unique';
COMMENT ON COLUMN current_voices.language IS 'language of the voice, as the API gives it';
COMMENT ON COLUMN current_voices.gender IS 'free text of the API, mostly male, female or unknown';
COMMENT ON COLUMN current_voices.type IS 'public or private';
COMMENT ON COLUMN current_voices.preview_audio_url IS
    'canonical URL of the sample: no signature parameters';
COMMENT ON COLUMN current_voices.support_pause IS 'whether the voice supports pauses';
COMMENT ON COLUMN current_voices.support_locale IS 'whether the voice supports locales';
COMMENT ON COLUMN current_voices.extra IS
    'JSON object of fields and values without a column; null if there are none';
COMMENT ON COLUMN current_voices.version IS 'number of the current version in the history, from 1';
COMMENT ON COLUMN current_voices.valid_from IS 'start of the current version';
COMMENT ON COLUMN current_voices.first_seen_at IS 'observed_at of the poll that added it';
COMMENT ON COLUMN current_voices.changed_at IS
    'when it was last added, changed or restored; learned values do not count';
COMMENT ON COLUMN current_voices.missing_since IS
    'observed_at of the first poll in a row without it; null while it is listed';
COMMENT ON COLUMN current_voices.removed_at IS 'always null here';
COMMENT ON COLUMN current_voices.last_listed_at IS 'observed_at of the last poll that listed it';
COMMENT ON COLUMN current_voices.preview_audio_link IS
    'working link to the sample: signed if the API signs it; null once it has expired';
COMMENT ON COLUMN current_voices.preview_audio_expires_at IS
    'when the signed link expires; null if unsigned or unknown';
COMMENT ON COLUMN current_voices.preview_audio_file IS
    'name of its mirrored content within the store; null if there is none';

CREATE VIEW items AS
SELECT
    item.account, item.kind, item.item_id, item.name,
    CASE
        WHEN item.removed_at IS NOT NULL THEN 'removed'::text COLLATE "C"
        WHEN item.missing_since IS NOT NULL THEN 'missing'::text COLLATE "C"
        ELSE 'listed'::text COLLATE "C"
    END AS state,
    item.group_id, item.first_seen_at, item.changed_at, item.missing_since, item.removed_at
FROM (
    SELECT
        account, 'avatar'::text COLLATE "C" AS kind, avatar_id AS item_id, avatar_name AS name,
        group_id, first_seen_at, changed_at, missing_since, removed_at
    FROM avatars
    UNION ALL
    SELECT
        account, 'talking_photo'::text COLLATE "C" AS kind, talking_photo_id AS item_id, talking_photo_name AS name,
        group_id, first_seen_at, changed_at, missing_since, removed_at
    FROM talking_photos
    UNION ALL
    SELECT
        account, 'avatar_group'::text COLLATE "C" AS kind, group_id AS item_id, group_name AS name,
        group_id, first_seen_at, changed_at, missing_since, removed_at
    FROM avatar_groups
    UNION ALL
    SELECT
        account, 'voice'::text COLLATE "C" AS kind, voice_id AS item_id, voice_name AS name,
        NULL::text COLLATE "C" AS group_id, first_seen_at, changed_at, missing_since, removed_at
    FROM voices
) AS item;
COMMENT ON VIEW items IS 'every item of every kind ever seen, in its last known state';
COMMENT ON COLUMN items.account IS 'name of the account: what one API key sees';
COMMENT ON COLUMN items.kind IS 'avatar, talking_photo, avatar_group or voice';
COMMENT ON COLUMN items.item_id IS 'id given by the API';
COMMENT ON COLUMN items.name IS 'name as the API gave it; not unique';
COMMENT ON COLUMN items.state IS 'listed, missing (not removed yet) or removed';
COMMENT ON COLUMN items.group_id IS
    'avatar group of a look; own id of an avatar group; null for a voice';
COMMENT ON COLUMN items.first_seen_at IS 'observed_at of the poll that added it';
COMMENT ON COLUMN items.changed_at IS
    'when it was last added, changed or restored; learned values do not count';
COMMENT ON COLUMN items.missing_since IS
    'observed_at of the first poll in a row without it; null while it is listed; kept after removal';
COMMENT ON COLUMN items.removed_at IS
    'observed_at of the poll that removed it; null if not removed';

CREATE VIEW changes AS
SELECT
    poll.poll_id, poll.observed_at, item.opened_after AS previous_poll_at, item.account,
    'avatar'::text COLLATE "C" AS kind, item.avatar_id AS item_id, item.avatar_name AS name,
    item.opened_by AS change, NULL::text COLLATE "C" AS field, NULL::text COLLATE "C" AS old_value,
    NULL::text COLLATE "C" AS new_value
FROM polls AS poll
JOIN avatar_history AS item ON item.opened_poll = poll.poll_id
WHERE item.opened_by IN ('added', 'restored')
UNION ALL
SELECT
    poll.poll_id, poll.observed_at, item.opened_after AS previous_poll_at, item.account,
    'avatar'::text COLLATE "C" AS kind, item.avatar_id AS item_id, item.avatar_name AS name,
    item.opened_by AS change, change.field, change.old_value, change.new_value
FROM polls AS poll
JOIN field_changes AS change ON change.poll_id = poll.poll_id AND change.kind = 'avatar'
JOIN avatar_history AS item
    ON item.account = change.account AND item.avatar_id = change.item_id
    AND item.version = change.version
UNION ALL
SELECT
    poll.poll_id, poll.observed_at, item.closed_after AS previous_poll_at, item.account,
    'avatar'::text COLLATE "C" AS kind, item.avatar_id AS item_id, item.avatar_name AS name,
    'removed'::text COLLATE "C" AS change, NULL::text COLLATE "C" AS field,
    NULL::text COLLATE "C" AS old_value, NULL::text COLLATE "C" AS new_value
FROM polls AS poll
JOIN avatar_history AS item ON item.closed_poll = poll.poll_id
WHERE item.closed_by = 'removed'
UNION ALL
SELECT
    poll.poll_id, poll.observed_at, item.opened_after AS previous_poll_at, item.account,
    'talking_photo'::text COLLATE "C" AS kind, item.talking_photo_id AS item_id,
    item.talking_photo_name AS name, item.opened_by AS change, NULL::text COLLATE "C" AS field,
    NULL::text COLLATE "C" AS old_value, NULL::text COLLATE "C" AS new_value
FROM polls AS poll
JOIN talking_photo_history AS item ON item.opened_poll = poll.poll_id
WHERE item.opened_by IN ('added', 'restored')
UNION ALL
SELECT
    poll.poll_id, poll.observed_at, item.opened_after AS previous_poll_at, item.account,
    'talking_photo'::text COLLATE "C" AS kind, item.talking_photo_id AS item_id,
    item.talking_photo_name AS name, item.opened_by AS change, change.field, change.old_value,
    change.new_value
FROM polls AS poll
JOIN field_changes AS change ON change.poll_id = poll.poll_id AND change.kind = 'talking_photo'
JOIN talking_photo_history AS item
    ON item.account = change.account AND item.talking_photo_id = change.item_id
    AND item.version = change.version
UNION ALL
SELECT
    poll.poll_id, poll.observed_at, item.closed_after AS previous_poll_at, item.account,
    'talking_photo'::text COLLATE "C" AS kind, item.talking_photo_id AS item_id,
    item.talking_photo_name AS name, 'removed'::text COLLATE "C" AS change,
    NULL::text COLLATE "C" AS field, NULL::text COLLATE "C" AS old_value,
    NULL::text COLLATE "C" AS new_value
FROM polls AS poll
JOIN talking_photo_history AS item ON item.closed_poll = poll.poll_id
WHERE item.closed_by = 'removed'
UNION ALL
SELECT
    poll.poll_id, poll.observed_at, item.opened_after AS previous_poll_at, item.account,
    'avatar_group'::text COLLATE "C" AS kind, item.group_id AS item_id, item.group_name AS name,
    item.opened_by AS change, NULL::text COLLATE "C" AS field, NULL::text COLLATE "C" AS old_value,
    NULL::text COLLATE "C" AS new_value
FROM polls AS poll
JOIN avatar_group_history AS item ON item.opened_poll = poll.poll_id
WHERE item.opened_by IN ('added', 'restored')
UNION ALL
SELECT
    poll.poll_id, poll.observed_at, item.opened_after AS previous_poll_at, item.account,
    'avatar_group'::text COLLATE "C" AS kind, item.group_id AS item_id, item.group_name AS name,
    item.opened_by AS change, change.field, change.old_value, change.new_value
FROM polls AS poll
JOIN field_changes AS change ON change.poll_id = poll.poll_id AND change.kind = 'avatar_group'
JOIN avatar_group_history AS item
    ON item.account = change.account AND item.group_id = change.item_id
    AND item.version = change.version
UNION ALL
SELECT
    poll.poll_id, poll.observed_at, item.closed_after AS previous_poll_at, item.account,
    'avatar_group'::text COLLATE "C" AS kind, item.group_id AS item_id, item.group_name AS name,
    'removed'::text COLLATE "C" AS change, NULL::text COLLATE "C" AS field,
    NULL::text COLLATE "C" AS old_value, NULL::text COLLATE "C" AS new_value
FROM polls AS poll
JOIN avatar_group_history AS item ON item.closed_poll = poll.poll_id
WHERE item.closed_by = 'removed'
UNION ALL
SELECT
    poll.poll_id, poll.observed_at, item.opened_after AS previous_poll_at, item.account,
    'voice'::text COLLATE "C" AS kind, item.voice_id AS item_id, item.voice_name AS name,
    item.opened_by AS change, NULL::text COLLATE "C" AS field, NULL::text COLLATE "C" AS old_value,
    NULL::text COLLATE "C" AS new_value
FROM polls AS poll
JOIN voice_history AS item ON item.opened_poll = poll.poll_id
WHERE item.opened_by IN ('added', 'restored')
UNION ALL
SELECT
    poll.poll_id, poll.observed_at, item.opened_after AS previous_poll_at, item.account,
    'voice'::text COLLATE "C" AS kind, item.voice_id AS item_id, item.voice_name AS name,
    item.opened_by AS change, change.field, change.old_value, change.new_value
FROM polls AS poll
JOIN field_changes AS change ON change.poll_id = poll.poll_id AND change.kind = 'voice'
JOIN voice_history AS item
    ON item.account = change.account AND item.voice_id = change.item_id
    AND item.version = change.version
UNION ALL
SELECT
    poll.poll_id, poll.observed_at, item.closed_after AS previous_poll_at, item.account,
    'voice'::text COLLATE "C" AS kind, item.voice_id AS item_id, item.voice_name AS name,
    'removed'::text COLLATE "C" AS change, NULL::text COLLATE "C" AS field,
    NULL::text COLLATE "C" AS old_value, NULL::text COLLATE "C" AS new_value
FROM polls AS poll
JOIN voice_history AS item ON item.closed_poll = poll.poll_id
WHERE item.closed_by = 'removed';
COMMENT ON VIEW changes IS
    'change feed: one row per item added, removed or restored and per changed field';
COMMENT ON COLUMN changes.poll_id IS 'poll that saw it';
COMMENT ON COLUMN changes.observed_at IS 'when that poll''s response was received';
COMMENT ON COLUMN changes.previous_poll_at IS
    'observed_at of the last poll with the previous state: the change happened later; null at the baseline';
COMMENT ON COLUMN changes.account IS 'name of the account: what one API key sees';
COMMENT ON COLUMN changes.kind IS 'avatar, talking_photo, avatar_group or voice';
COMMENT ON COLUMN changes.item_id IS 'id of the item';
COMMENT ON COLUMN changes.name IS 'name after the poll; the last known if removed';
COMMENT ON COLUMN changes.change IS 'added, changed, removed or restored';
COMMENT ON COLUMN changes.field IS
    'name of the changed field in the API; null in the one row about the whole item';
COMMENT ON COLUMN changes.old_value IS 'old value as text; null if null';
COMMENT ON COLUMN changes.new_value IS 'new value as text; null if null';

CREATE VIEW daily_changes AS
WITH event AS (
    SELECT item.opened_poll AS poll_id, item.account, 'avatar'::text COLLATE "C" AS kind,
        item.avatar_id AS item_id, item.opened_by AS change
    FROM avatar_history AS item
    WHERE item.opened_by <> 'learned'
    UNION ALL
    SELECT item.closed_poll, item.account, 'avatar'::text COLLATE "C",
        item.avatar_id, item.closed_by
    FROM avatar_history AS item
    WHERE item.closed_by = 'removed' AND item.closed_poll IS NOT NULL
    UNION ALL
    SELECT item.opened_poll AS poll_id, item.account, 'talking_photo'::text COLLATE "C" AS kind,
        item.talking_photo_id AS item_id, item.opened_by AS change
    FROM talking_photo_history AS item
    WHERE item.opened_by <> 'learned'
    UNION ALL
    SELECT item.closed_poll, item.account, 'talking_photo'::text COLLATE "C",
        item.talking_photo_id, item.closed_by
    FROM talking_photo_history AS item
    WHERE item.closed_by = 'removed' AND item.closed_poll IS NOT NULL
    UNION ALL
    SELECT item.opened_poll AS poll_id, item.account, 'avatar_group'::text COLLATE "C" AS kind,
        item.group_id AS item_id, item.opened_by AS change
    FROM avatar_group_history AS item
    WHERE item.opened_by <> 'learned'
    UNION ALL
    SELECT item.closed_poll, item.account, 'avatar_group'::text COLLATE "C",
        item.group_id, item.closed_by
    FROM avatar_group_history AS item
    WHERE item.closed_by = 'removed' AND item.closed_poll IS NOT NULL
    UNION ALL
    SELECT item.opened_poll AS poll_id, item.account, 'voice'::text COLLATE "C" AS kind,
        item.voice_id AS item_id, item.opened_by AS change
    FROM voice_history AS item
    WHERE item.opened_by <> 'learned'
    UNION ALL
    SELECT item.closed_poll, item.account, 'voice'::text COLLATE "C",
        item.voice_id, item.closed_by
    FROM voice_history AS item
    WHERE item.closed_by = 'removed' AND item.closed_poll IS NOT NULL
)
SELECT
    to_char(poll.observed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') COLLATE "C" AS day,
    event.account, event.kind,
    count(DISTINCT event.item_id) FILTER (WHERE event.change = 'added') AS added,
    count(DISTINCT event.item_id) FILTER (WHERE event.change = 'changed') AS changed,
    count(DISTINCT event.item_id) FILTER (WHERE event.change = 'removed') AS removed,
    count(DISTINCT event.item_id) FILTER (WHERE event.change = 'restored') AS restored
FROM event
JOIN polls AS poll ON poll.poll_id = event.poll_id
GROUP BY 1, 2, 3;
COMMENT ON VIEW daily_changes IS
    'number of distinct items added, changed, removed and restored per day';
COMMENT ON COLUMN daily_changes.day IS 'day in UTC, as text 2026-11-23; cast it with day::date';
COMMENT ON COLUMN daily_changes.account IS 'name of the account: what one API key sees';
COMMENT ON COLUMN daily_changes.kind IS 'avatar, talking_photo, avatar_group or voice';
COMMENT ON COLUMN daily_changes.added IS 'items added';
COMMENT ON COLUMN daily_changes.changed IS 'items changed';
COMMENT ON COLUMN daily_changes.removed IS 'items removed';
COMMENT ON COLUMN daily_changes.restored IS 'removed items that were listed again';

CREATE VIEW fields AS
WITH event AS (
    SELECT
        seen.account, seen.kind, seen.field, seen.change, seen.json_type, poll.observed_at,
        row_number() OVER (
            PARTITION BY seen.account, seen.kind, seen.field, seen.json_type IS NULL
            ORDER BY seen.poll_id DESC, seen.change DESC
        ) AS newness
    FROM schema_changes AS seen
    JOIN polls AS poll ON poll.poll_id = seen.poll_id
)
SELECT
    event.account, event.kind, event.field,
    max(event.json_type) FILTER (WHERE event.newness = 1) AS json_type,
    max(event.observed_at) FILTER (WHERE event.change = 'appeared') AS carried_since,
    max(event.observed_at) FILTER (WHERE event.change = 'vanished') AS vanished_at
FROM event
GROUP BY event.account, event.kind, event.field;
COMMENT ON VIEW fields IS
    'every field ever in a list; still in it if vanished_at is null or before carried_since';
COMMENT ON COLUMN fields.account IS 'name of the account: what one API key sees';
COMMENT ON COLUMN fields.kind IS 'the list: avatar, talking_photo, avatar_group or voice';
COMMENT ON COLUMN fields.field IS 'field name in the API';
COMMENT ON COLUMN fields.json_type IS
    'last known JSON types of its non-null values, joined by |; null if none was seen';
COMMENT ON COLUMN fields.carried_since IS 'when it last appeared';
COMMENT ON COLUMN fields.vanished_at IS 'when it last vanished; null if it never did';

CREATE VIEW expiring_assets AS
SELECT url, role, signed_url, expires_at, state, attempts, next_attempt_at, last_error
FROM assets
WHERE signed_url IS NOT NULL AND state <> 'mirrored'
ORDER BY expires_at NULLS FIRST, url;
COMMENT ON VIEW expiring_assets IS
    'signed previews that are not mirrored, the soonest to expire first';
COMMENT ON COLUMN expiring_assets.url IS
    'canonical URL: no signature parameters; at most 2,000 bytes';
COMMENT ON COLUMN expiring_assets.role IS 'image, video or audio';
COMMENT ON COLUMN expiring_assets.signed_url IS
    'signed link from the API: a credential until it expires';
COMMENT ON COLUMN expiring_assets.expires_at IS
    'when signed_url expires; null if unknown, which counts as expired';
COMMENT ON COLUMN expiring_assets.state IS 'pending, failed (is retried), gone or skipped';
COMMENT ON COLUMN expiring_assets.attempts IS 'fetches since the last success';
COMMENT ON COLUMN expiring_assets.next_attempt_at IS 'earliest next fetch; null means at once';
COMMENT ON COLUMN expiring_assets.last_error IS
    'why the last fetch failed; never holds a signature';
