-- HeyGen's avatars, talking photos, avatar groups and voices, with their history: SQLite.
-- The PostgreSQL migration of the same number has the same tables, columns and views, in the same
-- order and with the same values; a test compares the two.
--
-- Start with current_avatars, current_talking_photos, current_avatar_groups and current_voices (the
-- current items), changes (the change feed), and avatar_history and the other histories (the state
-- at any time):
--     WHERE valid_from <= '2026-11-23T00:00:00.000Z'
--         AND (valid_to IS NULL OR valid_to > '2026-11-23T00:00:00.000Z')
--
-- Times are text in UTC of fixed width, such as 2026-11-23T05:57:09.123Z, so that text order is
-- order in time. Booleans are 0 and 1. JSON is text in canonical form: compact, keys sorted.
-- Values of the API are not checked here.

CREATE TABLE accounts (
    -- One row per account, with a summary of its polls, failed ones included.
    account TEXT NOT NULL PRIMARY KEY, -- name of the account: what one API key sees
    last_poll_id INTEGER, -- its latest poll, failed ones included
    polls INTEGER NOT NULL DEFAULT 0, -- number of its polls, failed ones included
    digest TEXT -- digest of its latest sealed poll; null while polls are not sealed
) STRICT;

CREATE TABLE polls (
    -- One row per poll of a catalogue, failed ones included.
    poll_id INTEGER PRIMARY KEY, -- 1, 2, 3 … without gaps, in commit order
    -- name of the account: what one API key sees
    account TEXT NOT NULL REFERENCES accounts (account) ON UPDATE CASCADE,
    catalogue TEXT NOT NULL, -- catalogue that was polled: avatars, avatar_groups or voices
    -- what started it: manual, schedule, file or refresh
    trigger TEXT NOT NULL,
    api_version TEXT, -- API version that was read: v2 or v3
    source TEXT, -- URL or file name that was read; no credentials
    started_at TEXT NOT NULL, -- start time
    -- when the response was received, the time used in history; null if none
    observed_at TEXT,
    finished_at TEXT NOT NULL, -- when it was ready to commit
    -- succeeded, held (removals were held) or failed
    outcome TEXT NOT NULL,
    -- distinct avatar ids listed; this and the other counts are null if the poll failed
    avatars_listed INTEGER,
    talking_photos_listed INTEGER, -- distinct talking-photo ids listed
    avatar_groups_listed INTEGER, -- distinct avatar-group ids listed
    voices_listed INTEGER, -- distinct voice ids listed
    added INTEGER, -- items added
    changed INTEGER, -- items changed
    removed INTEGER, -- items removed
    restored INTEGER, -- removed items that were listed again
    learned INTEGER, -- items with values that became known without having changed
    missing INTEGER, -- items missing and not removed, after this poll
    duplicates INTEGER, -- records that repeat an earlier id
    rejected INTEGER, -- records that could not be read
    held INTEGER, -- due removals that were held
    held_reason TEXT, -- why removals were held; null if none were
    -- JSON of the removal rules in force: after_polls, min_count, max_share, accepted
    policy TEXT CHECK (policy IS NULL OR json_valid(policy)),
    http_status INTEGER, -- HTTP status of the response; null if none
    request_id TEXT, -- request id given by the API
    response_bytes INTEGER, -- size of the decoded body, in bytes
    response_sha256 TEXT, -- SHA-256 of the decoded body, in hex
    warning TEXT, -- deprecation or sunset announced by the API
    -- whether its API version no longer existed
    superseded INTEGER NOT NULL DEFAULT 0 CHECK (superseded IN (0, 1)),
    error TEXT, -- why it failed; null otherwise
    host TEXT, -- machine that ran it
    tool_version TEXT, -- version of this program
    digest TEXT -- digest in the account's hash chain; null while polls are not sealed
) STRICT;

CREATE TABLE avatars (
    -- Every avatar ever seen, in its last known state.
    -- name of the account: what one API key sees
    account TEXT NOT NULL REFERENCES accounts (account) ON UPDATE CASCADE,
    avatar_id TEXT NOT NULL, -- id given by the API
    avatar_name TEXT, -- name as the API gave it; not unique
    gender TEXT, -- free text of the API, mostly male, female or unknown
    preview_image_url TEXT, -- canonical URL of the picture: no signature parameters
    preview_video_url TEXT, -- canonical URL of the video: no signature parameters
    premium INTEGER CHECK (premium IN (0, 1)), -- whether the API calls it premium for this account
    type TEXT, -- the API's type field
    -- sorted JSON array of strings; null and [] differ
    tags TEXT CHECK (tags IS NULL OR json_valid(tags)),
    default_voice_id TEXT, -- voice that the API suggests
    -- type of the look in v3, for example studio_avatar, digital_twin or photo_avatar
    avatar_type TEXT,
    group_id TEXT, -- avatar group that the look belongs to in v3
    -- state of the look in v3, for example completed, processing, pending_consent or failed
    status TEXT,
    -- sorted JSON array of the engines that v3 offers for the look
    supported_api_engines TEXT
        CHECK (supported_api_engines IS NULL OR json_valid(supported_api_engines)),
    preferred_orientation TEXT, -- orientation of the look in v3: portrait, landscape or square
    image_width INTEGER, -- width of the look's picture in v3, in pixels
    image_height INTEGER, -- height of the look's picture in v3, in pixels
    -- JSON object of fields and values without a column; null if there are none
    extra TEXT CHECK (extra IS NULL OR json_valid(extra)),
    version INTEGER NOT NULL, -- number of the current version in the history, from 1
    valid_from TEXT NOT NULL, -- start of the current version
    first_seen_at TEXT NOT NULL, -- observed_at of the poll that added it
    -- when it was last added, changed or restored; learned values do not count
    changed_at TEXT NOT NULL,
    -- observed_at of the first poll in a row without it; null while it is listed; kept after
    -- removal
    missing_since TEXT,
    removed_at TEXT, -- observed_at of the poll that removed it; null if not removed
    -- internal: hash by which an unchanged record is recognised; null: the next record is decoded
    fingerprint TEXT,
    PRIMARY KEY (account, avatar_id)
) STRICT;

CREATE TABLE talking_photos (
    -- Every talking photo ever seen, in its last known state.
    -- name of the account: what one API key sees
    account TEXT NOT NULL REFERENCES accounts (account) ON UPDATE CASCADE,
    talking_photo_id TEXT NOT NULL, -- id given by the API
    talking_photo_name TEXT, -- name as the API gave it; not unique
    gender TEXT, -- free text of the API, mostly male, female or unknown
    preview_image_url TEXT, -- canonical URL of the picture: no signature parameters
    preview_video_url TEXT, -- canonical URL of the video: no signature parameters
    -- sorted JSON array of strings; null and [] differ
    tags TEXT CHECK (tags IS NULL OR json_valid(tags)),
    default_voice_id TEXT, -- voice that the API suggests
    -- type of the look in v3, for example studio_avatar, digital_twin or photo_avatar
    avatar_type TEXT,
    group_id TEXT, -- avatar group that the look belongs to in v3
    -- state of the look in v3, for example completed, processing, pending_consent or failed
    status TEXT,
    -- sorted JSON array of the engines that v3 offers for the look
    supported_api_engines TEXT
        CHECK (supported_api_engines IS NULL OR json_valid(supported_api_engines)),
    preferred_orientation TEXT, -- orientation of the look in v3: portrait, landscape or square
    image_width INTEGER, -- width of the look's picture in v3, in pixels
    image_height INTEGER, -- height of the look's picture in v3, in pixels
    -- JSON object of fields and values without a column; null if there are none
    extra TEXT CHECK (extra IS NULL OR json_valid(extra)),
    version INTEGER NOT NULL, -- number of the current version in the history, from 1
    valid_from TEXT NOT NULL, -- start of the current version
    first_seen_at TEXT NOT NULL, -- observed_at of the poll that added it
    -- when it was last added, changed or restored; learned values do not count
    changed_at TEXT NOT NULL,
    -- observed_at of the first poll in a row without it; null while it is listed; kept after
    -- removal
    missing_since TEXT,
    removed_at TEXT, -- observed_at of the poll that removed it; null if not removed
    -- internal: hash by which an unchanged record is recognised; null: the next record is decoded
    fingerprint TEXT,
    PRIMARY KEY (account, talking_photo_id)
) STRICT;

CREATE TABLE avatar_groups (
    -- Every avatar group ever seen, in its last known state.
    -- name of the account: what one API key sees
    account TEXT NOT NULL REFERENCES accounts (account) ON UPDATE CASCADE,
    group_id TEXT NOT NULL, -- id given by the API
    group_name TEXT, -- name as the API gave it; not unique
    gender TEXT, -- free text of the API, mostly male, female or unknown
    preview_image_url TEXT, -- canonical URL of the picture: no signature parameters
    preview_video_url TEXT, -- canonical URL of the video: no signature parameters
    default_voice_id TEXT, -- voice that the API suggests
    looks_count INTEGER, -- number of looks that the API counts in the group
    consent_status TEXT, -- state of the person's consent, as the API gives it
    status TEXT, -- state of the group, for example completed, processing, pending_consent or failed
    created_at INTEGER, -- when the group was created, in Unix seconds, as the API gives it
    -- JSON object of fields and values without a column; null if there are none
    extra TEXT CHECK (extra IS NULL OR json_valid(extra)),
    version INTEGER NOT NULL, -- number of the current version in the history, from 1
    valid_from TEXT NOT NULL, -- start of the current version
    first_seen_at TEXT NOT NULL, -- observed_at of the poll that added it
    -- when it was last added, changed or restored; learned values do not count
    changed_at TEXT NOT NULL,
    -- observed_at of the first poll in a row without it; null while it is listed; kept after
    -- removal
    missing_since TEXT,
    removed_at TEXT, -- observed_at of the poll that removed it; null if not removed
    -- internal: hash by which an unchanged record is recognised; null: the next record is decoded
    fingerprint TEXT,
    PRIMARY KEY (account, group_id)
) STRICT;

CREATE TABLE voices (
    -- Every voice ever seen, in its last known state.
    -- name of the account: what one API key sees
    account TEXT NOT NULL REFERENCES accounts (account) ON UPDATE CASCADE,
    voice_id TEXT NOT NULL, -- id given by the API
    voice_name TEXT, -- name as the API gave it; not unique
    language TEXT, -- language of the voice, as the API gives it
    gender TEXT, -- free text of the API, mostly male, female or unknown
    type TEXT, -- public or private
    preview_audio_url TEXT, -- canonical URL of the sample: no signature parameters
    support_pause INTEGER CHECK (support_pause IN (0, 1)), -- whether the voice supports pauses
    support_locale INTEGER CHECK (support_locale IN (0, 1)), -- whether the voice supports locales
    -- JSON object of fields and values without a column; null if there are none
    extra TEXT CHECK (extra IS NULL OR json_valid(extra)),
    version INTEGER NOT NULL, -- number of the current version in the history, from 1
    valid_from TEXT NOT NULL, -- start of the current version
    first_seen_at TEXT NOT NULL, -- observed_at of the poll that added it
    -- when it was last added, changed or restored; learned values do not count
    changed_at TEXT NOT NULL,
    -- observed_at of the first poll in a row without it; null while it is listed; kept after
    -- removal
    missing_since TEXT,
    removed_at TEXT, -- observed_at of the poll that removed it; null if not removed
    -- internal: hash by which an unchanged record is recognised; null: the next record is decoded
    fingerprint TEXT,
    PRIMARY KEY (account, voice_id)
) STRICT;

CREATE TABLE avatar_history (
    -- Every version of every avatar, the current one included; [valid_from, valid_to), no overlaps.
    account TEXT NOT NULL, -- name of the account: what one API key sees
    avatar_id TEXT NOT NULL, -- id given by the API
    version INTEGER NOT NULL, -- 1, 2, 3 … for each item
    valid_from TEXT NOT NULL, -- inclusive start: observed_at of opened_poll
    valid_to TEXT, -- exclusive end: observed_at of closed_poll; null while open
    opened_by TEXT NOT NULL, -- added, changed, restored or learned
    closed_by TEXT, -- changed, removed or learned; null while open
    opened_poll INTEGER NOT NULL REFERENCES polls (poll_id), -- poll that opened it
    closed_poll INTEGER REFERENCES polls (poll_id), -- poll that closed it; null while open
    -- observed_at of the last poll with the previous state; null at the baseline
    opened_after TEXT,
    closed_after TEXT, -- observed_at of the last poll with this state; null while open
    avatar_name TEXT, -- name as the API gave it; not unique
    gender TEXT, -- free text of the API, mostly male, female or unknown
    preview_image_url TEXT, -- canonical URL of the picture: no signature parameters
    preview_video_url TEXT, -- canonical URL of the video: no signature parameters
    premium INTEGER CHECK (premium IN (0, 1)), -- whether the API calls it premium for this account
    type TEXT, -- the API's type field
    -- sorted JSON array of strings; null and [] differ
    tags TEXT CHECK (tags IS NULL OR json_valid(tags)),
    default_voice_id TEXT, -- voice that the API suggests
    -- type of the look in v3, for example studio_avatar, digital_twin or photo_avatar
    avatar_type TEXT,
    group_id TEXT, -- avatar group that the look belongs to in v3
    -- state of the look in v3, for example completed, processing, pending_consent or failed
    status TEXT,
    -- sorted JSON array of the engines that v3 offers for the look
    supported_api_engines TEXT
        CHECK (supported_api_engines IS NULL OR json_valid(supported_api_engines)),
    preferred_orientation TEXT, -- orientation of the look in v3: portrait, landscape or square
    image_width INTEGER, -- width of the look's picture in v3, in pixels
    image_height INTEGER, -- height of the look's picture in v3, in pixels
    -- JSON object of fields and values without a column; null if there are none
    extra TEXT CHECK (extra IS NULL OR json_valid(extra)),
    PRIMARY KEY (account, avatar_id, version),
    FOREIGN KEY (account, avatar_id) REFERENCES avatars (account, avatar_id) ON UPDATE CASCADE
) STRICT;

CREATE TABLE talking_photo_history (
    -- Every version of every talking photo, the current one included; [valid_from, valid_to), no
    -- overlaps.
    account TEXT NOT NULL, -- name of the account: what one API key sees
    talking_photo_id TEXT NOT NULL, -- id given by the API
    version INTEGER NOT NULL, -- 1, 2, 3 … for each item
    valid_from TEXT NOT NULL, -- inclusive start: observed_at of opened_poll
    valid_to TEXT, -- exclusive end: observed_at of closed_poll; null while open
    opened_by TEXT NOT NULL, -- added, changed, restored or learned
    closed_by TEXT, -- changed, removed or learned; null while open
    opened_poll INTEGER NOT NULL REFERENCES polls (poll_id), -- poll that opened it
    closed_poll INTEGER REFERENCES polls (poll_id), -- poll that closed it; null while open
    -- observed_at of the last poll with the previous state; null at the baseline
    opened_after TEXT,
    closed_after TEXT, -- observed_at of the last poll with this state; null while open
    talking_photo_name TEXT, -- name as the API gave it; not unique
    gender TEXT, -- free text of the API, mostly male, female or unknown
    preview_image_url TEXT, -- canonical URL of the picture: no signature parameters
    preview_video_url TEXT, -- canonical URL of the video: no signature parameters
    -- sorted JSON array of strings; null and [] differ
    tags TEXT CHECK (tags IS NULL OR json_valid(tags)),
    default_voice_id TEXT, -- voice that the API suggests
    -- type of the look in v3, for example studio_avatar, digital_twin or photo_avatar
    avatar_type TEXT,
    group_id TEXT, -- avatar group that the look belongs to in v3
    -- state of the look in v3, for example completed, processing, pending_consent or failed
    status TEXT,
    -- sorted JSON array of the engines that v3 offers for the look
    supported_api_engines TEXT
        CHECK (supported_api_engines IS NULL OR json_valid(supported_api_engines)),
    preferred_orientation TEXT, -- orientation of the look in v3: portrait, landscape or square
    image_width INTEGER, -- width of the look's picture in v3, in pixels
    image_height INTEGER, -- height of the look's picture in v3, in pixels
    -- JSON object of fields and values without a column; null if there are none
    extra TEXT CHECK (extra IS NULL OR json_valid(extra)),
    PRIMARY KEY (account, talking_photo_id, version),
    FOREIGN KEY (account, talking_photo_id) REFERENCES talking_photos (account, talking_photo_id)
        ON UPDATE CASCADE
) STRICT;

CREATE TABLE avatar_group_history (
    -- Every version of every avatar group, the current one included; [valid_from, valid_to), no
    -- overlaps.
    account TEXT NOT NULL, -- name of the account: what one API key sees
    group_id TEXT NOT NULL, -- id given by the API
    version INTEGER NOT NULL, -- 1, 2, 3 … for each item
    valid_from TEXT NOT NULL, -- inclusive start: observed_at of opened_poll
    valid_to TEXT, -- exclusive end: observed_at of closed_poll; null while open
    opened_by TEXT NOT NULL, -- added, changed, restored or learned
    closed_by TEXT, -- changed, removed or learned; null while open
    opened_poll INTEGER NOT NULL REFERENCES polls (poll_id), -- poll that opened it
    closed_poll INTEGER REFERENCES polls (poll_id), -- poll that closed it; null while open
    -- observed_at of the last poll with the previous state; null at the baseline
    opened_after TEXT,
    closed_after TEXT, -- observed_at of the last poll with this state; null while open
    group_name TEXT, -- name as the API gave it; not unique
    gender TEXT, -- free text of the API, mostly male, female or unknown
    preview_image_url TEXT, -- canonical URL of the picture: no signature parameters
    preview_video_url TEXT, -- canonical URL of the video: no signature parameters
    default_voice_id TEXT, -- voice that the API suggests
    looks_count INTEGER, -- number of looks that the API counts in the group
    consent_status TEXT, -- state of the person's consent, as the API gives it
    status TEXT, -- state of the group, for example completed, processing, pending_consent or failed
    created_at INTEGER, -- when the group was created, in Unix seconds, as the API gives it
    -- JSON object of fields and values without a column; null if there are none
    extra TEXT CHECK (extra IS NULL OR json_valid(extra)),
    PRIMARY KEY (account, group_id, version),
    FOREIGN KEY (account, group_id) REFERENCES avatar_groups (account, group_id) ON UPDATE CASCADE
) STRICT;

CREATE TABLE voice_history (
    -- Every version of every voice, the current one included; [valid_from, valid_to), no overlaps.
    account TEXT NOT NULL, -- name of the account: what one API key sees
    voice_id TEXT NOT NULL, -- id given by the API
    version INTEGER NOT NULL, -- 1, 2, 3 … for each item
    valid_from TEXT NOT NULL, -- inclusive start: observed_at of opened_poll
    valid_to TEXT, -- exclusive end: observed_at of closed_poll; null while open
    opened_by TEXT NOT NULL, -- added, changed, restored or learned
    closed_by TEXT, -- changed, removed or learned; null while open
    opened_poll INTEGER NOT NULL REFERENCES polls (poll_id), -- poll that opened it
    closed_poll INTEGER REFERENCES polls (poll_id), -- poll that closed it; null while open
    -- observed_at of the last poll with the previous state; null at the baseline
    opened_after TEXT,
    closed_after TEXT, -- observed_at of the last poll with this state; null while open
    voice_name TEXT, -- name as the API gave it; not unique
    language TEXT, -- language of the voice, as the API gives it
    gender TEXT, -- free text of the API, mostly male, female or unknown
    type TEXT, -- public or private
    preview_audio_url TEXT, -- canonical URL of the sample: no signature parameters
    support_pause INTEGER CHECK (support_pause IN (0, 1)), -- whether the voice supports pauses
    support_locale INTEGER CHECK (support_locale IN (0, 1)), -- whether the voice supports locales
    -- JSON object of fields and values without a column; null if there are none
    extra TEXT CHECK (extra IS NULL OR json_valid(extra)),
    PRIMARY KEY (account, voice_id, version),
    FOREIGN KEY (account, voice_id) REFERENCES voices (account, voice_id) ON UPDATE CASCADE
) STRICT;

CREATE TABLE field_changes (
    -- Changed fields of each version opened by changed or restored, one row per field.
    poll_id INTEGER NOT NULL REFERENCES polls (poll_id), -- poll that saw the change
    -- name of the account: what one API key sees
    account TEXT NOT NULL REFERENCES accounts (account) ON UPDATE CASCADE,
    kind TEXT NOT NULL, -- avatar, talking_photo, avatar_group or voice
    item_id TEXT NOT NULL, -- id of the item
    version INTEGER NOT NULL, -- version that the change opened
    field TEXT NOT NULL, -- field name in the API, with or without a column of its own
    old_value TEXT, -- old value as text: strings verbatim, else compact JSON; null if null
    new_value TEXT -- new value in the same form
) STRICT;

CREATE TABLE schema_changes (
    -- Fields that appeared in a list, vanished from it or changed their JSON type.
    poll_id INTEGER NOT NULL REFERENCES polls (poll_id), -- poll that saw it
    -- name of the account: what one API key sees
    account TEXT NOT NULL REFERENCES accounts (account) ON UPDATE CASCADE,
    -- the list: avatar, talking_photo, avatar_group or voice
    kind TEXT NOT NULL,
    field TEXT NOT NULL, -- field name in the API
    -- appeared, vanished or retyped
    change TEXT NOT NULL,
    -- JSON types of its non-null values, sorted and joined by |; last known if vanished; null if
    -- none was seen
    json_type TEXT,
    example TEXT -- one value in canonical form, at most 200 characters
) STRICT;

CREATE TABLE assets (
    -- One row per canonical URL of a preview: its working link and its mirrored copy.
    url TEXT NOT NULL PRIMARY KEY, -- canonical URL: no signature parameters; at most 2,000 bytes
    role TEXT NOT NULL, -- image, video or audio
    -- signed link from the API: a credential until it expires; null if unsigned
    signed_url TEXT,
    -- when signed_url expires; null if unsigned or unknown, which counts as expired
    expires_at TEXT,
    -- pending, mirrored, failed (is retried), gone or skipped
    state TEXT NOT NULL DEFAULT 'pending',
    sha256 TEXT, -- SHA-256 of the mirrored content, in hex
    file TEXT, -- name of the mirrored content within the store
    bytes INTEGER, -- size of the mirrored content, in bytes
    content_type TEXT, -- media type, from the first bytes of the content
    etag TEXT, -- ETag of the last response with content
    last_modified TEXT, -- Last-Modified of the last response with content, verbatim
    attempts INTEGER NOT NULL DEFAULT 0, -- fetches since the last success
    next_attempt_at TEXT, -- earliest next fetch; null means at once
    mirrored_at TEXT, -- when the content was stored
    checked_at TEXT, -- when it was last fetched or found unchanged
    last_error TEXT -- why the last fetch failed; never holds a signature
) STRICT;

CREATE TABLE asset_versions (
    -- Every content ever fetched from a URL.
    url TEXT NOT NULL REFERENCES assets (url), -- canonical URL
    fetched_at TEXT NOT NULL, -- when it was first fetched from the URL
    sha256 TEXT NOT NULL, -- SHA-256 of the content, in hex
    file TEXT NOT NULL, -- name of the content within the store
    bytes INTEGER NOT NULL, -- size, in bytes
    content_type TEXT, -- media type, from the first bytes
    pruned_at TEXT, -- when its file was deleted from the store; null if it is kept
    PRIMARY KEY (url, fetched_at)
) STRICT;

CREATE TABLE notices (
    -- Messages to be delivered at least once, each to one receiver; written with their poll, kept
    -- after delivery.
    notice_id INTEGER PRIMARY KEY, -- 1, 2, 3 …: order of delivery to each receiver
    poll_id INTEGER NOT NULL REFERENCES polls (poll_id), -- reported poll
    -- name of the account: what one API key sees
    account TEXT NOT NULL REFERENCES accounts (account) ON UPDATE CASCADE,
    receiver TEXT NOT NULL, -- name of the receiver in the configuration
    kind TEXT NOT NULL, -- kind of notice; one of each kind per poll and receiver
    body TEXT NOT NULL CHECK (json_valid(body)), -- the message, as JSON
    created_at TEXT NOT NULL, -- when it was written
    attempts INTEGER NOT NULL DEFAULT 0, -- delivery attempts
    next_attempt_at TEXT, -- earliest next attempt; null means at once
    delivered_at TEXT, -- when the receiver accepted it; null until then
    last_error TEXT, -- why the last attempt failed
    UNIQUE (poll_id, kind, receiver)
) STRICT;

CREATE TABLE search_names (
    -- Internal, derived from the histories: the folded text of each version whose name or id is not
    -- ASCII, for search.
    -- name of the account: what one API key sees
    account TEXT NOT NULL REFERENCES accounts (account) ON UPDATE CASCADE ON DELETE CASCADE,
    kind TEXT NOT NULL, -- kind of the item
    item_id TEXT NOT NULL, -- id of the item
    version INTEGER NOT NULL, -- version of the item
    text TEXT NOT NULL, -- its name, a line break and its id, without case and diacritics
    PRIMARY KEY (account, kind, item_id, version)
) STRICT;

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
        nullif(substr(ltrim(avatar_name, char(9, 10, 11, 12, 13, 32, 133, 160, 8203, 12288, 65279)), 1, 200), ''),
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
        nullif(substr(ltrim(talking_photo_name, char(9, 10, 11, 12, 13, 32, 133, 160, 8203, 12288, 65279)), 1, 200), ''),
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
        nullif(substr(ltrim(group_name, char(9, 10, 11, 12, 13, 32, 133, 160, 8203, 12288, 65279)), 1, 200), ''),
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
        nullif(substr(ltrim(voice_name, char(9, 10, 11, 12, 13, 32, 133, 160, 8203, 12288, 65279)), 1, 200), ''),
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

-- The avatars that are not removed, with their working links and mirrored files.
--   last_listed_at: observed_at of the last poll that listed it.
--   preview_image_link: working link to the picture: signed if the API signs it; null once it has
--     expired.
--   preview_image_expires_at: when the signed link expires; null if unsigned or unknown.
--   preview_image_file: name of its mirrored content within the store; null if there is none.
--   preview_video_link: working link to the video: signed if the API signs it; null once it has
--     expired.
--   preview_video_expires_at: when the signed link expires; null if unsigned or unknown.
--   preview_video_file: name of its mirrored content within the store; null if there is none.
--   group_name: last known name of its avatar group; null if groups were never polled.
--   default_voice_name: last known name of its default voice; null if voices were never polled.
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
            AND poll.observed_at < coalesce(item.missing_since, '9999-12-31T23:59:59.999Z')
    ) AS last_listed_at,
    CASE
        WHEN image.signed_url IS NULL AND image.expires_at IS NULL THEN item.preview_image_url
        WHEN image.expires_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now') THEN image.signed_url
    END AS preview_image_link,
    image.expires_at AS preview_image_expires_at,
    image.file AS preview_image_file,
    CASE
        WHEN video.signed_url IS NULL AND video.expires_at IS NULL THEN item.preview_video_url
        WHEN video.expires_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now') THEN video.signed_url
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

-- The talking photos that are not removed, with their working links and mirrored files.
--   last_listed_at: observed_at of the last poll that listed it.
--   preview_image_link: working link to the picture: signed if the API signs it; null once it has
--     expired.
--   preview_image_expires_at: when the signed link expires; null if unsigned or unknown.
--   preview_image_file: name of its mirrored content within the store; null if there is none.
--   preview_video_link: working link to the video: signed if the API signs it; null once it has
--     expired.
--   preview_video_expires_at: when the signed link expires; null if unsigned or unknown.
--   preview_video_file: name of its mirrored content within the store; null if there is none.
--   group_name: last known name of its avatar group; null if groups were never polled.
--   default_voice_name: last known name of its default voice; null if voices were never polled.
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
            AND poll.observed_at < coalesce(item.missing_since, '9999-12-31T23:59:59.999Z')
    ) AS last_listed_at,
    CASE
        WHEN image.signed_url IS NULL AND image.expires_at IS NULL THEN item.preview_image_url
        WHEN image.expires_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now') THEN image.signed_url
    END AS preview_image_link,
    image.expires_at AS preview_image_expires_at,
    image.file AS preview_image_file,
    CASE
        WHEN video.signed_url IS NULL AND video.expires_at IS NULL THEN item.preview_video_url
        WHEN video.expires_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now') THEN video.signed_url
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

-- The avatar groups that are not removed, with their working links and mirrored files.
--   last_listed_at: observed_at of the last poll that listed it.
--   preview_image_link: working link to the picture: signed if the API signs it; null once it has
--     expired.
--   preview_image_expires_at: when the signed link expires; null if unsigned or unknown.
--   preview_image_file: name of its mirrored content within the store; null if there is none.
--   preview_video_link: working link to the video: signed if the API signs it; null once it has
--     expired.
--   preview_video_expires_at: when the signed link expires; null if unsigned or unknown.
--   preview_video_file: name of its mirrored content within the store; null if there is none.
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
            AND poll.observed_at < coalesce(item.missing_since, '9999-12-31T23:59:59.999Z')
    ) AS last_listed_at,
    CASE
        WHEN image.signed_url IS NULL AND image.expires_at IS NULL THEN item.preview_image_url
        WHEN image.expires_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now') THEN image.signed_url
    END AS preview_image_link,
    image.expires_at AS preview_image_expires_at,
    image.file AS preview_image_file,
    CASE
        WHEN video.signed_url IS NULL AND video.expires_at IS NULL THEN item.preview_video_url
        WHEN video.expires_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now') THEN video.signed_url
    END AS preview_video_link,
    video.expires_at AS preview_video_expires_at,
    video.file AS preview_video_file
FROM avatar_groups AS item
LEFT JOIN assets AS image ON image.url = item.preview_image_url
LEFT JOIN assets AS video ON video.url = item.preview_video_url
WHERE item.removed_at IS NULL;

-- The voices that are not removed, with their working links and mirrored files.
--   last_listed_at: observed_at of the last poll that listed it.
--   preview_audio_link: working link to the sample: signed if the API signs it; null once it has
--     expired.
--   preview_audio_expires_at: when the signed link expires; null if unsigned or unknown.
--   preview_audio_file: name of its mirrored content within the store; null if there is none.
CREATE VIEW current_voices AS
SELECT
    item.account, item.voice_id, item.voice_name, item.language, item.gender, item.type,
    item.preview_audio_url, item.support_pause, item.support_locale, item.extra, item.version,
    item.valid_from, item.first_seen_at, item.changed_at, item.missing_since, item.removed_at,
    (
        SELECT max(poll.observed_at) FROM polls AS poll
        WHERE poll.account = item.account AND poll.outcome <> 'failed'
            AND poll.catalogue = 'voices'
            AND poll.observed_at < coalesce(item.missing_since, '9999-12-31T23:59:59.999Z')
    ) AS last_listed_at,
    CASE
        WHEN audio.signed_url IS NULL AND audio.expires_at IS NULL THEN item.preview_audio_url
        WHEN audio.expires_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now') THEN audio.signed_url
    END AS preview_audio_link,
    audio.expires_at AS preview_audio_expires_at,
    audio.file AS preview_audio_file
FROM voices AS item
LEFT JOIN assets AS audio ON audio.url = item.preview_audio_url
WHERE item.removed_at IS NULL;

-- Every item of every kind ever seen, in its last known state.
--   account: name of the account: what one API key sees.
--   kind: avatar, talking_photo, avatar_group or voice.
--   item_id: id given by the API.
--   name: name as the API gave it; not unique.
--   state: listed, missing (not removed yet) or removed.
--   group_id: avatar group of a look; own id of an avatar group; null for a voice.
--   first_seen_at: observed_at of the poll that added it.
--   changed_at: when it was last added, changed or restored; learned values do not count.
--   missing_since: observed_at of the first poll in a row without it; null while it is listed; kept
--     after removal.
--   removed_at: observed_at of the poll that removed it; null if not removed.
CREATE VIEW items AS
SELECT
    item.account, item.kind, item.item_id, item.name,
    CASE
        WHEN item.removed_at IS NOT NULL THEN 'removed'
        WHEN item.missing_since IS NOT NULL THEN 'missing'
        ELSE 'listed'
    END AS state,
    item.group_id, item.first_seen_at, item.changed_at, item.missing_since, item.removed_at
FROM (
    SELECT
        account, 'avatar' AS kind, avatar_id AS item_id, avatar_name AS name,
        group_id, first_seen_at, changed_at, missing_since, removed_at
    FROM avatars
    UNION ALL
    SELECT
        account, 'talking_photo' AS kind, talking_photo_id AS item_id, talking_photo_name AS name,
        group_id, first_seen_at, changed_at, missing_since, removed_at
    FROM talking_photos
    UNION ALL
    SELECT
        account, 'avatar_group' AS kind, group_id AS item_id, group_name AS name,
        group_id, first_seen_at, changed_at, missing_since, removed_at
    FROM avatar_groups
    UNION ALL
    SELECT
        account, 'voice' AS kind, voice_id AS item_id, voice_name AS name,
        NULL AS group_id, first_seen_at, changed_at, missing_since, removed_at
    FROM voices
) AS item;

-- Change feed: one row per item added, removed or restored and per changed field.
--   poll_id: poll that saw it.
--   observed_at: when that poll's response was received.
--   previous_poll_at: observed_at of the last poll with the previous state: the change happened
--     later; null at the baseline.
--   account: name of the account: what one API key sees.
--   kind: avatar, talking_photo, avatar_group or voice.
--   item_id: id of the item.
--   name: name after the poll; the last known if removed.
--   change: added, changed, removed or restored.
--   field: name of the changed field in the API; null in the one row about the whole item.
--   old_value: old value as text; null if null.
--   new_value: new value as text; null if null.
CREATE VIEW changes AS
SELECT
    poll.poll_id, poll.observed_at, item.opened_after AS previous_poll_at, item.account,
    'avatar' AS kind, item.avatar_id AS item_id, item.avatar_name AS name, item.opened_by AS change,
    NULL AS field, NULL AS old_value, NULL AS new_value
FROM polls AS poll
JOIN avatar_history AS item ON item.opened_poll = poll.poll_id
WHERE item.opened_by IN ('added', 'restored')
UNION ALL
SELECT
    poll.poll_id, poll.observed_at, item.opened_after AS previous_poll_at, item.account,
    'avatar' AS kind, item.avatar_id AS item_id, item.avatar_name AS name, item.opened_by AS change,
    change.field, change.old_value, change.new_value
FROM polls AS poll
JOIN field_changes AS change ON change.poll_id = poll.poll_id AND change.kind = 'avatar'
JOIN avatar_history AS item
    ON item.account = change.account AND item.avatar_id = change.item_id
    AND item.version = change.version
UNION ALL
SELECT
    poll.poll_id, poll.observed_at, item.closed_after AS previous_poll_at, item.account,
    'avatar' AS kind, item.avatar_id AS item_id, item.avatar_name AS name, 'removed' AS change,
    NULL AS field, NULL AS old_value, NULL AS new_value
FROM polls AS poll
JOIN avatar_history AS item ON item.closed_poll = poll.poll_id
WHERE item.closed_by = 'removed'
UNION ALL
SELECT
    poll.poll_id, poll.observed_at, item.opened_after AS previous_poll_at, item.account,
    'talking_photo' AS kind, item.talking_photo_id AS item_id, item.talking_photo_name AS name,
    item.opened_by AS change, NULL AS field, NULL AS old_value, NULL AS new_value
FROM polls AS poll
JOIN talking_photo_history AS item ON item.opened_poll = poll.poll_id
WHERE item.opened_by IN ('added', 'restored')
UNION ALL
SELECT
    poll.poll_id, poll.observed_at, item.opened_after AS previous_poll_at, item.account,
    'talking_photo' AS kind, item.talking_photo_id AS item_id, item.talking_photo_name AS name,
    item.opened_by AS change, change.field, change.old_value, change.new_value
FROM polls AS poll
JOIN field_changes AS change ON change.poll_id = poll.poll_id AND change.kind = 'talking_photo'
JOIN talking_photo_history AS item
    ON item.account = change.account AND item.talking_photo_id = change.item_id
    AND item.version = change.version
UNION ALL
SELECT
    poll.poll_id, poll.observed_at, item.closed_after AS previous_poll_at, item.account,
    'talking_photo' AS kind, item.talking_photo_id AS item_id, item.talking_photo_name AS name,
    'removed' AS change, NULL AS field, NULL AS old_value, NULL AS new_value
FROM polls AS poll
JOIN talking_photo_history AS item ON item.closed_poll = poll.poll_id
WHERE item.closed_by = 'removed'
UNION ALL
SELECT
    poll.poll_id, poll.observed_at, item.opened_after AS previous_poll_at, item.account,
    'avatar_group' AS kind, item.group_id AS item_id, item.group_name AS name,
    item.opened_by AS change, NULL AS field, NULL AS old_value, NULL AS new_value
FROM polls AS poll
JOIN avatar_group_history AS item ON item.opened_poll = poll.poll_id
WHERE item.opened_by IN ('added', 'restored')
UNION ALL
SELECT
    poll.poll_id, poll.observed_at, item.opened_after AS previous_poll_at, item.account,
    'avatar_group' AS kind, item.group_id AS item_id, item.group_name AS name,
    item.opened_by AS change, change.field, change.old_value, change.new_value
FROM polls AS poll
JOIN field_changes AS change ON change.poll_id = poll.poll_id AND change.kind = 'avatar_group'
JOIN avatar_group_history AS item
    ON item.account = change.account AND item.group_id = change.item_id
    AND item.version = change.version
UNION ALL
SELECT
    poll.poll_id, poll.observed_at, item.closed_after AS previous_poll_at, item.account,
    'avatar_group' AS kind, item.group_id AS item_id, item.group_name AS name, 'removed' AS change,
    NULL AS field, NULL AS old_value, NULL AS new_value
FROM polls AS poll
JOIN avatar_group_history AS item ON item.closed_poll = poll.poll_id
WHERE item.closed_by = 'removed'
UNION ALL
SELECT
    poll.poll_id, poll.observed_at, item.opened_after AS previous_poll_at, item.account,
    'voice' AS kind, item.voice_id AS item_id, item.voice_name AS name, item.opened_by AS change,
    NULL AS field, NULL AS old_value, NULL AS new_value
FROM polls AS poll
JOIN voice_history AS item ON item.opened_poll = poll.poll_id
WHERE item.opened_by IN ('added', 'restored')
UNION ALL
SELECT
    poll.poll_id, poll.observed_at, item.opened_after AS previous_poll_at, item.account,
    'voice' AS kind, item.voice_id AS item_id, item.voice_name AS name, item.opened_by AS change,
    change.field, change.old_value, change.new_value
FROM polls AS poll
JOIN field_changes AS change ON change.poll_id = poll.poll_id AND change.kind = 'voice'
JOIN voice_history AS item
    ON item.account = change.account AND item.voice_id = change.item_id
    AND item.version = change.version
UNION ALL
SELECT
    poll.poll_id, poll.observed_at, item.closed_after AS previous_poll_at, item.account,
    'voice' AS kind, item.voice_id AS item_id, item.voice_name AS name, 'removed' AS change,
    NULL AS field, NULL AS old_value, NULL AS new_value
FROM polls AS poll
JOIN voice_history AS item ON item.closed_poll = poll.poll_id
WHERE item.closed_by = 'removed';

-- Number of distinct items added, changed, removed and restored per day.
--   day: day in UTC, as text 2026-11-23.
--   account: name of the account: what one API key sees.
--   kind: avatar, talking_photo, avatar_group or voice.
--   added: items added.
--   changed: items changed.
--   removed: items removed.
--   restored: removed items that were listed again.
CREATE VIEW daily_changes AS
WITH event AS (
    SELECT item.opened_poll AS poll_id, item.account, 'avatar' AS kind,
        item.avatar_id AS item_id, item.opened_by AS change
    FROM avatar_history AS item
    WHERE item.opened_by <> 'learned'
    UNION ALL
    SELECT item.closed_poll, item.account, 'avatar',
        item.avatar_id, item.closed_by
    FROM avatar_history AS item
    WHERE item.closed_by = 'removed' AND item.closed_poll IS NOT NULL
    UNION ALL
    SELECT item.opened_poll AS poll_id, item.account, 'talking_photo' AS kind,
        item.talking_photo_id AS item_id, item.opened_by AS change
    FROM talking_photo_history AS item
    WHERE item.opened_by <> 'learned'
    UNION ALL
    SELECT item.closed_poll, item.account, 'talking_photo',
        item.talking_photo_id, item.closed_by
    FROM talking_photo_history AS item
    WHERE item.closed_by = 'removed' AND item.closed_poll IS NOT NULL
    UNION ALL
    SELECT item.opened_poll AS poll_id, item.account, 'avatar_group' AS kind,
        item.group_id AS item_id, item.opened_by AS change
    FROM avatar_group_history AS item
    WHERE item.opened_by <> 'learned'
    UNION ALL
    SELECT item.closed_poll, item.account, 'avatar_group',
        item.group_id, item.closed_by
    FROM avatar_group_history AS item
    WHERE item.closed_by = 'removed' AND item.closed_poll IS NOT NULL
    UNION ALL
    SELECT item.opened_poll AS poll_id, item.account, 'voice' AS kind,
        item.voice_id AS item_id, item.opened_by AS change
    FROM voice_history AS item
    WHERE item.opened_by <> 'learned'
    UNION ALL
    SELECT item.closed_poll, item.account, 'voice',
        item.voice_id, item.closed_by
    FROM voice_history AS item
    WHERE item.closed_by = 'removed' AND item.closed_poll IS NOT NULL
)
SELECT
    substr(poll.observed_at, 1, 10) AS day,
    event.account, event.kind,
    count(DISTINCT event.item_id) FILTER (WHERE event.change = 'added') AS added,
    count(DISTINCT event.item_id) FILTER (WHERE event.change = 'changed') AS changed,
    count(DISTINCT event.item_id) FILTER (WHERE event.change = 'removed') AS removed,
    count(DISTINCT event.item_id) FILTER (WHERE event.change = 'restored') AS restored
FROM event
JOIN polls AS poll ON poll.poll_id = event.poll_id
GROUP BY 1, 2, 3;

-- Every field ever in a list; still in it if vanished_at is null or before carried_since.
--   account: name of the account: what one API key sees.
--   kind: the list: avatar, talking_photo, avatar_group or voice.
--   field: field name in the API.
--   json_type: last known JSON types of its non-null values, joined by |; null if none was seen.
--   carried_since: when it last appeared.
--   vanished_at: when it last vanished; null if it never did.
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

-- Signed previews that are not mirrored, the soonest to expire first.
--   url: canonical URL: no signature parameters; at most 2,000 bytes.
--   role: image, video or audio.
--   signed_url: signed link from the API: a credential until it expires.
--   expires_at: when signed_url expires; null if unknown, which counts as expired.
--   state: pending, failed (is retried), gone or skipped.
--   attempts: fetches since the last success.
--   next_attempt_at: earliest next fetch; null means at once.
--   last_error: why the last fetch failed; never holds a signature.
CREATE VIEW expiring_assets AS
SELECT url, role, signed_url, expires_at, state, attempts, next_attempt_at, last_error
FROM assets
WHERE signed_url IS NOT NULL AND state <> 'mirrored'
ORDER BY expires_at NULLS FIRST, url;
