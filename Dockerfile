# The first stage builds. The image has only the bundle and the packages that it needs at run time.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm run build
RUN npm prune --omit=dev

FROM node:24-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0
# Otherwise glibc keeps more of the memory of past hashes: docs/performance.md
ENV MALLOC_ARENA_MAX=2
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/prisma prisma
COPY --from=build /app/dist dist
# The server writes only here: the database, the keys, and mails without SMTP_URL.
RUN mkdir data && chown node:node data
VOLUME /app/data
USER node
EXPOSE 3000
# Liveness, not readiness: an outage of the database must not restart every replica. Balancers ask /health/ready.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/health/live`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# No shell in between, so that SIGTERM reaches the server.
CMD ["node", "dist/main.js"]
