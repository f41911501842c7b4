# One image for each target: identity, tokens, example-api, migrate, and nats. No secret is in any: they come as files.
# NODE_IMAGE has node and npm, for the glibc or musl that it is built on; NATS_IMAGE nats-server, sh and wget.
ARG NODE_IMAGE=node:24-bookworm-slim
ARG NATS_IMAGE=nats:2.12-alpine

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM ${NODE_IMAGE} AS runtime
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/package.json /app/deploy/healthy.mjs ./
COPY --from=build /app/dist/libs ./dist/libs
# The user `node` of the public image, by its number: an image may have none of that name.
USER 1000:1000

FROM runtime AS migrate
COPY --from=build /app/dist/apps/identity ./dist/apps/identity
COPY --from=build /app/dist/apps/tokens ./dist/apps/tokens
CMD ["sh", "-c", "node dist/apps/identity/migrate.js && node dist/apps/tokens/migrate.js"]

FROM runtime AS identity
COPY --from=build /app/dist/apps/identity ./dist/apps/identity
EXPOSE 3001
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=6 CMD ["node", "healthy.mjs", "IDENTITY_PORT", "3001"]
CMD ["node", "--enable-source-maps", "dist/apps/identity/main.js"]

FROM runtime AS tokens
COPY --from=build /app/dist/apps/tokens ./dist/apps/tokens
EXPOSE 3002
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=6 CMD ["node", "healthy.mjs", "TOKENS_PORT", "3002"]
CMD ["node", "--enable-source-maps", "dist/apps/tokens/main.js"]

FROM runtime AS example-api
COPY --from=build /app/dist/apps/example-api ./dist/apps/example-api
EXPOSE 3003
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=6 CMD ["node", "healthy.mjs", "EXAMPLE_PORT", "3003"]
CMD ["node", "--enable-source-maps", "dist/apps/example-api/main.js"]

# nats-server as a user of its own, with a folder that it may write to: a new volume takes its owner from there.
FROM ${NATS_IMAGE} AS nats
USER 0:0
RUN mkdir -p /data && chown 1000:1000 /data
USER 1000:1000
WORKDIR /tokenlog
EXPOSE 4222
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=6 CMD ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8222/healthz"]
# The configuration reads passwords from the environment; the file that sets them is a secret's.
ENTRYPOINT ["sh", "-c", "set -a && . secrets/nats/passwords.env && exec nats-server -c \"${NATS_CONFIGURATION:-deploy/nats-server.conf}\" -m 8222"]
CMD []
