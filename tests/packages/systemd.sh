# Run in a container of Debian, see documents.rs: does what docs/systemd.md says, with the key and the
# address of a fake HeyGen in KEY and BASE_URL. No systemd runs there, so the units are enabled and not
# started; what they would start is started as they would: by another user, in the folder of its
# state, with the key as a credential and no other variable.
fail() { echo "not as it should be: $*"; exit 1; }
block() { awk -v mark="<!-- run: $1 -->" -v number="$2" '$0 == mark { seen++; next } seen == number && /^```/ { if (inside) exit; inside = 1; next } inside' /tree/docs/systemd.md; }
typed() { block "$@" | sed -e 's/ --now//' -e '/^systemctl start /d' >/tmp/typed; bash -euo pipefail /tmp/typed >/tmp/said 2>&1 || { cat /tmp/said; fail "$*"; }; }

mkdir -p /tmp/page/target/package && cd /tmp/page
cp /tree/target/package/heygen-sync.deb target/package/
echo "$KEY" | typed "as root" 1
[ "$(stat --format '%a %U' /etc/heygen-sync/api_key)" = "600 root" ] || fail "others can read the key"
typed "as root" 2
[ -L /etc/systemd/system/timers.target.wants/heygen-sync-once.timer ] || fail "the timer is not enabled"
typed daemon 1
[ -L /etc/systemd/system/multi-user.target.wants/heygen-sync.service ] || fail "the daemon is not enabled"
typed gallery 1
[ -L /etc/systemd/system/multi-user.target.wants/heygen-sync-gallery.service ] || fail "the gallery is not enabled"
# Before the first poll root is sent to the service, and not told to make files in its folder.
said=$(heygen-sync status 2>&1) && fail "a status without a database"
[[ $said == *"systemctl start heygen-sync-once.service"* ]] || fail "root is told: $said"

install -d -m 700 -o nobody /run/credentials/heygen-sync
install -m 400 -o nobody /etc/heygen-sync/api_key /run/credentials/heygen-sync/api_key
install -d -m 750 -o nobody /var/lib/heygen-sync /var/lib/heygen-sync-begun
EXISTING=
of() { sed -n "s/^$2=//p" "/usr/lib/systemd/system/$1"; }
started() {
  cd "$(of "$1" WorkingDirectory)"
  # shellcheck disable=SC2046 # the words of the command
  exec setpriv --reuid=nobody --regid=nogroup --clear-groups --no-new-privs env -i \
    CREDENTIALS_DIRECTORY=/run/credentials/heygen-sync HEYGEN_SYNC_API__BASE_URL="$BASE_URL" \
    HEYGEN_SYNC_DAEMON__LISTEN=127.0.0.1:0 HEYGEN_SYNC_SERVE__LISTEN=127.0.0.1:18089 "HEYGEN_SYNC_DAEMON__SCHEDULE=0 0 29 2 *" $(of "$1" ExecStart | sed "s/ \$EXISTING$/ $EXISTING/")
}
# As systemd does after a start that went well.
begun() {
  setpriv --reuid=nobody --regid=nogroup --clear-groups bash -c "$(of "$1" ExecStartPost)"
  # shellcheck source=/dev/null
  . "$(of "$1" EnvironmentFile | sed -n 's/^-\(.*begun.*\)/\1/p')"
}
said=$( (started heygen-sync-once.service) 2>&1) || fail "the poll: $said"
[ -z "$said" ] || fail "it would be logged: $said"
begun heygen-sync-once.service
[ "$EXISTING" = --existing ] || fail "the database may be made anew"
mv /var/lib/heygen-sync/heygen.db /tmp/elsewhere.db
(started heygen-sync-once.service) >/dev/null 2>&1 && fail "a history was begun beside the one that is away"
mv /tmp/elsewhere.db /var/lib/heygen-sync/heygen.db
(started heygen-sync.service) >/tmp/log 2>&1 &
daemon=$!
for _ in $(seq 300); do
  ! grep -q 'metrics and health' /tmp/log || break
  sleep 0.1
done
MAINPID=$daemon bash -c "$(of heygen-sync.service ExecReload)"
for _ in $(seq 300); do
  ! grep -q 'reloaded' /tmp/log || break
  sleep 0.1
done
kill "$daemon"
wait "$daemon" || { cat /tmp/log; fail "the daemon ended with $?"; }
grep -q 'the configuration was reloaded' /tmp/log || { cat /tmp/log; fail "it cannot be reloaded"; }
# The gallery shows what was polled.
(started heygen-sync-gallery.service) >/tmp/gallery.log 2>&1 &
gallery=$!
page=
for _ in $(seq 300); do
  ! page=$(perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new("127.0.0.1:18089") or exit 1; print $s "GET /avatars.csv HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"; print while <$s>') || break
  sleep 0.1
done
kill "$gallery"
wait "$gallery" || { cat /tmp/gallery.log; fail "the gallery ended with $?"; }
[[ $page == *"200 OK"*avatar_id* ]] || { cat /tmp/gallery.log; fail "the gallery answers: $page"; }
heygen-sync status --format ndjson | sed 's/.*"last_poll_id":\([0-9]*\).*"avatars":\([0-9]*\),.*/\1 poll of \2 avatar/'
