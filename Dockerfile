# The service as a container image (docs/container.md). It is compiled from this checkout; nothing but what runs gets into the image.

# Any image with a Node from version 22.19 on, npm and a shell.
ARG NODE_IMAGE=docker.io/library/node:24.22.3-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
# A clean installation of what runs: npm prune leaves empty directories. npm's own list of what it installed is left out, which may name the package
# registry of whoever built the image.
RUN npm run build && npm ci --omit=dev --ignore-scripts --no-audit --no-fund && rm node_modules/.package-lock.json

FROM ${NODE_IMAGE}
ARG NODE_IMAGE
LABEL org.opencontainers.image.title="gitlab-registry-usage-rest" \
      org.opencontainers.image.description="Shows what uses the disk of a container registry, and how much a deletion would free, as a HAL API" \
      org.opencontainers.image.version="1.0.0-alpha.1" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="${NODE_IMAGE}"

# Of a container every address is its own: whoever publishes the port says who may reach it. This counts more than the mounted file.
# The volume is all that can be written where the root is read-only, and so it is also where SQLite puts what does not fit into memory.
ENV GITLAB_REGISTRY_USAGE_REST_GENERAL_SOCKET_HOST=0.0.0.0 \
    STATE_DIRECTORY=/var/lib/gitlab-registry-usage-rest \
    SQLITE_TMPDIR=/var/lib/gitlab-registry-usage-rest
# By number, so that Kubernetes sees that it is not root. In Node's own images 1000 is the user `node`.
RUN mkdir -m 700 /var/lib/gitlab-registry-usage-rest && chown 1000:1000 /var/lib/gitlab-registry-usage-rest
# Whatever the umask of whoever made the checkout: user 1000 has to read them.
COPY --chmod=644 LICENSE package.json openapi.json container/health.js /opt/gitlab-registry-usage-rest/
COPY --from=build /build/node_modules /opt/gitlab-registry-usage-rest/node_modules
COPY --from=build /build/dist /opt/gitlab-registry-usage-rest/dist
USER 1000:1000
VOLUME /var/lib/gitlab-registry-usage-rest
EXPOSE 5000
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["node", "/opt/gitlab-registry-usage-rest/health.js"]
# The options are those of the first line of src/main.ts.
ENTRYPOINT ["node", "--disable-warning=ExperimentalWarning", "--max-semi-space-size=8", "--no-allocation-site-pretenuring", "/opt/gitlab-registry-usage-rest/dist/main.js"]
