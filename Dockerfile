# syntax=docker/dockerfile:1
# One image for store and agent: Node, the unchanged sources, and their dependencies. It builds only the
# WebAssembly, and the cache of compiled code, so a start takes no longer than with JavaScript.
#
#   docker buildx build --platform linux/amd64,linux/arm64 --sbom=true --provenance=true --tag skald .
#
# e2e/image.test.ts runs the commands of this file one by one, without a container engine.

FROM node:24-bookworm-slim AS build
WORKDIR /skald
COPY package.json package-lock.json .npmrc LICENSE ./
COPY packages packages
COPY release/build-wasm.mjs release/
# The compiler of WebAssembly, which the next `npm ci` removes.
RUN npm ci --ignore-scripts --workspace @skald/wire && node release/build-wasm.mjs && test -s packages/wire/build/snappy.wasm && test -s packages/query/build/field-spans.wasm && test -s packages/store/build/filter-keys.wasm && test -s packages/store/build/line-split.wasm
RUN npm ci --omit=dev --ignore-scripts
# Files that only builders, type checkers and other systems need.
RUN rm -rf packages/*/test packages/*/assembly node_modules/better-sqlite3/deps node_modules/better-sqlite3/src node_modules/bare-*/prebuilds node_modules/@aws-sdk/*/dist-es node_modules/@smithy/*/dist-es \
    && find node_modules/better-sqlite3/prebuilds -type f ! -name "linux-$(node -p process.arch).node" -delete \
    && find node_modules/fs-native-extensions/prebuilds -type f ! -path "*/linux-$(node -p process.arch)/*.node" -delete \
    && find node_modules packages/*/node_modules -type f \( -name '*.md' -o -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete
RUN npm sbom --package-lock-only --omit=dev --sbom-format=spdx > sbom.spdx.json
COPY release/warm-cache.ts release/
# The users of store and agent.
RUN node release/warm-cache.ts cache 10001 0 && rm -r release
RUN mkdir /data

FROM gcr.io/distroless/cc-debian12
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /skald /skald
COPY --from=build --chown=10001:10001 /data /data
ENV NODE_ENV=production NODE_COMPILE_CACHE=/skald/cache
# Reasons: packages/skald/bin/skald.
ENV NODE_OPTIONS=--max-semi-space-size=4 MALLOC_ARENA_MAX=2
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 3100 9080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 CMD ["node", "/skald/packages/skald/src/main.ts", "ready"]
ENTRYPOINT ["node", "/skald/packages/skald/src/main.ts"]
CMD ["store", "-common.path-prefix=/data", "-server.http-listen-address=", "-auth.enabled=false"]
