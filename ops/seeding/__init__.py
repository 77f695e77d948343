"""Seeding: demo data made by ordinary commands; a second run changes nothing."""
