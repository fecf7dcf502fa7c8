"""The controller of LaunchTemplates."""
