"""Events: facts in the past tense. The `stored_as` name of each is kept for ever."""
