"""A job queue in a table: no job is lost, and none is done twice."""

from job_queue.plugin import PLUGIN

__all__ = ["PLUGIN"]
