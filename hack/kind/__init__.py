"""What kind needs where there is no registry of images: a Docker daemon, and images made of packages and Go modules."""
