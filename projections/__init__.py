"""The read side: projectors keep read models in step with the log; queries read them."""
