"""What a run measured, before any arithmetic."""

from stormdb.results.result import Finding, PhaseInfo, PluginInfo, RunResult, ServerInfo, Status

__all__ = ["Finding", "PhaseInfo", "PluginInfo", "RunResult", "ServerInfo", "Status"]
