# heygen-sync in a container, without root. Settings come by environment or a mounted
# /data/config.toml; an SQLite database lies in /data. See the README.
#
#   docker build --tag heygen-sync .
#   docker run --rm --volume heygen:/data --env HEYGEN_API_KEY heygen-sync sync
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

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --home-dir /data --no-create-home --shell /usr/sbin/nologin heygen \
 && install -d -o heygen -g heygen /data
COPY --from=build /src/target/release/heygen-sync /usr/local/bin/
# By number, so that an orchestrator can tell that it is not root.
USER 10001:10001
WORKDIR /data
VOLUME /data
ENTRYPOINT ["heygen-sync"]
