# The bridge oracle: docker build -f docker/bridge-oracle.Dockerfile -t bridge-oracle .
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --package bridge-oracle \
    && install -D target/release/bridge-oracle /out/bridge-oracle

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 6529 --home-dir /var/lib/bridge-oracle bridge-oracle \
    && install --directory --mode 0700 --owner bridge-oracle --group bridge-oracle /var/lib/bridge-oracle
COPY --from=build /out/bridge-oracle /usr/local/bin/bridge-oracle
USER bridge-oracle
VOLUME /var/lib/bridge-oracle
# Alive means that it answers; whether it can work is told by /ready.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9586 && printf 'GET /health HTTP/1.0\\r\\n\\r\\n' >&3 && read -r line <&3 && [[ $line == *' 200 '* ]]"]
ENTRYPOINT ["bridge-oracle", "--home", "/var/lib/bridge-oracle"]
CMD ["start"]
