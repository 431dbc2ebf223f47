# The first stage builds. The image has only the bundle and the packages that it needs at run time.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY client/package.json client/
RUN npm ci
COPY . .
RUN npm run build
RUN npm prune --omit=dev
RUN npm run prune:production

FROM node:24-bookworm-slim
# Every IPv4 address of the container; a network with IPv6 alone needs HOST=::
ENV NODE_ENV=production HOST=0.0.0.0
# Otherwise glibc keeps more of the memory of past hashes: docs/performance.md
ENV MALLOC_ARENA_MAX=2
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/start.mjs ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/prisma prisma
COPY --from=build /app/dist dist
# The server writes only here: the database, the keys, and mails without SMTP_URL. The group can
# write too: OpenShift runs a container as a random user of group 0.
RUN mkdir -m 770 data && chown 1000:0 data
VOLUME /app/data
# By number, so that Kubernetes can check runAsNonRoot.
USER 1000:1000
EXPOSE 3000
# Liveness, not readiness: an outage of the database must not restart every replica. Balancers ask
# /health/ready.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["node", "dist/main.js", "health"]
# No shell in between, so that SIGTERM reaches the server.
CMD ["node", "dist/main.js"]
