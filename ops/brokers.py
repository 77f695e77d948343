"""Whether the broker is there when a worker starts; later on its absence is waited out."""

import time

import redis

WAIT_SECONDS = 3.0
POLL_SECONDS = 0.2


def wait_for(url: str) -> None:
    """Wait a moment for a broker that is just starting. Raises `redis.RedisError`."""
    deadline = time.monotonic() + WAIT_SECONDS
    with redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as client:
        while True:
            try:
                client.ping()
            except (redis.ConnectionError, redis.TimeoutError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL_SECONDS)
            else:
                return
