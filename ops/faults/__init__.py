"""Faults: the product under a known load while its parts are killed, stopped, wiped and doubled.

What must hold afterwards is judged by what the clients wrote down themselves (guide §1.4).
"""
