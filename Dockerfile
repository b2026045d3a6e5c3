# The hub as an image: what deploy/requirements.lock names, with hashes, and nothing to build with.
# It needs no root, writes to /data alone and runs with a read-only root file system (give it a tmpfs on /tmp).
FROM python:3.13.14-slim AS build
WORKDIR /src
RUN python -m venv /opt/ofh && python -m venv /opt/build
COPY requirements.lock ./
COPY deploy/requirements.lock deploy/
RUN /opt/ofh/bin/pip install --no-cache-dir --require-hashes -r deploy/requirements.lock \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY migrations migrations
COPY src src
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/ofh/bin/pip install --no-cache-dir --no-deps --no-index /wheels/*.whl

FROM python:3.13.14-slim
RUN groupadd --system --gid 10001 ofh \
    && useradd --system --uid 10001 --gid ofh --home-dir /data --no-create-home --shell /usr/sbin/nologin ofh \
    && install -d -o ofh -g ofh -m 0700 /data
COPY --from=build /opt/ofh /opt/ofh
ENV PATH=/opt/ofh/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OFH_DATA=/data \
    OFH_HOST=0.0.0.0 \
    OFH_MQTT_HOST=0.0.0.0 \
    OFH_LOG_FORMAT=json
# Inside a container every address is the container's own; which of them others reach is decided where ports are published.
WORKDIR /data
USER 10001:10001
VOLUME /data
EXPOSE 8000 1883
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["ofh"]
CMD ["serve"]
