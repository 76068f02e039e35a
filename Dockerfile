# Builds the container image of the service from this checkout (docs/container.md). The image contains only the files that the service needs at run time.

# Any image with Node 22.19 or later, npm and a shell.
ARG NODE_IMAGE=docker.io/library/node:24.22.3-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
# Installs the production packages anew, because `npm prune` leaves empty directories. Deletes npm's list of installed packages, because it may contain
# the address of the package registry that this build used.
RUN npm run build && npm ci --omit=dev --ignore-scripts --no-audit --no-fund && rm node_modules/.package-lock.json

FROM ${NODE_IMAGE}
ARG NODE_IMAGE
LABEL org.opencontainers.image.title="gitlab-registry-usage-rest" \
      org.opencontainers.image.description="Shows which images use the disk space of a container registry, and how much space a deletion would free, as a HAL API" \
      org.opencontainers.image.version="1.0.0-alpha.1" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="${NODE_IMAGE}"

# The service listens on all addresses of the container; the published port decides who can reach it. This overrides the mounted file.
# SQLite's temporary files are in the volume, because it is the only writable place if the root is read-only.
ENV GITLAB_REGISTRY_USAGE_REST_GENERAL_SOCKET_HOST=0.0.0.0 \
    STATE_DIRECTORY=/var/lib/gitlab-registry-usage-rest \
    SQLITE_TMPDIR=/var/lib/gitlab-registry-usage-rest
# A number, so that Kubernetes can check that the user is not root. In Node's own images, 1000 is the user `node`.
RUN mkdir -m 700 /var/lib/gitlab-registry-usage-rest && chown 1000:1000 /var/lib/gitlab-registry-usage-rest
# User 1000 must be able to read these files, whatever the umask was when they were checked out.
COPY --chmod=644 LICENSE package.json openapi.json container/health.js /opt/gitlab-registry-usage-rest/
COPY --from=build /build/node_modules /opt/gitlab-registry-usage-rest/node_modules
COPY --from=build /build/dist /opt/gitlab-registry-usage-rest/dist
USER 1000:1000
VOLUME /var/lib/gitlab-registry-usage-rest
EXPOSE 5000
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["node", "/opt/gitlab-registry-usage-rest/health.js"]
# The same Node options as in the first line of src/main.ts.
ENTRYPOINT ["node", "--disable-warning=ExperimentalWarning", "--max-semi-space-size=8", "--no-allocation-site-pretenuring", "/opt/gitlab-registry-usage-rest/dist/main.js"]
