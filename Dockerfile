# syntax=docker/dockerfile:1
# Every image of Taskflow: one static program each, a few MB, for linux/amd64 and linux/arm64. docker-bake.hcl builds all of them. To build one:
#   docker build --build-arg PROGRAM=complete-task --tag complete-task .
# All images share the stages up to `programs`, so these run once. Dependencies are a separate layer, which a change of the workspace's own code
# keeps. Base images are pinned by digest, because tags can move; `just pin-images` updates them.

# Compiles for either platform on whichever one builds, without emulation. zig is the linker, and the C compiler for the few crates that contain C.
FROM --platform=$BUILDPLATFORM rust:1.95.0-slim-bookworm@sha256:d7482085ff5b415f84dba5647ae71606650bdef00db7aeb69f4b3d170c3e4082 AS rust
# hadolint ignore=DL3008 # Debian keeps only the newest version of a package
RUN apt-get update && apt-get install --yes --no-install-recommends python3-pip && rm -rf /var/lib/apt/lists/* && \
    pip install --no-cache-dir --break-system-packages ziglang==0.15.2 && \
    cargo install --locked cargo-chef@0.1.78 cargo-zigbuild@0.24.1 && rm -rf "$CARGO_HOME/registry"
# The image contains the toolchain. With the file, rustup would download it again, with more components.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /taskflow

# The manifests and the lock file determine the dependencies.
FROM rust AS recipe
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM rust AS programs
ARG TARGETARCH
# Converts Docker's name of the platform to Rust's.
RUN case "$TARGETARCH" in amd64) echo x86_64 ;; arm64) echo aarch64 ;; *) echo "no such platform: $TARGETARCH" >&2; exit 1 ;; esac >/arch && \
    rustup target add "$(cat /arch)-unknown-linux-musl"
COPY --from=recipe /taskflow/recipe.json recipe.json
RUN cargo chef cook --locked --zigbuild --profile image --target "$(cat /arch)-unknown-linux-musl" --workspace --bins --recipe-path recipe.json
COPY . .
RUN cargo zigbuild --locked --profile image --target "$(cat /arch)-unknown-linux-musl" --workspace --bins && \
    mkdir /programs && find "target/$(cat /arch)-unknown-linux-musl/image" -maxdepth 1 -type f -executable -exec cp {} /programs/ \;

# Certificate authorities, time zones, a user 65532, and nothing else: no shell.
FROM gcr.io/distroless/static-debian12:nonroot@sha256:b7bb25d9f7c31d2bdd1982feb4dafcaf137703c7075dbe2febb41c24212b946f
ARG PROGRAM
COPY --from=programs /programs/${PROGRAM} /function
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/function"]
