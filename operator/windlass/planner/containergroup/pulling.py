"""When images are pulled: what the Pod's containers keep of that when their images change in place.

Kubernetes makes up an imagePullPolicy that is not given from the image's tag, when the Pod is created; after that it
cannot be changed, whatever image comes.
"""

from windlass.api.containers import ImagePullPolicy, InitContainer
from windlass.planner.containergroup.view import PodContainer


def default_pull_policy(image: str) -> ImagePullPolicy:
    """What Kubernetes makes of no imagePullPolicy: Always for the tag latest, which is meant where there is neither a
    tag nor a digest."""
    name, digest, _ = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2] or ("" if digest else "latest")
    return ImagePullPolicy.ALWAYS if tag == "latest" else ImagePullPolicy.IF_NOT_PRESENT


def pull_policy(container: InitContainer) -> ImagePullPolicy:
    """What a new Pod would have."""
    return container.image_pull_policy or default_pull_policy(container.image)


def staying_policy(container: InitContainer, there: PodContainer) -> str:
    """The policy that a new image keeps from the Pod's creation and would not have by its own tag; empty: none.

    Where only pulling too often is kept, it is told once: with the change by which the tag becomes another.
    """
    if container.image_pull_policy is not None or not there.pull_policy:
        return ""
    new = default_pull_policy(container.image)
    if there.pull_policy == new:
        return ""
    news = new is ImagePullPolicy.ALWAYS or default_pull_policy(there.image) is ImagePullPolicy.ALWAYS
    return there.pull_policy if news else ""
