# heygen-sync in a container: the program, the libraries it needs and certificate authorities;
# no shell, no package manager. It runs without root on a read-only root file system, and writes to
# /data alone. Settings come by environment or a mounted /data/config.toml. See docs/docker.md.
#
#   docker build --tag heygen-sync .
#   docker run --rm --read-only --volume heygen:/data --env HEYGEN_API_KEY heygen-sync sync
#   docker run --read-only --volume heygen:/data --env HEYGEN_API_KEY heygen-sync daemon --existing
ARG RUST_VERSION=1.95

FROM rust:${RUST_VERSION}-bookworm AS build
WORKDIR /src
# The dependencies on their own: this layer stands until Cargo.toml or Cargo.lock change. The
# sections of benches and tests are left out, since their files are not here.
COPY Cargo.toml Cargo.lock ./
RUN sed -i '/^\[\[\(bench\|test\)\]\]/,/^$/d' Cargo.toml \
 && mkdir src \
 && echo 'fn main() {}' > src/main.rs \
 && touch src/lib.rs \
 && cargo build --locked --release
COPY . .
# Cargo goes by the time of the files, and the copied ones may be older than the layer above.
RUN touch src/main.rs src/lib.rs \
 && sed -i '/^\[\[\(bench\|test\)\]\]/,/^$/d' Cargo.toml \
 && cargo build --locked --release --bin heygen-sync
# All that the last stage holds: the program, what it is linked to, the authorities that TLS trusts,
# a user's name for its number, and that names are looked up in /etc/hosts before DNS.
RUN set -eu \
 && mkdir -p /image/data /image/lib /image/lib64 /image/etc/ssl/certs /image/usr/local/bin \
 && cp target/release/heygen-sync /image/usr/local/bin/ \
 && ldd target/release/heygen-sync | grep -o '/[^ ]*' | xargs -I{} cp -L --parents {} /image \
 && cp -L /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ \
 && echo 'heygen:x:10001:10001::/data:/sbin/nologin' > /image/etc/passwd \
 && echo 'heygen:x:10001:' > /image/etc/group \
 && echo 'hosts: files dns' > /image/etc/nsswitch.conf

FROM scratch
LABEL org.opencontainers.image.title="heygen-sync" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /image/etc /etc
COPY --from=build /image/lib /lib
COPY --from=build /image/lib64 /lib64
COPY --from=build /image/usr /usr
COPY --from=build --chown=10001:10001 /image/data /data
ENV PATH=/usr/local/bin
# By number, so that an orchestrator can tell that it is not root.
USER 10001:10001
WORKDIR /data
VOLUME /data
# For `daemon`: whether every account was polled well within a day and two hours.
HEALTHCHECK --interval=5m --timeout=30s --start-period=15m \
  CMD ["heygen-sync", "--quiet", "status", "--max-age", "26h"]
ENTRYPOINT ["heygen-sync"]
CMD ["daemon"]
