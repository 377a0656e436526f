# One image for the four services and for the command: the container's command says which of them it is.
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS build
# An own mirror of Python packages; known to this stage alone.
ARG PIP_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv --without-pip /opt/nuxari
WORKDIR /build
COPY requirements.lock ./
RUN python -m pip --python /opt/nuxari/bin/python install --quiet --require-hashes --no-deps --only-binary :all: -r requirements.lock
COPY pyproject.toml README.md ./
COPY schemas schemas
COPY shared shared
COPY services services
COPY deploy/build-requirements.in deploy/healthy.py deploy/
# Modules are compiled here, once: the running container can write none.
RUN python -m pip --python /opt/nuxari/bin/python install --quiet --no-deps --no-build-isolation ./schemas . \
 && python -m pip --python /opt/nuxari/bin/python uninstall --quiet --yes -r deploy/build-requirements.in \
 && install -m 644 deploy/healthy.py /opt/nuxari/healthy.py

FROM ${BASE_IMAGE}
COPY --from=build /opt/nuxari /opt/nuxari
ENV PATH=/opt/nuxari/bin:/usr/local/bin:/usr/bin:/bin HOME=/tmp NUXARI_HOME=/tmp/nuxari NUXARI_HOST=0.0.0.0 \
    PYTHONDONTWRITEBYTECODE=1 PYTHONSAFEPATH=1 PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /tmp
# What it answers is kept by the engine: `docker inspect` then says what a container waits for.
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-I", "-S", "/opt/nuxari/healthy.py"]
CMD ["nuxari-security", "--help"]
