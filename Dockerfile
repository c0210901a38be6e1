# The relay alone: compiled JavaScript, production dependencies and Node, without shell, package manager or root.
# Base images are named by version here; pin them by digest in your own build (deploy/run-book.md, "Image").
ARG NODE_IMAGE=node:24-bookworm-slim
ARG RUNTIME_IMAGE=gcr.io/distroless/nodejs24-debian12:nonroot

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc tsconfig.json tsconfig.build.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY src ./src
# Maps, declarations and the compiler's state are for machines that have the sources; nothing loads them here.
RUN npm run build && find dist -type f \( -name '*.map' -o -name '*.d.ts' -o -name .tsbuildinfo \) -delete

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
ENV NODE_ENV=production
COPY package.json package-lock.json .npmrc ./
# Native parts (bufferutil) come prebuilt or fall back to JavaScript, so nothing has to run at install time.
# Node refuses TypeScript below node_modules, so sources, declarations and maps there, half of all bytes, are never read.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && npm cache clean --force \
  && find node_modules -type f \( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name .package-lock.json \) -delete

FROM ${RUNTIME_IMAGE}
ENV NODE_ENV=production
# Before WORKDIR, which would make /app for the base image's user: the relay could then replace its own code.
COPY --from=dependencies /app/node_modules /app/node_modules
COPY --from=build /app/dist /app/dist
COPY package.json LICENSE /app/
WORKDIR /app
# Numeric, so that a platform can tell that it is not root.
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["/nodejs/bin/node", "dist/healthcheck.js"]
ENTRYPOINT ["/nodejs/bin/node"]
CMD ["dist/main.js"]
