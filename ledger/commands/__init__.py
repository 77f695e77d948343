"""Commands: wishes in the imperative, each naming what it creates or addresses."""
