"""The append: commands decided one after another in memory, many of them in one database commit.

The appender (group commit), the memory it decides from, and the ports to what stores and seals.
"""
