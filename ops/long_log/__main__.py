"""`python -m ops.long_log` is `ops/bench log`."""

from ops.long_log.bench import bench

if __name__ == "__main__":
    bench()
