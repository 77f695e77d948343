"""What the product does per second on this machine, each figure beside a floor of the same run."""
