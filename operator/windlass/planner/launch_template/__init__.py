"""Decisions about LaunchTemplates: what their words stand for, and what their statuses say."""
