# One image for authz, accounting and the migration: the command chooses the process.
# Every package is pinned by hash in requirements.lock; nothing secret is built in.
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY requirements-tools.lock requirements.lock requirements-litellm.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements-tools.lock
RUN uv venv /opt/pedagio \
 && uv pip sync --python /opt/pedagio --compile-bytecode --require-hashes requirements.lock
# Only LiteLLM's price file is wanted: one JSON out of the very wheel that runs beside us.
RUN awk '/^litellm==/ { found = 1 } found { print } found && !/\\$/ { exit }' \
      requirements-litellm.lock > litellm.lock \
 && uv pip install --target /build/wheel --no-deps --require-hashes -r litellm.lock \
 && install -D -m 0444 wheel/litellm/model_prices_and_context_window_backup.json \
      /usr/share/pedagio/model_prices.json
RUN printf '%s\n' '#!/opt/pedagio/bin/python' 'from accounting.cli import main' 'main()' \
      > /opt/pedagio/bin/pedagio \
 && chmod 0755 /opt/pedagio/bin/pedagio

FROM python:3.11-slim-bookworm
RUN groupadd --gid 1000 pedagio \
 && useradd --uid 1000 --gid 1000 --no-create-home --home-dir /app --shell /usr/sbin/nologin pedagio
COPY --from=build /opt/pedagio /opt/pedagio
COPY --from=build /usr/share/pedagio /usr/share/pedagio
# A new named volume takes over the rights of the folder that it covers.
RUN mkdir -p /var/spool/pedagio && chmod 1777 /var/spool/pedagio
WORKDIR /app
COPY protos ./protos
COPY credit ./credit
COPY authz ./authz
COPY accounting ./accounting
COPY migrations ./migrations
ENV PATH=/opt/pedagio/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PEDAGIO_PRICE_FILE=/usr/share/pedagio/model_prices.json
USER pedagio
CMD ["python", "-m", "authz"]
