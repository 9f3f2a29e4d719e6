"""Images of a batch in a ring over all processes.

The partner of image i is image (i + 1) % B of the global batch. A rank has
the partners of all its images but the last, whose partner is the first image
of the next rank: one image goes to the previous rank, however many ranks
there are.
"""

import torch
import torch.distributed as dist
from mmengine.dist import get_dist_info
from torch import Tensor


class NextFirst:
    """First images of the next rank, on their way while others compute.

    All ranks start the same exchanges in the same order and wait for them.

    Args:
        tensors: Batches (N, ...), of the same shape and dtype on every rank;
            their first rows are sent, and must not change before
            :meth:`wait`.
    """

    def __init__(self, *tensors: Tensor) -> None:
        self._sent = self._received = [x[:1] for x in tensors]
        self._requests = []
        rank, world_size = get_dist_info()
        if world_size == 1:
            return
        self._sent = [x.contiguous() for x in self._sent]
        self._received = [torch.empty_like(x) for x in self._sent]
        previous, following = (rank - 1) % world_size, (rank + 1) % world_size
        sends = [dist.P2POp(dist.isend, x, previous) for x in self._sent]
        receives = [
            dist.P2POp(dist.irecv, x, following) for x in self._received
        ]
        self._requests = dist.batch_isend_irecv(sends + receives)

    def wait(self) -> list[Tensor]:
        """Return what has come, (1, ...) for every tensor.

        With one process these are the own first images.
        """
        for request in self._requests:
            request.wait()
        self._requests = []
        return self._received


def next_in_batch(x: Tensor) -> Tensor:
    """Take for every image of (N, ...) its partner.

    Shape and dtype must be the same on every rank.
    """
    return torch.cat([x[1:], *NextFirst(x).wait()])
