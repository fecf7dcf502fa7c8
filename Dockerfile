# The version that the tests run on, by its digest: the same base on every day. Any Debian with this Python under
# /usr/local, pip, setuptools and wheel will do.
ARG PYTHON_IMAGE=python:3.11-slim@sha256:9c900dea9e8fb7e16277c179b555cc72d29a352dbc33cff48ad5a0412fd5bfc7

FROM ${PYTHON_IMAGE} AS build
WORKDIR /source
COPY requirements requirements
# For hatchling, as locked.
RUN python -m pip install --quiet --no-cache-dir --root-user-action=ignore --require-hashes -r requirements/dev.txt
COPY pyproject.toml README.md LICENSE ./
COPY hack/image_venv hack/image_venv
COPY operator operator
RUN hack/image_venv /opt/windlass

FROM ${PYTHON_IMAGE}
RUN python -m pip uninstall --quiet --yes --root-user-action=ignore setuptools wheel pip \
    && rm -r "$(python -c 'import ensurepip; print(ensurepip.__path__[0])')"
COPY --from=build /opt/windlass /opt/windlass
ENV PATH=/opt/windlass/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
ENTRYPOINT ["python", "-m", "windlass"]
