"""Tests of routes that move and correct money: real ledger, real read models, real HTTP."""
