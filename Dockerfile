# syntax=docker/dockerfile:1
# One image for store and agent: Node, the bundled program, the two libraries with native code, and the cache of
# compiled code.
#
#   docker buildx build --platform linux/amd64,linux/arm64 --sbom=true --provenance=true --tag skald .
#
# e2e/image.test.ts runs the commands of this file one by one, without a container engine.

FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc tsconfig.json LICENSE ./
COPY packages packages
COPY release release
RUN npm ci --ignore-scripts && node release/trim-modules.mjs && node release/build-wasm.mjs && node release/build-page.mjs && test -s packages/wire/build/snappy.wasm && test -s packages/query/build/field-spans.wasm && test -s packages/store/build/filter-keys.wasm && test -s packages/store/build/line-split.wasm && test -s packages/page/build/page.pack
RUN node release/program.ts --with-native-packages /skald && cp LICENSE /skald
RUN npm sbom --package-lock-only --omit=dev --sbom-format=spdx > /skald/sbom.spdx.json
# The users of store and agent.
RUN node release/warm-cache.ts /skald 10001 0
RUN mkdir /data

FROM gcr.io/distroless/cc-debian12
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /skald /skald
COPY --from=build --chown=10001:10001 /data /data
ENV NODE_ENV=production NODE_COMPILE_CACHE=/skald/cache
# Reasons: packages/skald/bin/skald.
ENV NODE_OPTIONS=--max-semi-space-size=4 MALLOC_ARENA_MAX=2
ENV MALLOC_MMAP_THRESHOLD_=131072 MALLOC_TRIM_THRESHOLD_=2097152
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 3100 9080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 CMD ["node", "/skald/dist/main.js", "ready"]
ENTRYPOINT ["node", "/skald/dist/main.js"]
CMD ["store", "-common.path-prefix=/data", "-server.http-listen-address=", "-auth.enabled=false"]
