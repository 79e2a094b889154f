# Written by `make package`; change packaging/manifest.toml or tools/package.py. How to run it: packaging/README.md.
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock ./
RUN pip download --quiet --no-cache-dir --require-hashes --requirement requirements.lock --dest /wheels
COPY pyproject.toml README.md LICENSE ./
COPY configs ./configs
COPY servers ./servers
COPY shared ./shared
RUN python -m venv /opt/openmanager \
    && /opt/openmanager/bin/pip install --quiet --no-cache-dir --no-index --find-links /wheels . \
    && /opt/openmanager/bin/python -m compileall -q /opt/openmanager/lib

FROM python:3.13-slim-bookworm
LABEL io.modelcontextprotocol.server.name="io.github.openmanager/openmanager-mcp" \
    org.opencontainers.image.title="OpenManager" \
    org.opencontainers.image.description="An operations bench for AI assistants: fleet analysis, files, Git, web search, UI components" \
    org.opencontainers.image.version="0.1.0" \
    org.opencontainers.image.source="https://github.com/openmanager/openmanager-mcp" \
    org.opencontainers.image.licenses="MIT"
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 openmanager \
    && install -d -o openmanager -g openmanager -m 0700 /data \
    && install -d -o openmanager -g openmanager /work
COPY --from=build /opt/openmanager /opt/openmanager
ENV PATH=/opt/openmanager/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    OPENMANAGER_HOME=/data \
    OPENMANAGER_ROOTS=/work \
    OPENMANAGER_HTTP_TOKEN_ENV=OPENMANAGER_TOKEN \
    OPENMANAGER_ALLOWED_HOSTS=localhost,127.0.0.1
USER openmanager
WORKDIR /work
VOLUME ["/data"]
EXPOSE 8765
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=60s --timeout=15s --start-period=30s --retries=3 CMD ["openmanager", "status", "--url", "http://127.0.0.1:8765", "--token-env", "OPENMANAGER_TOKEN"]
ENTRYPOINT ["openmanager"]
CMD ["up", "--config", "development", "--host", "0.0.0.0"]
