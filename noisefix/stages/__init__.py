"""Stages: tables in, tables out; one file each, run by ``base.run_stage``."""
