"""Process managers: the opposite of aggregates. Events in, jobs out; jobs in, commands out.

Truth is in PostgreSQL (schema `work`); Dramatiq and Redis only carry job ids and may be wiped.
Nothing here is called by a request: the relay follows the log.
"""
