-- The catalogues of HeyGen's avatars, talking photos, avatar groups and voices, with their history:
-- SQLite.
-- The same tables, columns and views, in the same order and with the same values, stand in the
-- PostgreSQL migration of the same number; a test compares the two.
--
-- Where to begin: current_avatars, current_talking_photos, current_avatar_groups and current_voices
-- (what is offered now), changes (what happened), avatar_history and the other histories (what it
-- was like on any day):
--     WHERE valid_from <= '2026-11-23T00:00:00.000Z'
--         AND (valid_to IS NULL OR valid_to > '2026-11-23T00:00:00.000Z')
--
-- Times are text in UTC, always as wide as 2026-11-23T05:57:09.123Z, so that the order of the text
-- is the order of time. Booleans are 0 and 1. JSON is text in canonical form: compact, keys sorted.
-- What the API may say is never checked here.

CREATE TABLE accounts (
    -- One row for each account, with the head of its polls, failed ones included.
    account TEXT NOT NULL PRIMARY KEY, -- name of the API key's view of the catalogue
    last_poll_id INTEGER, -- its latest poll, failed ones included
    polls INTEGER NOT NULL DEFAULT 0, -- how many polls it has, failed ones included
    digest TEXT -- digest of its latest sealed poll; null while polls are not sealed
) STRICT;

CREATE TABLE polls (
    -- One row for each read of a catalogue, failed ones included.
    poll_id INTEGER PRIMARY KEY, -- 1, 2, 3 … without gaps, in the order of commit
    -- name of the API key's view of the catalogue
    account TEXT NOT NULL REFERENCES accounts (account) ON UPDATE CASCADE,
    catalogue TEXT NOT NULL, -- what it read: avatars, avatar_groups or voices
    -- what started it: manual, schedule, file or refresh
    trigger TEXT NOT NULL,
    api_version TEXT, -- API version that was read: v2 or v3
    source TEXT, -- URL or file name that was read; no credentials
    started_at TEXT NOT NULL, -- when it began
    -- when the answer had been received: the clock of history; null without an answer
    observed_at TEXT,
    finished_at TEXT NOT NULL, -- when it was ready to commit
    -- succeeded, held (removals held back) or failed
    outcome TEXT NOT NULL,
    -- distinct avatar ids in the answer; this and the other counts are null when it failed
    avatars_listed INTEGER,
    talking_photos_listed INTEGER, -- distinct talking-photo ids in the answer
    avatar_groups_listed INTEGER, -- distinct avatar-group ids in the answer
    voices_listed INTEGER, -- distinct voice ids in the answer
    added INTEGER, -- items added
    changed INTEGER, -- items changed
    removed INTEGER, -- items removed
    restored INTEGER, -- removed items that were listed again
    learned INTEGER, -- items of which something became known without having changed
    missing INTEGER, -- items missing and not removed, after this poll
    duplicates INTEGER, -- records beyond the first with their id
    rejected INTEGER, -- records that could not be read
    held INTEGER, -- removals that were due and held back
    held_reason TEXT, -- why they were held back; null when none were
    -- JSON of the removal rules in force: after_polls, min_count, max_share, accepted
    policy TEXT CHECK (policy IS NULL OR json_valid(policy)),
    http_status INTEGER, -- HTTP status of the answer; null without one
    request_id TEXT, -- the API's own name for the request
    response_bytes INTEGER, -- size of the decoded body, in bytes
    response_sha256 TEXT, -- SHA-256 of the decoded body, in hex
    warning TEXT, -- the API's own notice of deprecation or sunset
    -- whether it found its version of the API gone
    superseded INTEGER NOT NULL DEFAULT 0 CHECK (superseded IN (0, 1)),
    error TEXT, -- why it failed; null otherwise
    host TEXT, -- machine that ran it
    tool_version TEXT, -- version of this program
    digest TEXT -- link in the account's chain of sealed polls; null while polls are not sealed
) STRICT;

CREATE TABLE avatars (
    -- Every avatar ever seen, in its last known state.
    -- name of the API key's view of the catalogue
    account TEXT NOT NULL REFERENCES accounts (account) ON UPDATE CASCADE,
    avatar_id TEXT NOT NULL, -- id given by the API
    avatar_name TEXT, -- name as the API gave it; not unique
    gender TEXT, -- free text of the API, mostly male, female or unknown
    preview_image_url TEXT, -- canonical URL of the picture: no signature parameters
    preview_video_url TEXT, -- canonical URL of the video: no signature parameters
    premium INTEGER CHECK (premium IN (0, 1)), -- whether the API calls it premium for this account
    type TEXT, -- the field type of the API
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
    -- JSON object of the fields and values that have no column; null when there are none
    extra TEXT CHECK (extra IS NULL OR json_valid(extra)),
    version INTEGER NOT NULL, -- number of the current version in the history, from 1
    valid_from TEXT NOT NULL, -- start of the current version
    first_seen_at TEXT NOT NULL, -- observed_at of the poll that saw it first
    -- when it was last added, changed or restored; what was merely learned does not count
    changed_at TEXT NOT NULL,
    -- observed_at of the first poll in a row without it; null while it is listed; stays on a
    -- removed item
    missing_since TEXT,
    removed_at TEXT, -- observed_at of the poll that removed it; null while it is current
    fingerprint TEXT, -- internal: what a record that says the same is recognised by
    PRIMARY KEY (account, avatar_id)
) STRICT;

CREATE TABLE talking_photos (
    -- Every talking photo ever seen, in its last known state.
    -- name of the API key's view of the catalogue
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
    -- JSON object of the fields and values that have no column; null when there are none
    extra TEXT CHECK (extra IS NULL OR json_valid(extra)),
    version INTEGER NOT NULL, -- number of the current version in the history, from 1
    valid_from TEXT NOT NULL, -- start of the current version
    first_seen_at TEXT NOT NULL, -- observed_at of the poll that saw it first
    -- when it was last added, changed or restored; what was merely learned does not count
    changed_at TEXT NOT NULL,
    -- observed_at of the first poll in a row without it; null while it is listed; stays on a
    -- removed item
    missing_since TEXT,
    removed_at TEXT, -- observed_at of the poll that removed it; null while it is current
    fingerprint TEXT, -- internal: what a record that says the same is recognised by
    PRIMARY KEY (account, talking_photo_id)
) STRICT;

CREATE TABLE avatar_groups (
    -- Every avatar group ever seen, in its last known state.
    -- name of the API key's view of the catalogue
    account TEXT NOT NULL REFERENCES accounts (account) ON UPDATE CASCADE,
    group_id TEXT NOT NULL, -- id given by the API
    group_name TEXT, -- name as the API gave it; not unique
    gender TEXT, -- free text of the API, mostly male, female or unknown
    preview_image_url TEXT, -- canonical URL of the picture: no signature parameters
    preview_video_url TEXT, -- canonical URL of the video: no signature parameters
    default_voice_id TEXT, -- voice that the API suggests
    looks_count INTEGER, -- number of looks that the API counts in the group
    consent_status TEXT, -- state of the consent of the person, as the API gives it
    status TEXT, -- state of the group, for example completed, processing, pending_consent or failed
    created_at INTEGER, -- when the group was created, in Unix seconds, as the API gives it
    -- JSON object of the fields and values that have no column; null when there are none
    extra TEXT CHECK (extra IS NULL OR json_valid(extra)),
    version INTEGER NOT NULL, -- number of the current version in the history, from 1
    valid_from TEXT NOT NULL, -- start of the current version
    first_seen_at TEXT NOT NULL, -- observed_at of the poll that saw it first
    -- when it was last added, changed or restored; what was merely learned does not count
    changed_at TEXT NOT NULL,
    -- observed_at of the first poll in a row without it; null while it is listed; stays on a
    -- removed item
    missing_since TEXT,
    removed_at TEXT, -- observed_at of the poll that removed it; null while it is current
    fingerprint TEXT, -- internal: what a record that says the same is recognised by
    PRIMARY KEY (account, group_id)
) STRICT;

CREATE TABLE voices (
    -- Every voice ever seen, in its last known state.
    -- name of the API key's view of the catalogue
    account TEXT NOT NULL REFERENCES accounts (account) ON UPDATE CASCADE,
    voice_id TEXT NOT NULL, -- id given by the API
    voice_name TEXT, -- name as the API gave it; not unique
    language TEXT, -- language of the voice, as the API gives it
    gender TEXT, -- free text of the API, mostly male, female or unknown
    type TEXT, -- public or private
    preview_audio_url TEXT, -- canonical URL of the sample: no signature parameters
    support_pause INTEGER CHECK (support_pause IN (0, 1)), -- whether the voice supports pauses
    support_locale INTEGER CHECK (support_locale IN (0, 1)), -- whether the voice supports locales
    -- JSON object of the fields and values that have no column; null when there are none
    extra TEXT CHECK (extra IS NULL OR json_valid(extra)),
    version INTEGER NOT NULL, -- number of the current version in the history, from 1
    valid_from TEXT NOT NULL, -- start of the current version
    first_seen_at TEXT NOT NULL, -- observed_at of the poll that saw it first
    -- when it was last added, changed or restored; what was merely learned does not count
    changed_at TEXT NOT NULL,
    -- observed_at of the first poll in a row without it; null while it is listed; stays on a
    -- removed item
    missing_since TEXT,
    removed_at TEXT, -- observed_at of the poll that removed it; null while it is current
    fingerprint TEXT, -- internal: what a record that says the same is recognised by
    PRIMARY KEY (account, voice_id)
) STRICT;

CREATE TABLE avatar_history (
    -- Every version of every avatar, the current one included; [valid_from, valid_to), no overlaps.
    account TEXT NOT NULL, -- name of the API key's view of the catalogue
    avatar_id TEXT NOT NULL, -- id given by the API
    version INTEGER NOT NULL, -- 1, 2, 3 … for each item
    valid_from TEXT NOT NULL, -- start, included: observed_at of opened_poll
    valid_to TEXT, -- end, excluded: observed_at of closed_poll; null while open
    opened_by TEXT NOT NULL, -- added, changed, restored or learned
    closed_by TEXT, -- changed, removed or learned; null while open
    opened_poll INTEGER NOT NULL REFERENCES polls (poll_id), -- poll that opened it
    closed_poll INTEGER REFERENCES polls (poll_id), -- poll that closed it; null while open
    -- observed_at of the last poll that still showed the state before; null at the baseline
    opened_after TEXT,
    closed_after TEXT, -- observed_at of the last poll that still showed this state; null while open
    avatar_name TEXT, -- name as the API gave it; not unique
    gender TEXT, -- free text of the API, mostly male, female or unknown
    preview_image_url TEXT, -- canonical URL of the picture: no signature parameters
    preview_video_url TEXT, -- canonical URL of the video: no signature parameters
    premium INTEGER CHECK (premium IN (0, 1)), -- whether the API calls it premium for this account
    type TEXT, -- the field type of the API
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
    -- JSON object of the fields and values that have no column; null when there are none
    extra TEXT CHECK (extra IS NULL OR json_valid(extra)),
    PRIMARY KEY (account, avatar_id, version),
    FOREIGN KEY (account, avatar_id) REFERENCES avatars (account, avatar_id) ON UPDATE CASCADE
) STRICT;

CREATE TABLE talking_photo_history (
    -- Every version of every talking photo, the current one included; [valid_from, valid_to), no
    -- overlaps.
    account TEXT NOT NULL, -- name of the API key's view of the catalogue
    talking_photo_id TEXT NOT NULL, -- id given by the API
    version INTEGER NOT NULL, -- 1, 2, 3 … for each item
    valid_from TEXT NOT NULL, -- start, included: observed_at of opened_poll
    valid_to TEXT, -- end, excluded: observed_at of closed_poll; null while open
    opened_by TEXT NOT NULL, -- added, changed, restored or learned
    closed_by TEXT, -- changed, removed or learned; null while open
    opened_poll INTEGER NOT NULL REFERENCES polls (poll_id), -- poll that opened it
    closed_poll INTEGER REFERENCES polls (poll_id), -- poll that closed it; null while open
    -- observed_at of the last poll that still showed the state before; null at the baseline
    opened_after TEXT,
    closed_after TEXT, -- observed_at of the last poll that still showed this state; null while open
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
    -- JSON object of the fields and values that have no column; null when there are none
    extra TEXT CHECK (extra IS NULL OR json_valid(extra)),
    PRIMARY KEY (account, talking_photo_id, version),
    FOREIGN KEY (account, talking_photo_id) REFERENCES talking_photos (account, talking_photo_id)
        ON UPDATE CASCADE
) STRICT;

CREATE TABLE avatar_group_history (
    -- Every version of every avatar group, the current one included; [valid_from, valid_to), no
    -- overlaps.
    account TEXT NOT NULL, -- name of the API key's view of the catalogue
    group_id TEXT NOT NULL, -- id given by the API
    version INTEGER NOT NULL, -- 1, 2, 3 … for each item
    valid_from TEXT NOT NULL, -- start, included: observed_at of opened_poll
    valid_to TEXT, -- end, excluded: observed_at of closed_poll; null while open
    opened_by TEXT NOT NULL, -- added, changed, restored or learned
    closed_by TEXT, -- changed, removed or learned; null while open
    opened_poll INTEGER NOT NULL REFERENCES polls (poll_id), -- poll that opened it
    closed_poll INTEGER REFERENCES polls (poll_id), -- poll that closed it; null while open
    -- observed_at of the last poll that still showed the state before; null at the baseline
    opened_after TEXT,
    closed_after TEXT, -- observed_at of the last poll that still showed this state; null while open
    group_name TEXT, -- name as the API gave it; not unique
    gender TEXT, -- free text of the API, mostly male, female or unknown
    preview_image_url TEXT, -- canonical URL of the picture: no signature parameters
    preview_video_url TEXT, -- canonical URL of the video: no signature parameters
    default_voice_id TEXT, -- voice that the API suggests
    looks_count INTEGER, -- number of looks that the API counts in the group
    consent_status TEXT, -- state of the consent of the person, as the API gives it
    status TEXT, -- state of the group, for example completed, processing, pending_consent or failed
    created_at INTEGER, -- when the group was created, in Unix seconds, as the API gives it
    -- JSON object of the fields and values that have no column; null when there are none
    extra TEXT CHECK (extra IS NULL OR json_valid(extra)),
    PRIMARY KEY (account, group_id, version),
    FOREIGN KEY (account, group_id) REFERENCES avatar_groups (account, group_id) ON UPDATE CASCADE
) STRICT;

CREATE TABLE voice_history (
    -- Every version of every voice, the current one included; [valid_from, valid_to), no overlaps.
    account TEXT NOT NULL, -- name of the API key's view of the catalogue
    voice_id TEXT NOT NULL, -- id given by the API
    version INTEGER NOT NULL, -- 1, 2, 3 … for each item
    valid_from TEXT NOT NULL, -- start, included: observed_at of opened_poll
    valid_to TEXT, -- end, excluded: observed_at of closed_poll; null while open
    opened_by TEXT NOT NULL, -- added, changed, restored or learned
    closed_by TEXT, -- changed, removed or learned; null while open
    opened_poll INTEGER NOT NULL REFERENCES polls (poll_id), -- poll that opened it
    closed_poll INTEGER REFERENCES polls (poll_id), -- poll that closed it; null while open
    -- observed_at of the last poll that still showed the state before; null at the baseline
    opened_after TEXT,
    closed_after TEXT, -- observed_at of the last poll that still showed this state; null while open
    voice_name TEXT, -- name as the API gave it; not unique
    language TEXT, -- language of the voice, as the API gives it
    gender TEXT, -- free text of the API, mostly male, female or unknown
    type TEXT, -- public or private
    preview_audio_url TEXT, -- canonical URL of the sample: no signature parameters
    support_pause INTEGER CHECK (support_pause IN (0, 1)), -- whether the voice supports pauses
    support_locale INTEGER CHECK (support_locale IN (0, 1)), -- whether the voice supports locales
    -- JSON object of the fields and values that have no column; null when there are none
    extra TEXT CHECK (extra IS NULL OR json_valid(extra)),
    PRIMARY KEY (account, voice_id, version),
    FOREIGN KEY (account, voice_id) REFERENCES voices (account, voice_id) ON UPDATE CASCADE
) STRICT;

CREATE TABLE field_changes (
    -- The changed fields of each version opened by changed or restored, one row a field.
    poll_id INTEGER NOT NULL REFERENCES polls (poll_id), -- poll that saw the change
    -- name of the API key's view of the catalogue
    account TEXT NOT NULL REFERENCES accounts (account) ON UPDATE CASCADE,
    kind TEXT NOT NULL, -- avatar, talking_photo, avatar_group or voice
    item_id TEXT NOT NULL, -- id of the item
    version INTEGER NOT NULL, -- version that the change opened
    field TEXT NOT NULL, -- the API's name of the field, with or without a column of its own
    old_value TEXT, -- value before, as text: strings as they are, else compact JSON; null for null
    new_value TEXT -- value after, in the same form
) STRICT;

CREATE TABLE schema_changes (
    -- Fields that appeared in a list, vanished from it or changed their JSON type.
    poll_id INTEGER NOT NULL REFERENCES polls (poll_id), -- poll that saw it
    -- name of the API key's view of the catalogue
    account TEXT NOT NULL REFERENCES accounts (account) ON UPDATE CASCADE,
    -- the list: avatar, talking_photo, avatar_group or voice
    kind TEXT NOT NULL,
    field TEXT NOT NULL, -- the API's name of the field
    -- appeared, vanished or retyped
    change TEXT NOT NULL,
    -- JSON types of its non-null values, sorted and joined by |; for vanished the last known; null
    -- when none was seen
    json_type TEXT,
    example TEXT -- one value in canonical form, at most 200 characters
) STRICT;

CREATE TABLE assets (
    -- What is behind each canonical URL of a preview: its working link, and its copy in the mirror.
    url TEXT NOT NULL PRIMARY KEY, -- canonical URL: no signature parameters; at most 2,000 bytes
    role TEXT NOT NULL, -- image, video or audio
    -- the link as the API signed it: a credential until it expires; null when unsigned
    signed_url TEXT,
    -- when signed_url stops working; null when unsigned or unknown, which counts as expired
    expires_at TEXT,
    -- pending, mirrored, failed (is tried again), gone or skipped
    state TEXT NOT NULL DEFAULT 'pending',
    sha256 TEXT, -- SHA-256 of the mirrored content, in hex
    file TEXT, -- name of the mirrored content within the store
    bytes INTEGER, -- size of the mirrored content, in bytes
    content_type TEXT, -- media type, decided by the first bytes of the content
    etag TEXT, -- ETag of the last answer with content
    last_modified TEXT, -- Last-Modified of the last answer with content, as it was sent
    attempts INTEGER NOT NULL DEFAULT 0, -- fetches since the last that worked
    next_attempt_at TEXT, -- not to be fetched before; null means at once
    mirrored_at TEXT, -- when the content was stored
    checked_at TEXT, -- when it was last fetched or found unchanged
    last_error TEXT -- why the last fetch failed; never holds a signature
) STRICT;

CREATE TABLE asset_versions (
    -- Every content ever fetched from behind a URL.
    url TEXT NOT NULL REFERENCES assets (url), -- canonical URL
    fetched_at TEXT NOT NULL, -- when this content was first fetched from there
    sha256 TEXT NOT NULL, -- SHA-256 of the content, in hex
    file TEXT NOT NULL, -- name of the content within the store
    bytes INTEGER NOT NULL, -- size, in bytes
    content_type TEXT, -- media type, decided by the first bytes
    pruned_at TEXT, -- when its file was removed from the store; null while it is kept
    PRIMARY KEY (url, fetched_at)
) STRICT;

CREATE TABLE notices (
    -- Messages to be delivered at least once, each to one receiver: written with the poll they
    -- tell of, kept when delivered.
    notice_id INTEGER PRIMARY KEY, -- 1, 2, 3 …: for each receiver the order of delivery
    poll_id INTEGER NOT NULL REFERENCES polls (poll_id), -- poll it tells of
    -- name of the API key's view of the catalogue
    account TEXT NOT NULL REFERENCES accounts (account) ON UPDATE CASCADE,
    receiver TEXT NOT NULL, -- name of the receiver in the configuration
    kind TEXT NOT NULL, -- what it tells; one notice of a kind for each poll and receiver
    body TEXT NOT NULL CHECK (json_valid(body)), -- the message, as JSON
    created_at TEXT NOT NULL, -- when it was written
    attempts INTEGER NOT NULL DEFAULT 0, -- deliveries tried
    next_attempt_at TEXT, -- not to be tried before; null means at once
    delivered_at TEXT, -- when the receiver accepted it; null while it waits
    last_error TEXT, -- why the last try failed
    UNIQUE (poll_id, kind, receiver)
) STRICT;

CREATE TABLE search_names (
    -- Internal, made from the histories: the folded text of each version whose name or id is not
    -- ASCII, for the search.
    -- name of the API key's view of the catalogue
    account TEXT NOT NULL REFERENCES accounts (account) ON UPDATE CASCADE ON DELETE CASCADE,
    kind TEXT NOT NULL, -- kind of the item
    item_id TEXT NOT NULL, -- id of the item
    version INTEGER NOT NULL, -- version of the item
    text TEXT NOT NULL, -- its name, a line break and its id, without case and diacritics
    PRIMARY KEY (account, kind, item_id, version)
) STRICT;

-- The account's last poll, its polls in order.
CREATE INDEX polls_by_account ON polls (account, poll_id);
-- The same of its catalogues.
CREATE INDEX polls_by_catalogue ON polls (account, catalogue, poll_id);
-- The good polls of a catalogue in the order of time, of which no two share a moment.
CREATE UNIQUE INDEX polls_good ON polls (account, catalogue, observed_at)
    WHERE outcome <> 'failed';
-- The good polls of a version of the API, and what it announced: the choice of the version asks.
CREATE INDEX polls_served ON polls (account, catalogue, api_version, poll_id)
    WHERE outcome <> 'failed' AND trigger <> 'file';
CREATE INDEX polls_announced ON polls (account, catalogue, api_version, poll_id)
    WHERE warning IS NOT NULL AND trigger <> 'file';
-- Where a span of the change feed begins.
CREATE INDEX polls_by_time ON polls (observed_at);
-- Listing by name, without the blanks that it begins with. Of the rest its first 200 characters:
-- PostgreSQL refuses entries over 2.7 kB.
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
-- What is missing or was removed, and since when.
CREATE INDEX avatars_missing ON avatars (account, missing_since, removed_at)
    WHERE missing_since IS NOT NULL;
-- At most one open version of an item.
CREATE UNIQUE INDEX avatar_history_open ON avatar_history (account, avatar_id)
    WHERE valid_to IS NULL;
-- What a poll opened and closed.
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
-- By poll and by item. Never by field: its name may be longer than an index entry can be.
CREATE INDEX field_changes_by_poll ON field_changes (poll_id);
CREATE INDEX field_changes_by_item ON field_changes (account, kind, item_id, version);
CREATE INDEX schema_changes_by_poll ON schema_changes (account, poll_id);
-- The queue of the mirror, soonest expiry first.
CREATE INDEX assets_unsaved ON assets (expires_at, state) WHERE state <> 'mirrored';
-- The last writes of the mirror, which the gallery's pages are stamped with.
CREATE INDEX assets_checked ON assets (checked_at) WHERE checked_at IS NOT NULL;
CREATE INDEX assets_retried ON assets (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX asset_versions_pruned ON asset_versions (pruned_at) WHERE pruned_at IS NOT NULL;
-- The outbox, in each receiver's order, and what was told of the API's ends.
CREATE INDEX notices_waiting ON notices (receiver, notice_id) WHERE delivered_at IS NULL;
CREATE INDEX notices_of_ends ON notices (account) WHERE kind = 'api_ending';

-- The avatars that are not removed, with the link that works now and the mirrored file.
--   last_listed_at: observed_at of the last poll that listed it.
--   preview_image_link: link to the picture that works now: signed where the API signs; null once
--     that has expired.
--   preview_image_expires_at: when the signed link stops working; null when unsigned or unknown.
--   preview_image_file: name of its mirrored content within the store; null while there is none.
--   preview_video_link: link to the video that works now: signed where the API signs; null once
--     that has expired.
--   preview_video_expires_at: when the signed link stops working; null when unsigned or unknown.
--   preview_video_file: name of its mirrored content within the store; null while there is none.
--   group_name: last known name of its avatar group; null where groups were never polled.
--   default_voice_name: last known name of its default voice; null where voices were never polled.
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

-- The talking photos that are not removed, with the link that works now and the mirrored file.
--   last_listed_at: observed_at of the last poll that listed it.
--   preview_image_link: link to the picture that works now: signed where the API signs; null once
--     that has expired.
--   preview_image_expires_at: when the signed link stops working; null when unsigned or unknown.
--   preview_image_file: name of its mirrored content within the store; null while there is none.
--   preview_video_link: link to the video that works now: signed where the API signs; null once
--     that has expired.
--   preview_video_expires_at: when the signed link stops working; null when unsigned or unknown.
--   preview_video_file: name of its mirrored content within the store; null while there is none.
--   group_name: last known name of its avatar group; null where groups were never polled.
--   default_voice_name: last known name of its default voice; null where voices were never polled.
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

-- The avatar groups that are not removed, with the link that works now and the mirrored file.
--   last_listed_at: observed_at of the last poll that listed it.
--   preview_image_link: link to the picture that works now: signed where the API signs; null once
--     that has expired.
--   preview_image_expires_at: when the signed link stops working; null when unsigned or unknown.
--   preview_image_file: name of its mirrored content within the store; null while there is none.
--   preview_video_link: link to the video that works now: signed where the API signs; null once
--     that has expired.
--   preview_video_expires_at: when the signed link stops working; null when unsigned or unknown.
--   preview_video_file: name of its mirrored content within the store; null while there is none.
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

-- The voices that are not removed, with the link that works now and the mirrored file.
--   last_listed_at: observed_at of the last poll that listed it.
--   preview_audio_link: link to the sample that works now: signed where the API signs; null once
--     that has expired.
--   preview_audio_expires_at: when the signed link stops working; null when unsigned or unknown.
--   preview_audio_file: name of its mirrored content within the store; null while there is none.
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
--   account: name of the API key's view of the catalogue.
--   kind: avatar, talking_photo, avatar_group or voice.
--   item_id: id given by the API.
--   name: name as the API gave it; not unique.
--   state: listed, missing (not removed yet) or removed.
--   group_id: avatar group of a look; of an avatar group its own id; null for a voice.
--   first_seen_at: observed_at of the poll that saw it first.
--   changed_at: when it was last added, changed or restored; what was merely learned does not
--     count.
--   missing_since: observed_at of the first poll in a row without it; null while it is listed;
--     stays on a removed item.
--   removed_at: observed_at of the poll that removed it; null while it is current.
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

-- The change feed: a row for each item added, removed or restored and for each changed field.
--   poll_id: poll that saw it.
--   observed_at: when that poll had received its answer.
--   previous_poll_at: observed_at of the last poll that showed the state before: it happened
--     after that; null at the baseline.
--   account: name of the API key's view of the catalogue.
--   kind: avatar, talking_photo, avatar_group or voice.
--   item_id: id of the item.
--   name: name after the poll; for a removal the last known.
--   change: added, changed, removed or restored.
--   field: the API's name of the changed field; null in the one row that tells of the item as a
--     whole.
--   old_value: value before, as text; null for null.
--   new_value: value after, as text; null for null.
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

-- How many distinct items were added, changed, removed and restored on each day.
--   day: day in UTC, as text 2026-11-23.
--   account: name of the API key's view of the catalogue.
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

-- Every field a list ever carried; carried now where vanished_at is null or before carried_since.
--   account: name of the API key's view of the catalogue.
--   kind: the list: avatar, talking_photo, avatar_group or voice.
--   field: the API's name of the field.
--   json_type: JSON types of its non-null values when last known, joined by |; null when none
--     was seen.
--   carried_since: when it last appeared.
--   vanished_at: when it last vanished; null when it never did.
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

-- Signed previews that the mirror does not have, those whose link expires soonest first.
--   url: canonical URL: no signature parameters; at most 2,000 bytes.
--   role: image, video or audio.
--   signed_url: the link as the API signed it: a credential until it expires.
--   expires_at: when signed_url stops working; null when unknown, which counts as expired.
--   state: pending, failed (is tried again), gone or skipped.
--   attempts: fetches since the last that worked.
--   next_attempt_at: not to be fetched before; null means at once.
--   last_error: why the last fetch failed; never holds a signature.
CREATE VIEW expiring_assets AS
SELECT url, role, signed_url, expires_at, state, attempts, next_attempt_at, last_error
FROM assets
WHERE signed_url IS NOT NULL AND state <> 'mirrored'
ORDER BY expires_at NULLS FIRST, url;
