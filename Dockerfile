# Genesis in a small image: what is needed to build stays behind, nobody runs it, nothing in it can be written.
FROM python:3.12-slim AS build
WORKDIR /build
COPY requirements.txt ./
# pip leaves compiled code beside the sources; nobody could write it later, and every start would compile anew.
RUN python -m venv /opt/genesis \
 && /opt/genesis/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary=:all: -r requirements.txt
COPY ai ./ai
# The smallest weights ship with the image, so that it thinks at once and without a network.
RUN mkdir -p /opt/models && /opt/genesis/bin/python -m ai.llm.local fetch 135m --to /opt/models

FROM python:3.12-slim
LABEL org.opencontainers.image.title="Genesis" \
      org.opencontainers.image.description="An AI that lives on a budget it cannot exceed."
# libgomp1: the embedded model's runtime computes with OpenMP.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 genesis \
 && useradd --uid 10001 --gid genesis --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin genesis \
 && mkdir -p /data/credits && chown -R genesis:genesis /data && chmod 700 /data /data/credits
COPY --from=build /opt/genesis /opt/genesis
COPY --from=build /opt/models /opt/models
COPY ai /app/ai
RUN /opt/genesis/bin/python -m compileall -q /app/ai \
 && printf '#!/bin/sh\nexec python -m ai "$@"\n' > /opt/genesis/bin/genesis && chmod 755 /opt/genesis/bin/genesis
ENV PATH=/opt/genesis/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DATA_DIR=/data \
    OBSERVER_HOST=0.0.0.0 \
    GENESIS_MODELS_DIR=/opt/models
WORKDIR /app
USER genesis
VOLUME /data
EXPOSE 8085
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "-I", "/app/ai/observer/probe.py"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "ai"]
CMD ["up"]
